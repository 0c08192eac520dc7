//! `cargo xtask bench overhead`: how much slower a watched client becomes, for tracer and its peers in one run.
//!
//! Unwatched and watched runs alternate: N w1 N w2 N …, in reverse order every other round. A ratio divides a watched run
//! by the mean of its two neighbours, so that a slow drift of the machine cancels. Afterwards each observer runs again with
//! BPF statistics on. The statistics themselves cost time, so no ratio is taken from these runs.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::bpf::{self, Hook, Stats};
use super::load::{self, Load, Served, Server, Workload};
use super::observer::{self, Observer, Report, Watch};
use super::options::{COST_ROUNDS, Options};
use super::table::{self, Machine, Row};
use crate::{build, setup, shell, workspace};

/// Longest time that `tracer run` takes to start its command.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let options = Options::parse(args)?;
    if !shell::is_root() {
        bail!("attaching programs and making a network namespace need root");
    }
    setup::for_bench()?;
    if options.build {
        build::build(&setup::for_build()?)?;
    }
    let home = workspace::target_dir().join("bench");
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    eprintln!("bench: about {} s", options.expected_s());
    let (machine, rows) = Bench::begin(&options, &home)?.run()?;
    let text = table::text(&options, &machine, &rows);
    print!("{text}");
    fs::write(home.join("overhead.txt"), &text)?;
    let json = serde_json::to_string_pretty(&table::json(&options, &machine, &rows))?;
    fs::write(home.join("overhead.json"), json + "\n")?;
    println!("{}", home.join("overhead.json").display());
    Ok(ExitCode::SUCCESS)
}

struct Bench<'a> {
    options: &'a Options,
    observers: Vec<Observer>,
    home: PathBuf,
    hooks: Vec<Hook>,
    _server: Server,
}

impl<'a> Bench<'a> {
    fn begin(options: &'a Options, home: &Path) -> Result<Self> {
        load::enter_own_namespaces()?;
        let server = Server::start(home)?;
        let mut bench = Self {
            options,
            observers: options.observers.clone(),
            home: home.into(),
            hooks: Vec::new(),
            _server: server,
        };
        bench.hooks = bench.tracer_hooks()?;
        bench.leave_out_absent();
        Ok(bench)
    }

    fn tracer_hooks(&self) -> Result<Vec<Hook>> {
        let watch = Watch::start(Observer::Bystander, &self.home, &[])?;
        let hooks = watch.hooks()?;
        watch.stop()?;
        Ok(hooks)
    }

    /// Leaves out peers that do not work on this kernel. tracer has to work.
    fn leave_out_absent(&mut self) {
        let home = self.home.clone();
        self.observers.retain(|observer| {
            let works = observer.is_tracer() || *observer == Observer::Floor;
            let tried = || Watch::start(*observer, &home, &[]).and_then(Watch::stop);
            works
                || tried()
                    .inspect_err(|error| eprintln!("bench: without {}: {error:#}", observer.name()))
                    .is_ok()
        });
    }

    fn run(&self) -> Result<(Machine, Vec<Row>)> {
        let mut machine = Machine::this()?;
        let mut rows = Vec::new();
        for workload in Workload::ALL {
            let watching = self.observers.iter().filter(|one| one.watches(workload));
            let mut of_workload: Vec<Row> = watching
                .map(|observer| Row::new(workload, *observer))
                .collect();
            if of_workload.is_empty() {
                continue;
            }
            // The first run on a cold machine is slower, so it is not counted.
            Load::start(&workload.command(1))?.finish()?;
            for round in 0..self.options.pairs {
                self.round(workload, round, &mut of_workload)?;
            }
            for round in 0..self.options.pairs.min(COST_ROUNDS) {
                self.costs(round, &mut of_workload)?;
            }
            rows.append(&mut of_workload);
        }
        machine.load_at_end = table::load_average()?;
        Ok((machine, rows))
    }

    fn round(&self, workload: Workload, round: u32, rows: &mut [Row]) -> Result<()> {
        let (mut before, _) = self.measure(workload, Observer::Nobody)?;
        for at in order(round, rows.len()) {
            let (watched, report) = self.measure(workload, rows[at].observer)?;
            let (after, _) = self.measure(workload, Observer::Nobody)?;
            let unwatched = (before.per_second + after.per_second) / 2.0;
            rows[at].add(watched.per_second, unwatched, &report);
            eprintln!(
                "bench: {} {}/{} {}: {:.3}",
                workload.name(),
                round + 1,
                self.options.pairs,
                rows[at].observer.name(),
                watched.per_second / unwatched
            );
            before = after;
        }
        Ok(())
    }

    /// Runs each observer once more, with statistics.
    fn costs(&self, round: u32, rows: &mut [Row]) -> Result<()> {
        let _stats = Stats::enable()?;
        for at in order(round, rows.len()) {
            let (served, report) = self.measure(rows[at].workload, rows[at].observer)?;
            rows[at].add_cost(served.requests, report.programs);
        }
        Ok(())
    }

    fn measure(&self, workload: Workload, observer: Observer) -> Result<(Served, Report)> {
        let watch = Watch::start(observer, &self.home, &self.hooks)?;
        let command = workload.command(self.options.seconds);
        let load = Load::start(&observer.wrap(command, &observer::export_file(&self.home)))?;
        let _programs = match observer.runs_load() {
            true => self.hold_programs(&load)?,
            false => Vec::new(),
        };
        let served = load.finish()?;
        Ok((served, watch.stop()?))
    }

    /// Descriptors of the programs of `tracer run`, which has loaded all of them when it starts its command. It ends with its command, and the descriptors keep its programs readable.
    fn hold_programs(&self, load: &Load) -> Result<Vec<OwnedFd>> {
        let deadline = Instant::now() + STARTS_WITHIN;
        while !load.has_child() && Instant::now() < deadline {
            sleep(Duration::from_millis(20));
        }
        let programs = bpf::held_by(load.pid())?.programs;
        programs
            .iter()
            .map(|program| bpf::open_program(program.id))
            .collect()
    }
}

/// Order of the observers in a round: backwards in every other round.
fn order(round: u32, count: usize) -> Vec<usize> {
    let forwards = 0..count;
    match round % 2 {
        0 => forwards.collect(),
        _ => forwards.rev().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let parse = |line: &str| {
            Options::parse(
                &line
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>(),
            )
        };
        let options = parse("--pairs 2 --only attach,tcpdump").unwrap();
        assert_eq!((options.pairs, options.seconds), (2, 4));
        assert_eq!(options.observers, [Observer::Attach, Observer::Tcpdump]);
        assert!(parse("--only strace").is_err());
        assert!(parse("--pairs 0").is_err());
        assert!(parse("--pairs").is_err());
    }
}
