//! `tracer attach` and `tracer run`: sets everything up in the order that loses nothing, gives up every
//! right that is not needed any more, and hands over to the engine.

use std::{path::PathBuf, process::Child, time::SystemTime};

use tokio::runtime::Runtime;
use tracer_core::tracker::{Tracker, TrackerOptions};

use crate::{
    capture::{Captured, Pipes},
    child,
    cli::{
        args::{Attach, Run},
        settings::{JsonTarget, OutputSettings},
    },
    clock,
    engine::{Engine, Signals, Target},
    failure::Failure,
    filter::Selection,
    live::Live,
    namespaces::Namespaces,
    privilege::{self, Duties},
    resolve,
    sink::{
        Description, Machine, Sinks,
        output::OutputPath,
        tui::{self, About},
    },
    source::kernel::{
        Kernel, Options,
        cgroup::{CgroupPaths, ChildCgroup, Hierarchy},
        check_rights,
    },
};

/// A trace that is set up and running.
struct Session {
    kernel: Kernel,
    tracker: Tracker,
    namespaces: Namespaces,
    cgroups: CgroupPaths,
    sinks: Sinks,
    pipes: Option<(Pipes, Option<std::fs::File>)>,
    runtime: Runtime,
    signals: Signals,
}

/// `tracer attach`
pub(crate) fn attach(arguments: &Attach) -> Result<u8, Failure> {
    let output = OutputSettings::validate(&arguments.output, false)?;
    check_rights()?;
    let hierarchy = Hierarchy::find()?;
    let selection = Selection::validate(&arguments.filter, &hierarchy)?;
    let packets = selection
        .only_cgroup
        .clone()
        .unwrap_or_else(|| hierarchy.mount().to_path_buf());
    let mut session = Session::begin(hierarchy, &selection, output, None)?;
    session.kernel.attach(&packets)?;
    for pid in resolve::with_descendants(&selection.pids) {
        session.kernel.trace_process(pid)?;
    }
    session.adopt()?;
    give_up_rights(&session.sinks, false)?;
    let target = if selection.pids.is_empty() {
        Target::Anything
    } else {
        Target::Processes
    };
    session.sinks.say_begun();
    session.finish(target)
}

/// `tracer run`
pub(crate) fn run(arguments: &Run) -> Result<u8, Failure> {
    if !arguments.filter.pid.is_empty() {
        let text = "--pid goes with attach; run traces the command it starts";
        return Err(Failure::Usage(text.into()));
    }
    let output = OutputSettings::validate(&arguments.output, true)?;
    check_rights()?;
    let hierarchy = Hierarchy::find()?;
    let mut selection = Selection::validate(&arguments.filter, &hierarchy)?;
    selection.kernel.by_process = 1;
    let cgroup = ChildCgroup::create(&hierarchy)?;
    let command: Vec<String> = arguments
        .command
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let log = child_log(arguments, &output)?;
    let mut session = Session::begin(hierarchy, &selection, output, Some(command))?;
    if session.sinks.output.screen.is_some() {
        let pipes = Pipes::open().map_err(Failure::internal("making pipes for the command"))?;
        session.pipes = Some((pipes, log));
    }
    let packets: PathBuf = cgroup.dir().into();
    session.kernel.attach(&packets)?;
    let child = session.start(arguments, &cgroup)?;
    give_up_rights(&session.sinks, true)?;
    session.finish(Target::Command {
        child,
        _cgroup: cgroup,
    })
}

/// The file for what the command prints, open.
fn child_log(arguments: &Run, output: &OutputSettings) -> Result<Option<std::fs::File>, Failure> {
    let Some(path) = &arguments.child_log else {
        return Ok(None);
    };
    if output.screen.is_none() {
        let text = "--child-log goes with the live screen, which needs a terminal on standard output; redirect the command's output instead";
        return Err(Failure::Usage(text.into()));
    }
    let log = OutputPath::open(path, privilege::sudo_user())?.begin()?;
    Ok(Some(log.commit_open()?))
}

/// Drops capabilities; needs to happen before any thread is started, and after the command was.
fn give_up_rights(sinks: &Sinks, run: bool) -> Result<(), Failure> {
    let duties = Duties {
        name_processes: true,
        follow_namespaces: false,
        signal_command: run,
        remove_cgroup: run,
        // At the live screen one key writes the export.
        write_files: sinks.output.screen.is_some()
            || matches!(sinks.output.json, Some(JsonTarget::File(_))),
    };
    Ok(privilege::drop_to(&duties.capabilities())?)
}

/// The runtime, which starts no thread, and the signals, which from now on end nothing by themselves.
fn listen() -> Result<(Runtime, Signals), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal("starting the runtime"))?;
    let guard = runtime.enter();
    let signals = Signals::listen().map_err(Failure::internal("listening for signals"))?;
    drop(guard);
    Ok((runtime, signals))
}

impl Session {
    /// Loads the kernel programs and opens what needs rights later on.
    fn begin(
        hierarchy: Hierarchy,
        selection: &Selection,
        output: OutputSettings,
        command: Option<Vec<String>>,
    ) -> Result<Self, Failure> {
        let namespaces = Namespaces::open()?;
        let options = Options {
            filter: selection.kernel.clone(),
            kernel_log: output.kernel_log,
        };
        let kernel = Kernel::load(&options)?;
        let tracker = Tracker::new(TrackerOptions {
            max_hosts: output.max_hosts,
            hosts: selection.hosts.clone(),
            ..TrackerOptions::default()
        });
        let description = Description {
            machine: Machine::this(),
            started_at: SystemTime::now(),
            started_ns: clock::monotonic_ns(),
            ended_ns: None,
            filter: selection.json.clone(),
            command,
        };
        let sinks = Sinks {
            output,
            description,
        };
        let (runtime, signals) = listen()?;
        Ok(Self {
            kernel,
            tracker,
            namespaces,
            cgroups: CgroupPaths::new(hierarchy),
            sinks,
            pipes: None,
            runtime,
            signals,
        })
    }

    /// Takes in the sockets that are open already. Programs are attached before, so nothing falls between.
    fn adopt(&mut self) -> Result<(), Failure> {
        for (netns, ports) in self.namespaces.listening() {
            self.kernel.add_listeners(netns, &ports)?;
        }
        let sweep = self.kernel.sweep()?;
        self.tracker.take_sweep(&sweep, false);
        Ok(())
    }

    /// Starts the command. tracer is in the traced set while it forks, so that the child is in it from its
    /// first instruction.
    fn start(&mut self, arguments: &Run, cgroup: &ChildCgroup) -> Result<Child, Failure> {
        let own = std::process::id();
        self.kernel.trace_process(own)?;
        let pipes = self.pipes.as_mut().map(|(pipes, _)| pipes);
        let child = child::start(&arguments.command, cgroup, pipes);
        self.kernel.forget_process(own)?;
        child
    }

    /// The thread that draws, and the one that reads what the command prints.
    fn open_screen(&mut self) -> Result<(Option<Live>, Option<Captured>), Failure> {
        let Some(settings) = self.sinks.output.screen else {
            return Ok((None, None));
        };
        let read = |(pipes, log): (Pipes, _)| pipes.read(log);
        let captured = self.pipes.take().map(read).transpose();
        let captured = captured.map_err(Failure::internal("reading the command's output"))?;
        let (mut live, wires) = Live::new(settings.refresh);
        let output = captured.as_ref().map(|captured| captured.lines.clone());
        let about = About::of(&self.sinks.description);
        let screen = tui::open(settings, about, wires, output);
        live.belongs_to(screen.map_err(Failure::internal("opening the live screen"))?);
        Ok((Some(live), captured))
    }

    fn finish(mut self, target: Target) -> Result<u8, Failure> {
        let (live, captured) = self.open_screen()?;
        let engine = Engine {
            kernel: self.kernel,
            tracker: self.tracker,
            namespaces: self.namespaces,
            cgroups: self.cgroups,
            sinks: self.sinks,
            target,
            live,
            captured,
        };
        self.runtime.block_on(engine.run(self.signals))
    }
}

impl Sinks {
    /// Tells a person (and a script that waits for it) that tracing has begun.
    fn say_begun(&self) {
        if !self.output.quiet && self.output.screen.is_none() {
            eprintln!("tracer: tracing; Ctrl-C ends it");
        }
    }
}
