//! Process groups that end with the crawl, whatever way it ends.
//!
//! Dropping a [`Group`] kills it. When this process is killed, nothing is dropped. Therefore a guard, a shell that only
//! reads a pipe, keeps a list of all groups. The pipe ends with this process, and then the guard kills the groups that
//! are left.

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

/// Script of the guard, which keeps a list of groups: `+ ID` adds one, `- ID` removes it.
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

/// Pipe to the guard, once the guard is started.
static GUARDED: Mutex<Option<ChildStdin>> = Mutex::new(None);

/// Process group that ends when this value is dropped or this process ends.
#[derive(Debug)]
pub(crate) struct Group(Pid);

/// Starts a command in a group of its own, from a thread that is not bound to a CPU. The command gets no secrets of the
/// crawl.
pub(crate) async fn spawn(mut command: Command) -> io::Result<(Child, Group)> {
    command.process_group(0);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    let started = tokio::task::spawn_blocking(move || {
        begin_guard()?;
        let child = command.spawn()?;
        // The child has an id until it is waited for.
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = Group(Pid::from_raw(id.ok_or(io::ErrorKind::NotFound)?));
        tell('+', group.0);
        Ok((child, group))
    });
    started.await.map_err(io::Error::other)?
}

impl Drop for Group {
    fn drop(&mut self) {
        // The error ESRCH means that all processes have already ended.
        let _ = killpg(self.0, Signal::SIGKILL);
        tell('-', self.0);
    }
}

/// Starts the guard in a group of its own, so that it survives signals to this process's group. It inherits only the
/// pipe.
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

/// Sends a line to the guard. If the guard was killed, the crawl goes on without it.
fn tell(sign: char, group: Pid) {
    let mut guard = GUARDED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pipe) = guard.as_mut() {
        let _ = pipe.write_all(format!("{sign} {group}\n").as_bytes());
    }
}
