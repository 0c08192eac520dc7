//! `tracer attach` and `tracer run`: the setup, in an order that loses no connection. Then tracer gives up the rights
//! that it does not need any more and starts the engine.

use std::{collections::HashSet, ffi::OsString, path::PathBuf, sync::Arc, time::SystemTime};

use tokio::runtime::Runtime;
use tracer_core::{
    input::Input,
    tracker::{Tracker, TrackerOptions},
};
use tracer_settings::Layers;

use crate::{
    cli::{
        args::{self, Attach, OutputArguments, Run},
        layers::Effective,
        settings::OutputSettings,
    },
    failure::Failure,
    files::output::OutputPath,
    say::say,
    signals::{Held, Signals},
    source::{
        Source,
        kernel::{
            Kernel, Options,
            cgroup::{CgroupPaths, ChildCgroup, Hierarchy},
            check_rights,
            uprobe::{Placed, cost},
        },
        probes::{
            self, Probes,
            choice::{self, Choice},
            placer::Placer,
        },
        record::Recorder,
        recording,
        replay::Replay,
        tracing::{Audience, Http2, Target, Tracing},
    },
    trace::{
        account::Account,
        capture::Pipes,
        child::{self, Started},
        clock,
        description::{Description, Machine},
        engine::{Engine, reload::Reload},
        filter::Selection,
        intake::Intake,
        namespaces::Namespaces,
        notify::Notifier,
        playback::Speed,
        privilege::{self, Duties},
        resolve,
    },
};

/// A trace that is set up and running.
struct Setup {
    kernel: Kernel,
    tracker: Intake,
    namespaces: Namespaces,
    cgroups: CgroupPaths,
    output: OutputSettings,
    description: Description,
    pipes: Option<(Pipes, Option<std::fs::File>)>,
    /// Way in which HTTP/2 is read.
    http2: Choice,
    /// Probe by which the cost of probes was measured; it is to be removed.
    measured: Option<Placed>,
    /// Placer of probes, if frames of HTTP/2 are read; it moves to the thread of `probes`.
    placer: Option<Placer>,
    /// The thread that places probes.
    probes: Option<Probes>,
    /// Records of the sockets that were open before.
    adopted: Vec<u8>,
    /// True if every process that starts another program is surely traced.
    traces_all: bool,
    /// Layers of settings that may change while tracing.
    reloadable: Option<Reloadable>,
    runtime: Runtime,
    signals: Signals,
}

/// Layers of settings, and what they give now.
pub(crate) type Reloadable = (Layers, Arc<Effective>);

/// `tracer attach`. With `layers` the settings may change while it runs; `shown` are those that its server shows.
pub(crate) fn attach(
    arguments: &Attach,
    layers: Option<Reloadable>,
    shown: Option<String>,
) -> Result<u8, Failure> {
    let mut output = OutputSettings::validate(&arguments.output, false)?;
    output.rotate(arguments)?;
    output.shown.set(shown.unwrap_or_default());
    check_rights()?;
    let hierarchy = Hierarchy::find()?;
    let mut selection = Selection::validate(&arguments.filter, &arguments.pid, &hierarchy)?;
    selection.kernel.live = u32::from(layers.is_some());
    // Another filter may ask for other cgroups.
    let only = selection.only_cgroup.clone().filter(|_| layers.is_none());
    let packets = only.unwrap_or_else(|| hierarchy.mount().to_path_buf());
    let held = hold_signals()?;
    let setup = &arguments.output;
    let mut session = Setup::begin(hierarchy, &selection, output, setup, None, &held)?;
    session.reloadable = layers;
    session.kernel.attach(&packets)?;
    session.trace_descendants(&selection.pids)?;
    session.adopt()?;
    session.give_up_rights(false)?;
    let target = if selection.pids.is_empty() {
        Target::Anything
    } else {
        Target::Processes
    };
    say_served(&session.output);
    say_begun(&session.output);
    session.finish(target)
}

/// `tracer run`
pub(crate) fn run(arguments: &Run) -> Result<u8, Failure> {
    if !arguments.pid.is_empty() {
        let text = "--pid goes with attach; run traces the command it starts";
        return Err(Failure::Usage(text.into()));
    }
    child::check(&arguments.command)?;
    let output = OutputSettings::validate(&arguments.output, true)?;
    let user = arguments.user.as_deref().map(Account::find).transpose()?;
    check_rights()?;
    let hierarchy = Hierarchy::find()?;
    let mut selection = Selection::validate(&arguments.filter, &[], &hierarchy)?;
    selection.kernel.by_process = 1;
    // From here on a signal must not end tracer at once: the cgroup would remain.
    let held = hold_signals()?;
    let cgroup = ChildCgroup::create(&hierarchy)?;
    let command: Vec<String> = arguments
        .command
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let log = child_log(arguments, &output)?;
    let setup = &arguments.output;
    let mut session = Setup::begin(hierarchy, &selection, output, setup, Some(command), &held)?;
    say_served(&session.output);
    if session.output.screen.is_some() {
        let pipes = Pipes::open().map_err(Failure::internal("making pipes for the command"))?;
        session.pipes = Some((pipes, log));
    }
    let packets: PathBuf = cgroup.dir().into();
    session.kernel.attach(&packets)?;
    if let Some(placer) = &mut session.placer {
        placer.command(&arguments.command);
    }
    let child = session.start(&arguments.command, user.as_ref(), &cgroup, &held)?;
    session.give_up_rights(true)?;
    session.finish(Target::Command {
        child,
        _cgroup: cgroup,
    })
}

/// Open file for the output of the command (`--child-log`).
fn child_log(arguments: &Run, output: &OutputSettings) -> Result<Option<std::fs::File>, Failure> {
    let Some(path) = &arguments.child_log else {
        return Ok(None);
    };
    if output.screen.is_none() {
        let text = "--child-log goes with the live screen, which needs a terminal on standard output; redirect the command's output instead";
        return Err(Failure::Usage(text.into()));
    }
    let log = OutputPath::open(path, output.invoker.as_ref())?.begin()?;
    Ok(Some(log.commit_open()?))
}

/// Holds back the signals that would end tracer, until they are read.
fn hold_signals() -> Result<Held, Failure> {
    Held::hold().map_err(Failure::internal("holding signals back"))
}

/// Makes the runtime, which starts no thread, and the receiver of held and future signals.
fn listen(held: &Held) -> Result<(Runtime, Signals), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal("starting the runtime"))?;
    let guard = runtime.enter();
    let signals = held.listen();
    drop(guard);
    Ok((
        runtime,
        signals.map_err(Failure::internal("listening for signals"))?,
    ))
}

impl Setup {
    /// Loads the kernel programs and opens all that needs rights which tracer gives up later.
    fn begin(
        hierarchy: Hierarchy,
        selection: &Selection,
        output: OutputSettings,
        arguments: &OutputArguments,
        command: Option<Vec<String>>,
        held: &Held,
    ) -> Result<Self, Failure> {
        let namespaces = Namespaces::open()?;
        let mut measured = None;
        let http2 = choice::choose(arguments.http2, || {
            let cost::Measured { hit, probe } = cost::measure()?;
            measured = Some(probe);
            Ok(hit)
        });
        let options = Options {
            filter: selection.kernel.clone(),
            http2: http2.mode,
            kernel_log: arguments.kernel_log,
        };
        let mut kernel = Kernel::load(&options)?;
        let placer = kernel.take_uprobes().map(Placer::new).transpose();
        let placer = placer.map_err(Failure::internal("watching files with probes"))?;
        let options = TrackerOptions {
            max_hosts: arguments.max_hosts as usize,
            hosts: selection.hosts.clone(),
            traces: output.traces,
            ..TrackerOptions::default()
        };
        let description = Description {
            machine: Machine::this(),
            started_at: SystemTime::now(),
            started_ns: clock::monotonic_ns(),
            as_of_ns: 0,
            command_cpu: None,
            http2: Some(http2.explained()),
            filter: selection.described.clone(),
            command,
        };
        let recorder = match &output.record {
            None => None,
            Some(path) => {
                let file = path.begin()?.commit_open()?;
                Some(Recorder::new(
                    file,
                    recording::start(&description, &options),
                ))
            }
        };
        let tracker = Intake::new(Tracker::new(options), recorder);
        let (runtime, signals) = listen(held)?;
        Ok(Self {
            kernel,
            tracker,
            namespaces,
            cgroups: CgroupPaths::new(hierarchy),
            output,
            description,
            pipes: None,
            http2,
            measured,
            placer,
            probes: None,
            adopted: Vec::new(),
            traces_all: selection.traces_all() && selection.kernel.live == 0,
            reloadable: None,
            runtime,
            signals,
        })
    }

    /// Takes in the sockets that are already open. The programs are attached before, so no socket is missed.
    fn adopt(&mut self) -> Result<(), Failure> {
        for (netns, ports) in self.namespaces.listening() {
            self.kernel.add_listeners(netns, &ports)?;
        }
        let sweep = self.kernel.sweep()?;
        self.tracker.input(&Input::Sweep {
            records: &sweep,
            last: false,
        });
        if let Some(placer) = &mut self.placer {
            probes::look_at_owners(placer, &sweep);
        }
        self.adopted = sweep;
        Ok(())
    }

    /// Starts the thread that places probes, which keeps rights that the others do not have, and drops capabilities. Call it
    /// after the command was started, and before any other thread is.
    fn give_up_rights(&mut self, run: bool) -> Result<(), Failure> {
        let start = |placer| Probes::start(placer, self.traces_all, &self.adopted);
        let probes = self.placer.take().map(start).transpose();
        self.probes =
            probes.map_err(Failure::internal("starting the thread that places probes"))?;
        let output = &self.output;
        // The live screen has a key that writes the export.
        let may_change = self.reloadable.is_some();
        let writes = output.screen.is_some() || output.sinks.write_files() || may_change;
        let duties = Duties {
            name_processes: true,
            follow_namespaces: false,
            signal_command: run,
            remove_cgroup: run,
            write_files: writes,
            act_as_invoker: writes && output.invoker.is_some(),
        };
        privilege::come_first();
        Ok(privilege::drop_to(
            &duties.capabilities(),
            usize::from(self.probes.is_some()),
        )?)
    }

    /// Traces these processes and their descendants. A process is put on the list before its children are looked for: a
    /// child is then found here, or added by the kernel program when it is forked. A process that has ended meanwhile
    /// is removed.
    fn trace_descendants(&mut self, roots: &[u32]) -> Result<(), Failure> {
        let mut traced = HashSet::new();
        let mut found = roots.to_vec();
        while !found.is_empty() {
            for &pid in &found {
                self.kernel.trace_process(pid)?;
                traced.insert(pid);
                if resolve::has_ended(pid) {
                    self.kernel.forget_process(pid)?;
                }
            }
            found = resolve::with_descendants(roots);
            found.retain(|pid| !traced.contains(pid));
        }
        if let Some(placer) = &mut self.placer {
            traced.into_iter().for_each(|pid| placer.process(pid));
        }
        Ok(())
    }

    /// Starts the command. tracer itself is in the traced set while it forks, so that the child is in the set from its
    /// first instruction.
    fn start(
        &mut self,
        command: &[OsString],
        user: Option<&Account>,
        cgroup: &ChildCgroup,
        held: &Held,
    ) -> Result<Started, Failure> {
        let own = std::process::id();
        self.kernel.trace_process(own)?;
        let pipes = self.pipes.as_mut().map(|(pipes, _)| pipes);
        let child = child::start(command, user, cgroup, pipes, held.before());
        self.kernel.forget_process(own)?;
        Ok(child?)
    }

    /// Starts the threads, which have no rights any more, and the engine.
    fn finish(mut self, target: Target) -> Result<u8, Failure> {
        let notifier = match target {
            // A command may be the service itself.
            Target::Command { .. } => Notifier::default(),
            Target::Anything | Target::Processes => Notifier::of_environment(),
        };
        let audience = Audience {
            screen: self.output.screen.is_some(),
            recording: self.tracker.recorder.is_some(),
            summary: !self.output.quiet,
        };
        if let Some(recorder) = &mut self.tracker.recorder {
            let started = recorder.start();
            started.map_err(Failure::internal("starting the thread that records"))?;
        }
        let watched = self.namespaces.watch();
        watched.map_err(Failure::internal(
            "starting the thread that watches network namespaces",
        ))?;
        let read = |(pipes, log): (Pipes, _)| pipes.read(log);
        let captured = self.pipes.map(read).transpose();
        let captured = captured.map_err(Failure::internal("reading the command's output"))?;
        self.measured.into_iter().for_each(Placed::remove);
        let http2 = Http2 {
            choice: self.http2,
            probes: self.probes,
        };
        let tracing = Tracing::new(
            self.kernel,
            self.namespaces,
            self.cgroups,
            target,
            audience,
            http2,
        );
        let source = Source::Tracing(Box::new(tracing));
        let mut engine = Engine::new(
            source,
            self.tracker,
            self.output,
            self.description,
            captured,
        )?;
        let reload = |(layers, running)| Reload::begin(layers, running);
        engine.run_as_service(self.reloadable.map(reload), notifier);
        self.runtime.block_on(engine.run(self.signals))
    }
}

/// `tracer replay`
pub(crate) fn replay(arguments: &args::Replay) -> Result<u8, Failure> {
    let output = OutputSettings::of_replay(&arguments.results)?;
    let usual = match output.screen {
        Some(_) => Speed::Times(1.0),
        None => Speed::Max,
    };
    let (mut replay, start) = Replay::open(&arguments.file, arguments.speed.unwrap_or(usual))?;
    if let Some(after) = arguments.until {
        replay.end_after(after);
    }
    let options = TrackerOptions {
        traces: output.traces,
        ..recording::options(&start)
    };
    let description = recording::description(start);
    let (runtime, signals) = listen(&hold_signals()?)?;
    let source = Source::Replay(Box::new(replay));
    let intake = Intake::new(Tracker::new(options), None);
    let engine = Engine::new(source, intake, output, description, None)?;
    runtime.block_on(engine.run(signals))
}

/// Prints that tracing has begun, for the user and for scripts that wait for it.
fn say_begun(output: &OutputSettings) {
    if !output.quiet && output.screen.is_none() {
        say("tracing; Ctrl-C ends it");
    }
}

/// Prints where results are served, since the port may have been chosen by the system.
fn say_served(output: &OutputSettings) {
    if let Some(serving) = &output.serving
        && let Ok(address) = serving.address()
        && !output.quiet
        && output.screen.is_none()
    {
        say(format!("serving http://{address}/metrics"));
    }
}
