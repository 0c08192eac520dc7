//! Changes settings during the crawl: when the file changes, on SIGHUP, and through the control interface. A
//! configuration is taken only if it is valid as a whole; then all keys change at once, and each change is logged.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;
use tracer_settings::{Watch, watch};

use super::{ConfigError, Effective, Load as _, Sources, merge::load_over};
use crate::settings::{Change, Key, LiveSettings, Settings};

/// Result of a reload.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Keys with a new value that was taken.
    pub changed: Vec<&'static str>,
    /// Keys that keep their old value because the new one needs a restart.
    pub need_restart: Vec<&'static str>,
}

/// Holds the layers and the current settings.
#[derive(Debug)]
pub struct Reloader {
    live: Arc<LiveSettings>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sources: Sources,
    running: Effective,
}

impl Reloader {
    /// Starts with the settings loaded at the start.
    pub fn new(sources: Sources, running: Effective) -> Self {
        let live = Arc::new(LiveSettings::new(running.settings.clone()));
        Self {
            live,
            state: Mutex::new(State { sources, running }),
        }
    }

    /// Current settings, shared with the crawl.
    pub fn live(&self) -> &Arc<LiveSettings> {
        &self.live
    }

    /// Current settings with their origins.
    pub fn effective(&self) -> Effective {
        self.lock().running.clone()
    }

    /// Reads all layers again. After an error nothing has changed.
    pub fn reload(&self) -> Result<Outcome, ConfigError> {
        let mut state = self.lock();
        let sources = state.sources.clone();
        let new = sources.load()?;
        self.take(&mut state, sources, new)
    }

    /// Sets live keys above all layers; `None` returns a key to the layers. The file's entries are those last taken,
    /// because the file may be broken by now.
    pub fn set(
        &self,
        changes: &[(&'static Key, Option<Vec<String>>)],
    ) -> Result<Outcome, ConfigError> {
        let mut state = self.lock();
        let mut sources = state.sources.clone();
        for (key, words) in changes {
            if key.change == Change::Restart {
                return Err(ConfigError::NeedsRestart(key.name));
            }
            match words {
                Some(words) => sources.control.insert(key.name, words.clone()),
                None => sources.control.remove(key.name),
            };
        }
        let new = load_over(&sources, state.running.file.clone())?;
        self.take(&mut state, sources, new)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(
        &self,
        state: &mut State,
        sources: Sources,
        new: Effective,
    ) -> Result<Outcome, ConfigError> {
        let mut running = state.running.clone();
        let mut outcome = Outcome::default();
        for key in Settings::keys() {
            if new.settings.get(key.name) == running.settings.get(key.name) {
                continue;
            }
            match key.change {
                Change::Restart => outcome.need_restart.push(key.name),
                Change::Live => {
                    audit(key, &running, &new);
                    running.take(key, &new);
                    outcome.changed.push(key.name);
                }
            }
        }
        if new.settings.profile != running.settings.profile {
            outcome.need_restart.push("profile");
        }
        // Old values of keys that need a restart may contradict new values of live keys.
        if let Err(fault) = running.settings.check() {
            let origin = new.origin(fault.key);
            return Err(ConfigError::WrongValue {
                origin,
                key: fault.key,
                problem: fault.problem,
            });
        }
        running.file = new.file;
        state.sources = sources;
        state.running = running;
        if !outcome.changed.is_empty() {
            self.live.swap(state.running.settings.clone());
        }
        Ok(outcome)
    }

    /// Reloads on SIGHUP and when the file changes, until `stop`. Errors are logged and change nothing.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let (sender, mut events) = mpsc::channel(1);
        // The watcher sends events as long as it is not dropped. Without a file there are none.
        let _watcher = self.watcher(sender.clone());
        loop {
            let why = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = hangup.recv() => "SIGHUP",
                _ = events.recv() => {
                    settle(&mut events).await;
                    "file changed"
                }
            };
            self.reload_and_say(why);
        }
    }

    fn reload_and_say(&self, why: &str) {
        match self.reload() {
            Ok(outcome) => {
                if !outcome.need_restart.is_empty() {
                    tracing::warn!(
                        why,
                        keys = outcome.need_restart.join(", "),
                        "changed keys take effect at the next start"
                    );
                }
                tracing::info!(
                    why,
                    changed = outcome.changed.len(),
                    "configuration read again"
                );
            }
            Err(error) => {
                tracing::error!(why, %error, "configuration not taken; the old one stays")
            }
        }
    }

    fn watcher(&self, sender: mpsc::Sender<()>) -> Option<Watch> {
        let path = self.lock().sources.file.clone()?;
        let begun = watch(&path, move || {
            // A full channel means that a reload is due anyway.
            let _ = sender.try_send(());
        });
        begun
            .inspect_err(|error| tracing::warn!(%error, "cannot watch the configuration; SIGHUP still reads it again"))
            .ok()
    }
}

async fn settle(events: &mut mpsc::Receiver<()>) {
    while let Ok(Some(())) = tokio::time::timeout(Watch::SETTLE, events.recv()).await {}
}

fn audit(key: &Key, old: &Effective, new: &Effective) {
    let text = |of: &Effective| of.settings.get(key.name).map(|value| value.to_string());
    tracing::info!(
        key = key.name,
        from = text(old),
        to = text(new),
        origin = %new.origin(key.name),
        "setting changed"
    );
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf, time::Duration};

    use super::*;

    struct Case {
        _directory: tempfile::TempDir,
        file: PathBuf,
        reloader: Arc<Reloader>,
    }

    fn case(text: &str) -> Case {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("crawl.toml");
        fs::write(&file, text).unwrap();
        let sources = Sources {
            file: Some(file.clone()),
            flags: vec![("limits.burst", vec!["9".to_owned()])],
            ..Sources::default()
        };
        let running = sources.load().unwrap();
        let reloader = Arc::new(Reloader::new(sources, running));
        Case {
            _directory: directory,
            file,
            reloader,
        }
    }

    fn key(name: &str) -> &'static Key {
        Settings::key(name).unwrap()
    }

    fn words(text: &str) -> Option<Vec<String>> {
        Some(vec![text.to_owned()])
    }

    #[test]
    fn a_valid_file_is_taken_and_keys_that_need_a_restart_are_named() {
        let case = case("[limits]\nconcurrency = 5\n[cpu]\npin = false");
        fs::write(
            &case.file,
            "[limits]\nconcurrency = 6\nburst = 3\nrate = 2\n[cpu]\npin = true\n",
        )
        .unwrap();
        let outcome = case.reloader.reload().unwrap();
        assert_eq!(outcome.changed, ["limits.concurrency", "limits.rate"]);
        assert_eq!(outcome.need_restart, ["cpu.pin"]);
        let settings = case.reloader.live().load();
        assert_eq!(settings.limits.concurrency, 6);
        assert_eq!(settings.limits.burst, 9, "the flag is above the file");
        assert!(!settings.cpu.pin);
        assert!(
            case.reloader
                .effective()
                .origin("limits.rate")
                .to_string()
                .ends_with("crawl.toml:4")
        );
    }

    #[test]
    fn an_invalid_file_changes_nothing() {
        let case = case("[limits]\nconcurrency = 5\n");
        let changes = case.reloader.live().subscribe();
        for wrong in [
            "[limits]\nconcurrency = 6\nper_host = 0",
            "[limits",
            "[limits]\nconcurrency = 7\nx = 1",
        ] {
            fs::write(&case.file, wrong).unwrap();
            case.reloader.reload().unwrap_err();
            assert_eq!(case.reloader.live().load().limits.concurrency, 5);
        }
        fs::remove_file(&case.file).unwrap();
        case.reloader.reload().unwrap_err();
        assert!(!changes.has_changed().unwrap());
    }

    #[test]
    fn the_same_again_tells_nobody() {
        let case = case("[limits]\nconcurrency = 5\n");
        let changes = case.reloader.live().subscribe();
        assert_eq!(case.reloader.reload().unwrap(), Outcome::default());
        assert!(!changes.has_changed().unwrap());
    }

    #[test]
    fn another_profile_needs_a_restart() {
        let case = case("");
        fs::write(&case.file, "profile = \"tuned\"").unwrap();
        let outcome = case.reloader.reload().unwrap();
        assert!(outcome.need_restart.contains(&"profile"));
        assert!(outcome.need_restart.contains(&"pool.idle_per_host"));
        assert!(outcome.changed.contains(&"limits.concurrency"));
        assert_eq!(case.reloader.live().load().pool.idle_per_host, 2);
    }

    #[test]
    fn control_is_above_the_file_until_it_is_given_back() {
        let case = case("[limits]\nconcurrency = 5\n");
        case.reloader
            .set(&[(key("limits.concurrency"), words("50"))])
            .unwrap();
        fs::write(&case.file, "[limits]\nconcurrency = 6\n").unwrap();
        case.reloader.reload().unwrap();
        assert_eq!(case.reloader.live().load().limits.concurrency, 50);
        assert_eq!(
            case.reloader.effective().origin("limits.concurrency"),
            crate::config::Origin::Control
        );
        case.reloader
            .set(&[(key("limits.concurrency"), None)])
            .unwrap();
        assert_eq!(case.reloader.live().load().limits.concurrency, 6);
    }

    #[test]
    fn control_works_beside_a_broken_file() {
        let case = case("[limits]\nconcurrency = 5\n");
        fs::write(&case.file, "[limits").unwrap();
        case.reloader.reload().unwrap_err();
        let set = |words| {
            let changes = [(key("limits.concurrency"), words)];
            case.reloader.set(&changes).unwrap();
            case.reloader.live().load().limits.concurrency
        };
        assert_eq!(set(words("50")), 50);
        assert_eq!(set(None), 5, "as the file said when it was whole");
    }

    #[test]
    fn control_takes_all_or_nothing() {
        let case = case("");
        let set = |changes: &[(&'static Key, Option<Vec<String>>)]| {
            case.reloader.set(changes).unwrap_err().to_string()
        };
        let refused = set(&[
            (key("limits.concurrency"), words("7")),
            (key("cpu.pin"), words("true")),
        ]);
        assert!(refused.contains("cpu.pin"), "{refused}");
        let refused = set(&[
            (key("limits.concurrency"), words("7")),
            (key("limits.burst"), words("0")),
        ]);
        assert!(
            refused.contains("control interface: limits.burst"),
            "{refused}"
        );
        assert_eq!(case.reloader.live().load().limits.concurrency, 50);
    }

    /// Waits until `concurrency` has this value. Each exchange of the settings wakes it, so it needs no sleep.
    async fn wait_for(live: &LiveSettings, concurrency: u32) {
        let mut changes = live.subscribe();
        while live.load().limits.concurrency != concurrency {
            changes.changed().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_replaced_file_and_a_signal_are_noticed() {
        let case = case("[limits]\nconcurrency = 5\n");
        let stop = CancellationToken::new();
        let watching = tokio::spawn(Arc::clone(&case.reloader).watch(stop.clone()));
        // The first reload because of the file shows that the signal handler is installed; until then the file is
        // written.
        let live = case.reloader.live();
        let fresh = case.file.with_extension("new");
        let replaced = async {
            loop {
                fs::write(&fresh, "[limits]\nconcurrency = 6\n").unwrap();
                fs::rename(&fresh, &case.file).unwrap();
                if tokio::time::timeout(Duration::from_secs(2), wait_for(live, 6))
                    .await
                    .is_ok()
                {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), replaced)
            .await
            .unwrap();
        stop.cancel();
        watching.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_signal_reads_it_again() {
        let mut case = case("[limits]\nconcurrency = 5\n");
        // The file is moved away from the watched directory, so that only the signal can cause a reload.
        let real = tempfile::tempdir().unwrap();
        let target = real.path().join("real.toml");
        fs::rename(&case.file, &target).unwrap();
        std::os::unix::fs::symlink(&target, &case.file).unwrap();
        let sources = Sources {
            file: Some(case.file.clone()),
            ..Sources::default()
        };
        let running = sources.load().unwrap();
        case.reloader = Arc::new(Reloader::new(sources, running));
        let _handler = signal(SignalKind::hangup()).unwrap();
        let stop = CancellationToken::new();
        let watching = tokio::spawn(Arc::clone(&case.reloader).watch(stop.clone()));
        fs::write(&target, "[limits]\nconcurrency = 8\n").unwrap();
        let told = async {
            loop {
                nix::sys::signal::raise(nix::sys::signal::Signal::SIGHUP).unwrap();
                let seen = wait_for(case.reloader.live(), 8);
                if tokio::time::timeout(Duration::from_millis(500), seen)
                    .await
                    .is_ok()
                {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), told)
            .await
            .unwrap();
        stop.cancel();
        watching.await.unwrap().unwrap();
    }
}
