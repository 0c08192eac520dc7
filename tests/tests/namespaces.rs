//! Network namespaces that are removed while tracer runs: they go, and what is said of them and of others is true.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tracer_export::TimeWait;
use tracer_tests::check::Differences;
use tracer_tests::client::Client;
use tracer_tests::compare;
use tracer_tests::export::shown;
use tracer_tests::machine::require_root;
use tracer_tests::namespace::Namespace;
use tracer_tests::port;
use tracer_tests::process::{PATIENCE, Process, wait_for};
use tracer_tests::server::Threaded;
use tracer_tests::tracer::Attached;

const COUNT: u64 = 25;
/// The end of a veth pair in the namespace that stays, and the one in the namespace that goes.
const STAYS: &str = "tracer-v0";
const GOES: &str = "tracer-v1";
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 2);

/// A shell that does one line after the other, each when it is told to.
struct Shell(Child);

impl Shell {
    /// Runs `first` below `program`, and waits until it is done.
    fn start(program: &[&str], first: &str, then: &[&str]) -> Result<Self> {
        let mut script = format!("{first}; echo");
        for line in then {
            script.push_str(&format!("; read line; {line}; echo"));
        }
        script.push_str("; read line");
        let own = format!("/proc/{}/ns/net", std::process::id());
        let mut command = Command::new(program[0]);
        command
            .args(&program[1..])
            .args(["sh", "-ec", &script, &own]);
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut shell = Self(child);
        shell.wait()?;
        Ok(shell)
    }

    /// Does the next line.
    fn go_on(&mut self) -> Result<()> {
        let input = self.0.stdin.as_mut().context("no standard input")?;
        input.write_all(b"\n")?;
        self.wait()
    }

    fn wait(&mut self) -> Result<()> {
        let output = self.0.stdout.as_mut().context("no standard output")?;
        Ok(output.read_exact(&mut [0])?)
    }

    fn id(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A veth pair between `stays` and the namespace that `ip` finds by this name or process id.
fn join(stays: &Namespace, goes: &str) -> Result<()> {
    let pair = [
        "link", "add", STAYS, "type", "veth", "peer", "name", GOES, "netns", goes,
    ];
    stays.ip(&pair)
}

/// Waits until the pair is gone: the kernel has removed the other namespace. tracer runs all the while.
fn wait_until_removed(stays: &Namespace, attached: &mut Attached) -> Result<()> {
    wait_for("the namespace to be removed", PATIENCE, || {
        ensure!(!attached.has_ended()?, "tracer has ended");
        Ok(stays.ip(&["link", "show", STAYS]).is_err().then_some(()))
    })
}

fn window_ns(attached: &Attached) -> Option<u64> {
    attached.export().ok()?.window.duration_ns
}

/// Waits until tracer has looked so many more seconds, by its own clock.
fn traced_for(attached: &Attached, seconds: u64) -> Result<()> {
    let begun = wait_for("an export", PATIENCE, || Ok(window_ns(attached)))?;
    wait_for("tracer to go on", PATIENCE, || {
        let passed = window_ns(attached).is_some_and(|now| now >= begun + seconds * 1_000_000_000);
        Ok(passed.then_some(()))
    })
}

/// A figure of TIME_WAIT.
type Figure = fn(&TimeWait) -> Option<u64>;

const ENTERED: Figure = |time_wait| time_wait.entered;
const CURRENT: Figure = |time_wait| time_wait.current;
const PEAK: Figure = |time_wait| time_wait.peak;
const ORPHANS_NOW: Figure = |time_wait| time_wait.orphans_now;
const NAMESPACES_UNSEEN: Figure = |time_wait| time_wait.namespaces_unseen;
const NAMESPACES_REMOVED: Figure = |time_wait| time_wait.namespaces_removed;

/// Waits until the export has these counts.
fn wait_for_counts(attached: &Attached, expected: &[(Figure, u64)]) -> Result<()> {
    let what = format!(
        "{:?}",
        expected.iter().map(|(_, count)| count).collect::<Vec<_>>()
    );
    let reached = |(figure, count): &(Figure, u64)| {
        let export = attached.export().ok()?;
        (figure(&export.time_wait)? == *count).then_some(())
    };
    wait_for(&what, PATIENCE, || {
        Ok(expected
            .iter()
            .try_for_each(|one| reached(one).ok_or(()))
            .ok())
    })
    .with_context(|| match attached.export() {
        Ok(export) => shown(&export.time_wait),
        Err(error) => error.to_string(),
    })
}

fn closes(address: SocketAddr) -> Result<Client> {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    Client::python("closes.py", &["close", &COUNT.to_string(), &host, &port])
}

/// Runs the client inside.
fn crawl(namespace: &Namespace, address: SocketAddr) -> Result<()> {
    let client = closes(address)?.inside(namespace);
    let mut command = Command::new(client.command.first().context("no command")?);
    command.args(client.command.iter().skip(1));
    let finished = Process::start(&mut command)?.finish()?;
    ensure!(finished.status.success(), "{finished:?}");
    Ok(())
}

#[test]
fn a_named_namespace_that_is_deleted_goes() -> Result<()> {
    require_root()?;
    let (stays, goes) = (Namespace::new()?, Namespace::new()?);
    join(&stays, goes.name())?;
    let mut attached = Attached::start(&["--port", "1"])?;
    drop(goes);
    wait_until_removed(&stays, &mut attached)?;
    attached.end(Signal::SIGINT).map(drop)
}

#[test]
fn a_nameless_namespace_goes_with_its_last_process() -> Result<()> {
    require_root()?;
    let stays = Namespace::new()?;
    let inside = Shell::start(&["unshare", "--net", "--"], "true", &[])?;
    join(&stays, &inside.id())?;
    let mut attached = Attached::start(&["--port", "1"])?;
    drop(inside);
    wait_until_removed(&stays, &mut attached)?;
    attached.end(Signal::SIGINT).map(drop)
}

/// The only name of the namespace is in a mount namespace that tracer is not in. While it exists tracer keeps listing it,
/// and counts what a later process leaves in TIME_WAIT.
#[test]
fn a_namespace_that_is_named_elsewhere_stays_until_the_name_goes() -> Result<()> {
    require_root()?;
    let port = port::unused()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stays = Namespace::new()?;
    let private = [
        "unshare",
        "--net",
        "--mount",
        "--propagation",
        "private",
        "--",
    ];
    let mount = "ip link set lo up; mount --bind /proc/self/ns/net /etc/hostname";
    // The shell becomes one of the test's namespace, in the mount namespace of its own.
    let leave = r#"exec nsenter --net="$0" sh -c "echo; read line""#;
    let mut shell = Shell::start(&private, mount, &[leave])?;
    join(&stays, &shell.id())?;
    let mut attached = Attached::start(&["--port", &port.to_string(), "--interval", "200ms"])?;
    shell.go_on()?;
    // Far more looks than tracer needs to find out that nobody is there.
    traced_for(&attached, 5)?;
    stays
        .ip(&["link", "show", STAYS])
        .context("removed while it was named")?;
    let path = format!("--net=/proc/{}/root/etc/hostname", shell.id());
    let listener = enter(&path, address)?;
    let server = Threaded::over(listener, close_after)?;
    let client = closes(address)?.line();
    let mut inside = Command::new("nsenter");
    inside.args([&path, "sh", "-c", &client]);
    let finished = Process::start(&mut inside)?.finish()?;
    ensure!(finished.status.success(), "{finished:?}");
    wait_for_counts(
        &attached,
        &[(ENTERED, COUNT), (CURRENT, COUNT), (NAMESPACES_UNSEEN, 0)],
    )?;
    drop(server);
    drop(shell);
    wait_until_removed(&stays, &mut attached)?;
    attached.end(Signal::SIGINT).map(drop)
}

/// A listener in the namespace of a file, given as nsenter takes it.
fn enter(net: &str, address: SocketAddr) -> Result<TcpListener> {
    let path = net.trim_start_matches("--net=").to_owned();
    let listen = move || -> Result<TcpListener> {
        let file = std::fs::File::open(path)?;
        nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET)?;
        Ok(TcpListener::bind(address)?)
    };
    let thread = std::thread::spawn(listen);
    thread
        .join()
        .map_err(|_| anyhow::anyhow!("the thread panicked"))?
}

/// Answers, and closes when the client has.
fn close_after(mut stream: TcpStream) {
    let mut byte = [0];
    // A client that is gone shows in the counts.
    let _ = stream
        .read_exact(&mut byte)
        .and_then(|()| stream.write_all(b"!"))
        .and_then(|()| stream.read_to_end(&mut Vec::new()));
}

/// Closes the first [`COUNT`] connections after the client, and keeps the others until the sender is dropped.
fn close_the_first(listener: TcpListener) -> Result<(Threaded, Sender<()>)> {
    let (keep, kept): (Sender<()>, Receiver<()>) = channel();
    let (kept, number) = (Mutex::new(kept), AtomicU64::new(0));
    let server = Threaded::over(listener, move |mut stream| {
        if number.fetch_add(1, Ordering::SeqCst) < COUNT {
            return close_after(stream);
        }
        let mut byte = [0];
        let _ = stream
            .read_exact(&mut byte)
            .and_then(|()| stream.write_all(b"!"));
        let _ = kept.lock().map(|kept| kept.recv());
    })?;
    Ok((server, keep))
}

/// `stays` with a server, and a namespace whose clients reach it.
fn connected() -> Result<(Namespace, Namespace)> {
    let (stays, goes) = (Namespace::new()?, Namespace::new()?);
    join(&stays, goes.name())?;
    for (namespace, device, address) in [
        (&stays, STAYS, "10.78.0.2/24"),
        (&goes, GOES, "10.78.0.1/24"),
    ] {
        namespace.ip(&["addr", "add", address, "dev", device])?;
        namespace.ip(&["link", "set", device, "up"])?;
    }
    Ok((stays, goes))
}

#[test]
fn what_was_in_time_wait_goes_with_it_and_others_stay_exact() -> Result<()> {
    require_root()?;
    let port = port::unused()?;
    let (stays, goes) = connected()?;
    let address = SocketAddr::from((SERVER, port));
    let listener = stays.run(move || Ok(TcpListener::bind(address)?))?;
    let (server, keep) = close_the_first(listener)?;
    let attached = Attached::start(&["--port", &port.to_string(), "--interval", "200ms"])?;
    crawl(&goes, address)?;
    let before = [(ENTERED, COUNT), (CURRENT, COUNT), (NAMESPACES_REMOVED, 0)];
    wait_for_counts(&attached, &before)?;
    // These stay in FIN_WAIT2: the server does not close.
    crawl(&goes, address)?;
    wait_for_counts(&attached, &[(ORPHANS_NOW, COUNT)])?;
    drop(goes);
    let after = [
        (NAMESPACES_REMOVED, 1),
        (ENTERED, COUNT),
        (CURRENT, 0),
        (ORPHANS_NOW, 0),
    ];
    wait_for_counts(&attached, &after)?;
    drop((server, keep));
    // The namespace that stays has a crawler, too.
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = stays.run(move || Ok(TcpListener::bind(address)?))?;
    let _server = Threaded::over(listener, close_after)?;
    crawl(&stays, address)?;
    let last = [(ENTERED, 2 * COUNT), (CURRENT, COUNT), (PEAK, COUNT)];
    wait_for_counts(&attached, &last)?;
    let traced = attached.end(Signal::SIGINT)?;
    let mut differences = Differences::of("one namespace removed, one not");
    compare!(
        &mut differences,
        traced.export,
        time_wait.entered = 2 * COUNT,
        time_wait.current = COUNT,
        time_wait.peak = COUNT,
        time_wait.namespaces_removed = 1,
        time_wait.namespaces_unseen = 0,
        time_wait.orphans_lost = 0,
        totals.connections.established = 3 * COUNT,
    );
    traced.export.compare_losses(&mut differences);
    differences.finish(|| {
        format!(
            "{}\ntime_wait: {}",
            traced.story(),
            shown(&traced.export.time_wait)
        )
    })
}
