//! Process groups that end with the crawl, however it ends.
//!
//! Dropping a [`Group`] kills it. When this process is killed nothing is dropped; so a guard, a shell that does nothing but
//! read, knows all groups. The pipe it reads from ends with this process, and then it kills those that are left.

use std::{
    io::{self, Write},
    os::unix::process::CommandExt,
    process::{ChildStdin, Command as StdCommand, Stdio},
    sync::{Mutex, PoisonError},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::process::{Child, Command};

use crate::config::secret::VARIABLES;

/// Keeps a list of groups: `+ ID` begins, `- ID` ends.
const GUARD: &str = r#"
left=
while read -r sign id; do
    rest=
    for one in $left; do [ "$one" = "$id" ] || rest="$rest $one"; done
    [ "$sign" = + ] && rest="$rest $id"
    left=$rest
done
for one in $left; do kill -KILL "-$one" 2>/dev/null; done
"#;

/// The way to the guard, once there is one.
static GUARDED: Mutex<Option<ChildStdin>> = Mutex::new(None);

/// A process group that ends with this value, or with this process.
#[derive(Debug)]
pub(crate) struct Group(Pid);

/// Starts a command as a group of its own, on a thread that is bound to no CPU. It gets no secrets of the crawl.
pub(crate) async fn spawn(mut command: Command) -> io::Result<(Child, Group)> {
    command.process_group(0);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    let started = tokio::task::spawn_blocking(move || {
        begin_guard()?;
        let child = command.spawn()?;
        // It has an id until it is waited for.
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = Group(Pid::from_raw(id.ok_or(io::ErrorKind::NotFound)?));
        tell('+', group.0);
        Ok((child, group))
    });
    started.await.map_err(io::Error::other)?
}

impl Drop for Group {
    fn drop(&mut self) {
        // ESRCH: all have ended by themselves.
        let _ = killpg(self.0, Signal::SIGKILL);
        tell('-', self.0);
    }
}

/// In a group of its own, so that it outlives what is sent to ours. It holds nothing of ours but the pipe.
fn begin_guard() -> io::Result<()> {
    let mut guard = GUARDED.lock().unwrap_or_else(PoisonError::into_inner);
    if guard.is_none() {
        let mut command = StdCommand::new("/bin/sh");
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        let child = command
            .args(["-c", GUARD])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        *guard = child.stdin;
    }
    Ok(())
}

/// A guard that somebody has killed guards nothing; that is no reason to fail.
fn tell(sign: char, group: Pid) {
    let mut guard = GUARDED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pipe) = guard.as_mut() {
        let _ = pipe.write_all(format!("{sign} {group}\n").as_bytes());
    }
}
