//! Thread that finds the namespaces which only tracer still uses. tracer's netlink socket keeps its namespace alive, so
//! the kernel gives no event; the thread searches /proc.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::Duration,
};

use super::presence::{Sign, signs_of};

/// Time between two looks at a namespace.
const PERIOD: Duration = Duration::from_millis(500);
/// Looks in a row without a sign after which a namespace counts as abandoned. One look could miss a user: a process may
/// have handed the namespace over to one that started after /proc was listed.
const LOOKS: u32 = 2;
/// Periods after which an abandoned namespace that the engine keeps is looked for again.
const AGAIN: u32 = 20;

/// The engine's ends of two channels to the thread. The thread ends when they are closed.
#[derive(Debug)]
pub(super) struct Watch {
    abandoned: Receiver<Vec<u32>>,
    forgotten: Sender<u32>,
}

impl Watch {
    /// Starts the thread for these namespaces, each with a sign that it is in use.
    pub(super) fn start(namespaces: BTreeMap<u32, Sign>) -> io::Result<Self> {
        let (said, abandoned) = channel();
        let (forgotten, told) = channel();
        let mut looker = Looker::new(namespaces);
        std::thread::Builder::new()
            .name("tracer-netns".into())
            .spawn(move || looker.run(&told, &said))?;
        Ok(Self {
            abandoned,
            forgotten,
        })
    }

    /// Namespaces that only tracer seems to use, found since the last call.
    pub(super) fn abandoned(&self) -> Vec<u32> {
        let all: HashSet<u32> = self.abandoned.try_iter().flatten().collect();
        all.into_iter().collect()
    }

    /// Informs the thread that tracer does not hold the namespace any more.
    pub(super) fn forget(&self, netns: u32) {
        // The thread may have ended already.
        let _ = self.forgotten.send(netns);
    }
}

/// A namespace that the thread looks at.
#[derive(Debug)]
struct Held {
    /// The last sign that the namespace is in use. It is checked first; only when it is gone, the thread looks for
    /// another.
    sign: Sign,
    /// Looks in a row that found no sign.
    absent: u32,
}

#[derive(Debug)]
struct Looker {
    held: BTreeMap<u32, Held>,
}

impl Looker {
    fn new(namespaces: BTreeMap<u32, Sign>) -> Self {
        let held = |(netns, sign)| (netns, Held { sign, absent: 0 });
        Self {
            held: namespaces.into_iter().map(held).collect(),
        }
    }

    fn run(&mut self, told: &Receiver<u32>, said: &Sender<Vec<u32>>) {
        loop {
            match told.recv_timeout(PERIOD) {
                Ok(netns) => {
                    self.held.remove(&netns);
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let abandoned = self.look();
                    if !abandoned.is_empty() && said.send(abandoned).is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Looks at each namespace once; returns those that were found abandoned now.
    fn look(&mut self) -> Vec<u32> {
        let missing = self.without_a_sign();
        if missing.is_empty() {
            return Vec::new();
        }
        // After an error nothing is known: the counts of looks stay as they are.
        let Ok(mut signs) = signs_of(&missing) else {
            return Vec::new();
        };
        let mut abandoned = Vec::new();
        for (netns, held) in &mut self.held {
            if let Some(sign) = signs.remove(netns) {
                held.sign = sign;
                held.absent = 0;
            } else if missing.contains(netns) {
                held.absent += 1;
                if held.absent >= LOOKS {
                    abandoned.push(*netns);
                }
            }
        }
        abandoned
    }

    /// Namespaces whose sign is gone and which are due to be looked for.
    fn without_a_sign(&mut self) -> HashSet<u32> {
        let mut missing = HashSet::new();
        for (netns, held) in &mut self.held {
            if held.sign.shows(*netns) {
                held.absent = 0;
            } else if held.absent < LOOKS || held.absent.is_multiple_of(AGAIN) {
                missing.insert(*netns);
            } else {
                held.absent += 1;
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::Read as _,
        net::TcpListener,
        os::{fd::AsRawFd as _, unix::fs::MetadataExt as _},
        path::PathBuf,
        process::{Child, Command, Stdio},
        time::Instant,
    };

    use nix::sched::{CloneFlags, unshare};

    use super::*;

    /// Time that a sign may take to come or go.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A namespace that only a socket keeps alive, as tracer's own does: /proc shows no sign of that.
    struct Made {
        netns: u32,
        _socket: TcpListener,
    }

    /// Makes a namespace and a descriptor of it. Children of other tests may inherit the descriptor for a moment.
    fn made() -> (Made, File) {
        let thread = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            let file = File::open("/proc/thread-self/ns/net").unwrap();
            let made = Made {
                netns: file.metadata().unwrap().ino() as u32,
                _socket: TcpListener::bind(("0.0.0.0", 0)).unwrap(),
            };
            (made, file)
        });
        thread.join().unwrap()
    }

    /// Starts a shell by `program`, with a path of the namespace as `$0`. The shell has run `script` and waits.
    fn shell(namespace: &File, program: &[&str], script: &str) -> Child {
        let path = format!("/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd());
        let script = format!("{script}; echo; read line");
        let program = program.iter().map(|word| word.replace("PATH", &path));
        let mut words: Vec<String> = program.collect();
        words.extend(["sh", "-c", &script, &path].map(str::to_owned));
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let ready = child.stdout.as_mut().unwrap();
        ready.read_exact(&mut [0]).unwrap();
        child
    }

    fn end(mut child: Child) {
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    /// Looks until the sign found is the expected one.
    #[track_caller]
    fn becomes(netns: u32, expected: Option<&Sign>) {
        let begun = Instant::now();
        loop {
            let found = signs_of(&HashSet::from([netns])).unwrap();
            if found.get(&netns) == expected {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{found:?}, expected {expected:?}"
            );
        }
    }

    /// Checks a sign that `shows` must find: if it were missed, tracer would close a namespace that is in use.
    #[track_caller]
    fn check(program: &[&str], script: &str, expected: impl FnOnce(u32) -> Sign) {
        let (made, file) = made();
        let child = shell(&file, program, script);
        drop(file);
        let sign = expected(child.id());
        becomes(made.netns, Some(&sign));
        assert!(sign.shows(made.netns) && !sign.shows(made.netns + 1));
        end(child);
        becomes(made.netns, None);
        assert!(!sign.shows(made.netns));
    }

    fn file(path: String) -> Sign {
        Sign::File(PathBuf::from(path))
    }

    #[test]
    fn a_process_is_found() {
        let enters = ["nsenter", "--net=PATH", "--"];
        check(&enters, "true", |pid| file(format!("/proc/{pid}/ns/net")));
    }

    #[test]
    fn a_descriptor_is_found() {
        check(&["env"], r#"exec 9< "$0""#, |pid| {
            file(format!("/proc/{pid}/fd/9"))
        });
    }

    #[test]
    fn a_mount_that_is_not_seen_from_here_is_found() {
        let unshares = ["unshare", "--mount", "--propagation", "private", "--"];
        let script = r#"mount --bind "$0" /etc/hostname"#;
        check(&unshares, script, |pid| Sign::Mount { pid });
    }

    #[test]
    fn a_thread_elsewhere_is_found() {
        let (said, made) = channel();
        let (release, released) = channel::<()>();
        let thread = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            let found = std::fs::metadata("/proc/thread-self/ns/net").unwrap();
            let path = std::fs::read_link("/proc/thread-self").unwrap();
            said.send((found.ino() as u32, path)).unwrap();
            let _ = released.recv();
        });
        let (netns, path) = made.recv().unwrap();
        let path = PathBuf::from("/proc").join(path).join("ns/net");
        becomes(netns, Some(&Sign::File(path)));
        drop(release);
        thread.join().unwrap();
        becomes(netns, None);
    }

    #[test]
    fn abandoned_after_two_looks_and_again_later() {
        let (made, file) = made();
        let child = shell(&file, &["env"], r#"exec 9< "$0""#);
        drop(file);
        let sign = Sign::File(format!("/proc/{}/fd/9", child.id()).into());
        becomes(made.netns, Some(&sign));
        let mut looker = Looker::new(BTreeMap::from([(made.netns, sign)]));
        for _ in 0..3 {
            assert!(looker.look().is_empty(), "in use");
        }
        end(child);
        assert!(looker.look().is_empty(), "once may be by chance");
        assert_eq!(looker.look(), [made.netns]);
        let later: Vec<_> = (0..AGAIN).flat_map(|_| looker.look()).collect();
        assert_eq!(later, [made.netns], "kept, and so looked for again");
    }

    #[test]
    fn the_thread_says_what_is_abandoned() {
        let (made, file) = made();
        drop(file);
        let gone = Sign::File("/proc/self/ns/net".into());
        let watch = Watch::start(BTreeMap::from([(made.netns, gone)])).unwrap();
        let begun = Instant::now();
        let mut abandoned = Vec::new();
        while abandoned.is_empty() {
            abandoned = watch.abandoned();
            assert!(begun.elapsed() < PATIENCE, "nothing was said");
            std::thread::yield_now();
        }
        assert_eq!(abandoned, [made.netns]);
        watch.forget(made.netns);
    }
}
