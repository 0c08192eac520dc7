//! Figures of `bench overhead` as text and as JSON.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::bpf::Program;
use super::load::Workload;
use super::observer::{Observer, Report};
use super::options::Options;

/// Machine of the measurement and its load.
pub(crate) struct Machine {
    kernel: String,
    cpus: usize,
    load_at_start: f64,
    pub(crate) load_at_end: f64,
}

impl Machine {
    pub(crate) fn this() -> Result<Self> {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?
            .trim()
            .to_owned();
        let cpus = std::thread::available_parallelism()?.get();
        let load_at_start = load_average()?;
        Ok(Self {
            kernel,
            cpus,
            load_at_start,
            load_at_end: load_at_start,
        })
    }
}

/// Load average of the last minute.
pub(crate) fn load_average() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    text.split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .context("/proc/loadavg")
}

/// Figures of one observer under one workload.
pub(crate) struct Row {
    pub(crate) workload: Workload,
    pub(crate) observer: Observer,
    /// Requests per second while watched and while not watched, one pair for each round.
    pairs: Vec<(f64, f64)>,
    cpu_s: Vec<f64>,
    lost: Option<u64>,
    /// Costs in the runs with statistics.
    costs: Vec<Cost>,
}

/// Time of the programs in one run.
struct Cost {
    requests: u64,
    programs: Vec<Program>,
}

impl Cost {
    /// Time in BPF programs for one request.
    fn ns(&self) -> f64 {
        let total = self.programs.iter().map(|program| program.time_ns).sum();
        per(total, self.requests)
    }
}

impl Row {
    pub(crate) fn new(workload: Workload, observer: Observer) -> Self {
        Self {
            workload,
            observer,
            pairs: Vec::new(),
            cpu_s: Vec::new(),
            lost: None,
            costs: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, watched: f64, unwatched: f64, report: &Report) {
        self.pairs.push((watched, unwatched));
        self.cpu_s.extend(report.cpu.map(|cpu| cpu.as_secs_f64()));
        if let Some(lost) = report.lost {
            *self.lost.get_or_insert(0) += lost;
        }
    }

    /// Adds a run with statistics.
    pub(crate) fn add_cost(&mut self, requests: u64, programs: Vec<Program>) {
        if requests > 0 && programs.iter().any(|program| program.runs > 0) {
            self.costs.push(Cost { requests, programs });
            self.costs.sort_by(|a, b| a.ns().total_cmp(&b.ns()));
        }
    }

    /// Cost of the median run.
    fn cost(&self) -> Option<&Cost> {
        self.costs.get(self.costs.len() / 2)
    }

    fn programs(&self) -> &[Program] {
        self.cost().map_or(&[], |cost| &cost.programs)
    }

    fn ratios(&self) -> Vec<f64> {
        sorted(
            self.pairs
                .iter()
                .map(|(watched, unwatched)| watched / unwatched),
        )
    }

    fn unwatched(&self) -> f64 {
        median(&sorted(self.pairs.iter().map(|(_, unwatched)| *unwatched)))
    }

    /// Share of one processor that the observer's process took.
    fn cpu_share(&self, seconds: u32) -> Option<f64> {
        let cpu = sorted(self.cpu_s.iter().copied());
        (!cpu.is_empty()).then(|| median(&cpu) / f64::from(seconds))
    }

    /// Time in BPF programs for one request.
    fn bpf_ns(&self) -> Option<f64> {
        self.cost().map(Cost::ns)
    }

    /// Time by which a request takes longer than without an observer, of a client that does nothing but wait for its
    /// processor.
    fn added_ns(&self) -> f64 {
        let unwatched = 1e9 / self.unwatched();
        unwatched / median(&self.ratios()) - unwatched
    }

    /// Number of times that a request comes to a probe.
    fn hits(&self) -> f64 {
        let probes = self.programs().iter().filter(|one| is_probe(&one.name));
        let requests = self.cost().map_or(0, |cost| cost.requests);
        per(probes.map(|one| one.runs).sum(), requests)
    }

    fn json(&self, seconds: u32) -> Value {
        let ratios = self.ratios();
        json!({
            "workload": self.workload.name(),
            "observer": self.observer.name(),
            "ratio": {"median": median(&ratios), "min": ratios.first(), "max": ratios.last(), "all": ratios},
            "requests_per_s_unwatched": self.unwatched(),
            "cpu_share": self.cpu_share(seconds),
            "lost": self.lost,
            "bpf_ns_per_request": self.bpf_ns(),
            "added_ns_per_request": self.added_ns(),
            "probe_hits_per_request": self.hits(),
            "programs": self.programs().iter().map(|program| self.program_json(program)).collect::<Vec<_>>(),
        })
    }

    fn program_json(&self, program: &Program) -> Value {
        json!({
            "name": program.name,
            "runs": program.runs,
            "time_ns": program.time_ns,
            "ns_per_run": per(program.time_ns, program.runs),
            "runs_per_request": per(program.runs, self.cost().map_or(0, |cost| cost.requests)),
        })
    }
}

pub(crate) fn text(options: &Options, machine: &Machine, rows: &[Row]) -> String {
    let mut text = format!(
        "Linux {}, {} CPUs, load average {:.2} before and {:.2} after; {} pairs of {} s\n",
        machine.kernel,
        machine.cpus,
        machine.load_at_start,
        machine.load_at_end,
        options.pairs,
        options.seconds
    );
    for workload in Workload::ALL {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.workload == workload).collect();
        if rows.is_empty() {
            continue;
        }
        ratios(&mut text, workload, &rows, options.seconds);
        probes(&mut text, &rows);
        programs(&mut text, workload, &rows);
    }
    text
}

fn ratios(text: &mut String, workload: Workload, rows: &[&Row], seconds: u32) {
    let rate = median(&sorted(rows.iter().map(|row| row.unwatched())));
    let _ = writeln!(
        text,
        "\n{:<12}{:>7}  {:<14}{:>14}{:>10}{:>7}{:>7}    unwatched: {rate:.0} {}s/s",
        workload.name(),
        "ratio",
        "middle half",
        "BPF ns/unit",
        "to floor",
        "CPU",
        "lost",
        workload.unit()
    );
    let floor = rows.iter().find(|row| row.observer == Observer::Floor);
    let floor_ns = floor.and_then(|floor| floor.bpf_ns());
    for row in rows {
        let all = row.ratios();
        let (low, high) = middle_half(&all);
        let spread = format!("{low:.3}..{high:.3}");
        let above = row.bpf_ns().zip(floor_ns).map(|(ns, floor)| ns - floor);
        let _ = writeln!(
            text,
            "{:<12}{:>7.3}  {spread:<14}{:>14}{:>10}{:>7}{:>7}",
            row.observer.name(),
            median(&all),
            dash(row.bpf_ns().map(|ns| format!("{ns:.0}"))),
            dash(above.map(|ns| format!("{ns:+.0}"))),
            dash(
                row.cpu_share(seconds)
                    .map(|share| format!("{:.1}%", share * 100.0))
            ),
            dash(row.lost.map(|lost| lost.to_string())),
        );
    }
}

/// Cost of the probes in the client's TLS library, where some were hit: for a request, and for a hit above `--http2 off`.
fn probes(text: &mut String, rows: &[&Row]) {
    let off = rows.iter().find(|row| row.observer == Observer::Off);
    for row in rows.iter().filter(|row| row.hits() > 0.0) {
        let (added, hits) = (row.added_ns(), row.hits());
        let hit = off.map(|off| (added - off.added_ns()) / hits);
        let _ = writeln!(
            text,
            "  {}: {added:+.0} ns/request, {hits:.2} hits/request, {} ns/hit above off",
            row.observer.name(),
            dash(hit.map(|ns| format!("{ns:.0}")))
        );
    }
}

/// Tells whether a program belongs to the probes of OpenSSL.
fn is_probe(name: &str) -> bool {
    name.starts_with("ssl_")
}

fn programs(text: &mut String, workload: Workload, rows: &[&Row]) {
    for row in rows {
        let Some(cost) = row.cost() else { continue };
        let _ = writeln!(text, "  {}:", row.observer.name());
        for program in cost.programs.iter().filter(|program| program.runs > 0) {
            let _ = writeln!(
                text,
                "    {:<18}{:>7.0} ns/run{:>9.3} runs/{}",
                program.name,
                per(program.time_ns, program.runs),
                per(program.runs, cost.requests),
                workload.unit()
            );
        }
    }
}

pub(crate) fn json(options: &Options, machine: &Machine, rows: &[Row]) -> Value {
    json!({
        "kernel": machine.kernel,
        "cpus": machine.cpus,
        "load_average": [machine.load_at_start, machine.load_at_end],
        "pairs": options.pairs,
        "seconds": options.seconds,
        "rows": rows.iter().map(|row| row.json(options.seconds)).collect::<Vec<_>>(),
    })
}

fn dash(cell: Option<String>) -> String {
    cell.unwrap_or_else(|| "-".to_owned())
}

fn per(sum: u64, count: u64) -> f64 {
    sum as f64 / count.max(1) as f64
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Quartiles of sorted values.
fn middle_half(sorted: &[f64]) -> (f64, f64) {
    let cut = sorted.len() / 4;
    let at = |at: usize| sorted.get(at).copied().unwrap_or(f64::NAN);
    (at(cut), at((sorted.len() - cut).wrapping_sub(1)))
}

/// Median of sorted values; NaN if there are none.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_table() {
        let mut row = Row::new(Workload::KeepAlive, Observer::Attach);
        for watched in [95.0, 97.0, 96.0] {
            let cpu = Some(std::time::Duration::from_millis(40));
            row.add(
                watched,
                100.0,
                &Report {
                    cpu,
                    programs: Vec::new(),
                    lost: Some(1),
                },
            );
        }
        let program = |time_ns| Program {
            id: 1,
            name: "packet_in".to_owned(),
            runs: 20,
            time_ns,
        };
        for time_ns in [9000, 2000, 3000] {
            row.add_cost(10, vec![program(time_ns)]);
        }
        let mut floor = Row::new(Workload::KeepAlive, Observer::Floor);
        floor.add_cost(10, vec![program(1000)]);
        let mut text = String::new();
        ratios(&mut text, Workload::KeepAlive, &[&floor, &row], 4);
        let cells: Vec<&str> = text.lines().nth(3).unwrap().split_whitespace().collect();
        assert_eq!(
            cells,
            [
                "attach",
                "0.960",
                "0.950..0.970",
                "300",
                "+200",
                "1.0%",
                "3"
            ]
        );
        text.clear();
        programs(&mut text, Workload::KeepAlive, &[&row]);
        assert!(text.contains("150 ns/run    2.000 runs/request"), "{text}");
    }
}
