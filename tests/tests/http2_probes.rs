//! Uprobes in TLS libraries: they see each request of HTTP/2, change nothing, and go with tracer, however it ends.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tracer_common::http2::FramesRecord;
use tracer_common::record::{direction, kind};
use tracer_probe::{Function, Mapped, examine_file, mapped};
use tracer_recording::{Entry, Input, Reader};
use tracer_tests::build;
use tracer_tests::certificate::Certificate;
use tracer_tests::client::Client;
use tracer_tests::machine::{fixture, program, require_root, tracer_binary, venv_python};
use tracer_tests::process::{Finished, PATIENCE, Process, output, wait_for};
use tracer_tests::recording::record;
use tracer_tests::server::{Nginx, NginxOptions};
use zerocopy::FromZeros;
use zerocopy::IntoBytes;

const FRAMES: [&str; 2] = ["--http2", "frames"];
const ROUNDS: u64 = 5;
const AT_ONCE: u64 = 8;

fn site() -> Result<(Nginx, String)> {
    let options = NginxOptions {
        protocols: Some("TLSv1.3"),
        http2: true,
        ..NginxOptions::default()
    };
    let site = Nginx::start(options, &Certificate::small()?)?;
    let url = format!("https://localhost:{}/", site.port);
    Ok((site, url))
}

/// Script for Node: all requests at once on one session, their bodies' lengths printed.
const NODE: &str = "
const session = require('node:http2').connect(process.argv[1], { rejectUnauthorized: false });
let open = Number(process.argv[2]), bytes = 0;
for (let number = open; number > 0; number -= 1) {
  const request = session.request({ ':path': '/' });
  request.on('data', (data) => { bytes += data.length; });
  request.on('end', () => { open -= 1; if (open === 0) { session.close(); console.log(bytes); } });
}
";

fn curl(url: &str, count: u64) -> Client {
    let urls = std::iter::repeat_n(url.to_owned(), count as usize);
    let fixed = ["curl", "-sk", "--http2", "--parallel"].map(String::from);
    Client::new("curl", fixed.into_iter().chain(urls))
}

fn node(url: &str, count: u64) -> Result<Client> {
    let node = program("node", "nodejs")?.into_os_string();
    let rest = [
        "-e".into(),
        NODE.into(),
        url.into(),
        count.to_string().into(),
    ];
    Ok(Client::new("node", std::iter::once(node).chain(rest)))
}

fn go(url: &str, count: u64, suffix: &str, flags: &[&str]) -> Result<Client> {
    let binary = build::go_with("clients/probes/http2.go", suffix, flags)?;
    let rest = [
        url.into(),
        count.to_string().into(),
        AT_ONCE.to_string().into(),
    ];
    Ok(Client::new(
        "go",
        std::iter::once(binary.into_os_string()).chain(rest),
    ))
}

fn httpx(url: &str) -> Result<Client> {
    let numbers = [ROUNDS, AT_ONCE].map(|number| number.to_string());
    Client::python("h2_kept.py", &[url, &numbers[0], &numbers[1], "now"])
}

/// Records of frames in a recording.
fn frames(trace: &Path) -> Result<Vec<FramesRecord>> {
    let (mut reader, _) = Reader::open(File::open(trace)?)?;
    let mut found = Vec::new();
    while let Some(entry) = reader.next() {
        if let Entry::Input(Input::Record(record)) = entry
            && record.first() == Some(&kind::HTTP2_FRAMES)
        {
            let mut frames = FramesRecord::new_zeroed();
            let length = record.len().min(size_of::<FramesRecord>());
            frames.as_mut_bytes()[..length].copy_from_slice(&record[..length]);
            found.push(frames);
        }
    }
    Ok(found)
}

/// Number of requests: HEADERS frames that the client has sent on streams of its own.
fn requests(trace: &Path) -> Result<u64> {
    const HEADERS: u8 = 1;
    let mut count = 0;
    for record in frames(trace)? {
        let sent = record.direction == direction::EGRESS;
        let frames = record.frames.iter().take(record.count.into());
        let begins = |kind, stream: u32| kind == HEADERS && stream % 2 == 1;
        count += frames
            .filter(|it| sent && begins(it.kind, it.stream))
            .count() as u64;
    }
    Ok(count)
}

/// The frames of a client are all its requests, and its output is what it is without tracer.
fn check(client: impl Fn(&str) -> Result<Client>) -> Result<()> {
    let (site, url) = site()?;
    let client = client(&url)?;
    let alone = client.start()?.finish()?;
    let traced = record(&FRAMES, &client)?;
    same(&alone, &traced.finished)?;
    let both = site.seen()?.http2.context("nginx counts no HTTP/2")?;
    let seen = requests(&traced.trace())?;
    ensure!(
        2 * seen == both && seen > 0,
        "{:?}: {seen} of {} requests: {}",
        client.comm,
        both / 2,
        traced.finished.stderr
    );
    Ok(())
}

fn same(alone: &Finished, traced: &Finished) -> Result<()> {
    ensure!(alone.status.success(), "{alone:?}");
    ensure!(
        alone.status == traced.status && alone.stdout == traced.stdout,
        "{alone:?}\n{traced:?}"
    );
    Ok(())
}

#[test]
fn curl_is_read() -> Result<()> {
    check(|url| Ok(curl(url, 20)))
}

/// The first program is a shell, which starts curl later.
#[test]
fn a_child_is_read() -> Result<()> {
    check(|url| {
        Ok(Client::shell(
            "curl",
            r#"sleep 0.1; curl -sk --http2 "$1""#,
            &[url],
        ))
    })
}

#[test]
fn httpx_is_read() -> Result<()> {
    check(httpx)
}

#[test]
fn node_is_read() -> Result<()> {
    check(|url| node(url, 30))
}

#[test]
fn go_is_read() -> Result<()> {
    check(|url| go(url, 50, "-plain", &[]))?;
    check(|url| go(url, 50, "-plain-stripped", &["-ldflags", "-s -w"]))?;
    check(|url| go(url, 50, "-pie", &["-buildmode=pie"]))?;
    check(|url| {
        go(
            url,
            50,
            "-pie-stripped",
            &["-buildmode=pie", "-ldflags", "-s -w"],
        )
    })
}

/// Go's stacks move while its functions are probed.
#[test]
fn stacks_may_move() -> Result<()> {
    let binary = build::go("clients/probes/stacks.go")?;
    let client = Client::new("stacks", [binary.into_os_string(), "300".into()]);
    let alone = client.start()?.finish()?;
    let traced = record(&FRAMES, &client)?;
    same(&alone, &traced.finished)
}

/// The errors and the exit status of a client are its own.
#[test]
fn failures_stay_the_same() -> Result<()> {
    require_root()?;
    let (_site, url) = site()?;
    // The certificate is not trusted.
    let command = ["curl", "-sS", "--http2", url.as_str()];
    let alone = Process::start(Command::new("curl").args(&command[1..]))?.finish()?;
    let mut tracer = Command::new(tracer_binary()?);
    tracer
        .args(["run", "--quiet", "--no-tui"])
        .args(FRAMES)
        .arg("--")
        .args(command);
    let traced = Process::start(&mut tracer)?.finish()?;
    let both = format!("{alone:?}\n{traced:?}");
    ensure!(alone.status.code() == Some(60), "{both}");
    ensure!(traced.status.code() == Some(60), "{both}");
    ensure!(alone.stdout == traced.stdout, "{both}");
    ensure!(alone.stderr == traced.stderr, "{both}");
    Ok(())
}

/// A running `tracer attach`, with a recording.
struct Attached {
    process: Process,
    directory: tempfile::TempDir,
}

impl Attached {
    fn start(pid: u32) -> Result<Self> {
        Self::with("frames", pid)
    }

    fn with(way: &str, pid: u32) -> Result<Self> {
        require_root()?;
        let directory = tempfile::tempdir()?;
        let mut command = Command::new(tracer_binary()?);
        command.args(["attach", "--no-tui", "--http2", way]);
        command
            .args(["--pid", &pid.to_string(), "--record"])
            .arg(directory.path().join("run.trace"));
        let process = Process::start(&mut command)?;
        wait_for("tracer to attach", PATIENCE, || {
            Ok(process.stderr()?.contains("tracer: tracing").then_some(()))
        })
        .with_context(|| process.stderr().unwrap_or_default())?;
        Ok(Self { process, directory })
    }

    fn trace(&self) -> PathBuf {
        self.directory.path().join("run.trace")
    }
}

/// A Python process that waits for a signal, ready.
fn waiting(command: &mut Command) -> Result<Process> {
    let process = Process::start(command)?;
    wait_for("a process to be ready", PATIENCE, || {
        Ok(process.stdout()?.contains("ready").then_some(()))
    })
    .with_context(|| process.stderr().unwrap_or_default())?;
    Ok(process)
}

fn mapped_libssl(pid: u32) -> Result<Mapped> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let mut files = mapped(&maps).into_iter();
    files
        .find(|file| file.path.contains("libssl"))
        .context("libssl is not loaded")
}

/// First byte of `SSL_write` in the memory of a process that has loaded libssl.
fn first_byte(pid: u32, file: &Mapped) -> Result<u8> {
    let places = examine_file(&File::open(&file.path)?)?.places;
    let place = places.iter().find(|it| it.function == Function::SslWrite);
    let entry = place.context("no SSL_write")?.entry;
    // Code begins at an offset that is a multiple of the page size, and the mapping tells which.
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let begin = format!("{:x}-", file.range.0);
    let line = maps
        .lines()
        .find(|line| line.trim_start_matches('0').starts_with(&begin));
    let offset = line
        .and_then(|line| line.split_whitespace().nth(2))
        .context("no mapping")?;
    let at = file.range.0 + entry - u64::from_str_radix(offset, 16)?;
    let mut byte = [0];
    File::open(format!("/proc/{pid}/mem"))?.read_exact_at(&mut byte, at)?;
    Ok(byte[0])
}

/// Python program that has loaded the system's libssl.
const WAITS: &str = "import signal, ssl; print('ready', flush=True); signal.pause()";

/// A breakpoint of x86-64.
const BREAKPOINT: u8 = 0xcc;

/// After SIGKILL the memory of traced processes is what it was: the kernel removes what only tracer has held.
#[test]
fn nothing_is_left_after_a_kill() -> Result<()> {
    require_root()?;
    let process = waiting(Command::new(venv_python()?).args(["-c", WAITS]))?;
    let libssl = mapped_libssl(process.id())?;
    // The probes of an earlier trace may still be going.
    let before = wait_for("memory without probes", PATIENCE, || {
        let byte = first_byte(process.id(), &libssl)?;
        Ok((byte != BREAKPOINT).then_some(byte))
    })?;
    for end in [Signal::SIGKILL, Signal::SIGTERM] {
        let attached = Attached::start(process.id())?;
        ensure!(
            first_byte(process.id(), &libssl)? == BREAKPOINT,
            "no probe was placed"
        );
        attached.process.signal(end)?;
        attached.process.finish()?;
        wait_for("the probe to go", PATIENCE, || {
            Ok((first_byte(process.id(), &libssl)? == before).then_some(()))
        })?;
    }
    Ok(())
}

/// Descriptors of probes that a process has open.
fn probes_of(pid: u32) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
        let target = std::fs::read_link(entry?.path()).unwrap_or_default();
        count += usize::from(target.to_string_lossy().contains("[perf_event]"));
    }
    Ok(count)
}

#[test]
fn only_frames_take_probes() -> Result<()> {
    require_root()?;
    let process = waiting(Command::new(venv_python()?).args(["-c", WAITS]))?;
    for (way, expected) in [("frames", 9), ("wire", 0), ("off", 0)] {
        let attached = Attached::with(way, process.id())?;
        let count = probes_of(attached.process.id())?;
        ensure!(count == expected, "{count} probes with {way}");
        attached.process.signal(Signal::SIGTERM)?;
        attached.process.finish()?;
    }
    Ok(())
}

/// Names of the threads of a process that have CAP_SYS_ADMIN.
fn mighty_threads(pid: u32) -> Result<Vec<String>> {
    const SYS_ADMIN: u32 = 21;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = entry?.path();
        let status = std::fs::read_to_string(path.join("status"))?;
        let line = status.lines().find_map(|it| it.strip_prefix("CapPrm:"));
        let held = u64::from_str_radix(line.context("no CapPrm")?.trim(), 16)?;
        if held >> SYS_ADMIN & 1 == 1 {
            let name = std::fs::read_to_string(path.join("comm"))?;
            found.push(name.trim().to_owned());
        }
    }
    Ok(found)
}

/// The kernel asks for CAP_SYS_ADMIN at each probe, so one thread keeps it.
#[test]
fn one_thread_keeps_the_right_to_place_probes() -> Result<()> {
    require_root()?;
    let process = waiting(Command::new(venv_python()?).args(["-c", WAITS]))?;
    for (way, expected) in [("frames", &["tracer-probes"][..]), ("wire", &[])] {
        let attached = Attached::with(way, process.id())?;
        // The thread may not have begun when tracer says that it traces.
        wait_for(&format!("the right threads with {way}"), PATIENCE, || {
            let threads = mighty_threads(attached.process.id())?;
            Ok((threads == expected).then_some(()))
        })?;
        attached.process.signal(Signal::SIGTERM)?;
        attached.process.finish()?;
    }
    Ok(())
}

/// The choice of `auto` depends on the machine.
#[test]
fn auto_says_what_it_chose() -> Result<()> {
    let doctor = output(Command::new(tracer_binary()?).arg("doctor"))?;
    ensure!(doctor.contains(" a hit: --http2 auto takes "), "{doctor}");
    let (_site, url) = site()?;
    let traced = record(&[], &curl(&url, 1))?;
    let said = &traced.finished.stderr;
    let frames = said.contains("HTTP/2: frames are read by probes, which take ");
    let wire = said.contains("HTTP/2: frames are not read, because a probe takes ");
    ensure!(frames != wire, "{said}");
    ensure!(
        frames != self::frames(&traced.trace())?.is_empty(),
        "{said}"
    );
    Ok(())
}

/// Somebody writes to a library in place. The kernel would go on with the instructions that were there before.
#[test]
fn probes_go_when_the_file_changes() -> Result<()> {
    require_root()?;
    let script = "import ctypes, signal, ssl, sys; ctypes.CDLL(sys.argv[1]); print('ready', flush=True); signal.pause()";
    let system = waiting(Command::new(venv_python()?).args(["-c", WAITS]))?;
    let directory = tempfile::tempdir()?;
    let copy = directory.path().join("libssl.so.3");
    std::fs::copy(mapped_libssl(system.id())?.path, &copy)?;
    let process = waiting(Command::new(venv_python()?).args(["-c", script]).arg(&copy))?;
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", process.id()))?;
    let mut files = mapped(&maps).into_iter();
    let loaded = files.find(|file| Path::new(&file.path) == copy);
    let loaded = loaded.context("the copy is not loaded")?;
    let before = first_byte(process.id(), &loaded)?;
    let attached = Attached::start(process.id())?;
    ensure!(first_byte(process.id(), &loaded)? == BREAKPOINT);
    let mut file = File::options().append(true).open(&copy)?;
    file.write_all(b"more")?;
    wait_for("the probes to go", PATIENCE, || {
        Ok((first_byte(process.id(), &loaded)? == before).then_some(()))
    })?;
    attached.process.signal(Signal::SIGTERM)?;
    let finished = attached.process.finish()?;
    ensure!(finished.status.success(), "{finished:?}");
    Ok(())
}

/// A library that no process has loaded before, and that is removed while it is in use.
#[test]
fn a_library_that_is_loaded_late() -> Result<()> {
    let (site, url) = site()?;
    let system = waiting(Command::new(venv_python()?).args(["-c", WAITS]))?;
    let directory = tempfile::tempdir()?;
    let copy = directory.path().join("libssl-1a2b3c.so.3");
    std::fs::copy(mapped_libssl(system.id())?.path, &copy)?;
    let script = fixture("clients/probes/late.py");
    let process = waiting(
        Command::new(venv_python()?)
            .arg(script)
            .arg(&url)
            .arg(&copy),
    )?;
    let attached = Attached::start(process.id())?;
    process.signal(Signal::SIGUSR2)?;
    wait_for("the library to be loaded", PATIENCE, || {
        Ok(mapped_libssl(process.id()).ok())
    })?;
    std::fs::remove_file(&copy)?;
    let finished = process.finish()?;
    ensure!(
        finished.status.success() && finished.stdout.contains("visited"),
        "{finished:?}"
    );
    let trace = attached.trace();
    let Attached {
        process,
        directory: _kept,
    } = attached;
    let finished = process.finish()?;
    let sent: Vec<u32> = frames(&trace)?
        .iter()
        .filter(|it| it.direction == direction::EGRESS && it.length != 0)
        .map(|it| it.length)
        .collect();
    // The preface, and a frame without payload.
    ensure!(
        sent == [24 + 9],
        "calls of SSL_write: {sent:?}: {finished:?}"
    );
    drop(site);
    Ok(())
}
