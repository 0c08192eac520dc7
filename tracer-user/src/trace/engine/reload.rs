//! Settings that change while tracing: on SIGHUP, and when the configuration file changes. A configuration is taken only if
//! all of it is right; no figure is lost.

use std::sync::Arc;

use tokio::{sync::mpsc, time::Instant};
use tracer_settings::{Change, Key, Layers, Watch, watch};

use super::{Engine, windows::Windows};
use crate::{
    cli::{
        args::Attach,
        layers::{Effective, load},
        settings::LiveSettings,
    },
    failure::Failure,
    say::say,
    source::kernel::cgroup::Hierarchy,
    trace::filter::Selection,
};

/// Layers of the settings, and the settings in use.
pub(crate) struct Reload {
    layers: Layers,
    running: Arc<Effective>,
    changes: mpsc::Receiver<()>,
    /// Time at which a change of the file has settled, if there was one.
    settles_at: Option<Instant>,
    _watch: Option<Watch>,
}

impl Reload {
    /// Begins to watch the file, which starts a thread.
    pub(crate) fn begin(layers: Layers, running: Arc<Effective>) -> Self {
        let (sender, changes) = mpsc::channel(1);
        let begin = |file: &std::path::PathBuf| {
            let begun = watch(file, move || {
                // A full channel means that the file is read again anyway.
                let _ = sender.try_send(());
            });
            let failed = |error: &_| {
                say(format!(
                    "cannot watch {}: {error}; SIGHUP still reads it again",
                    file.display()
                ));
            };
            begun.inspect_err(failed).ok()
        };
        let watch = layers.file.as_ref().and_then(begin);
        Self {
            layers,
            running,
            changes,
            settles_at: None,
            _watch: watch,
        }
    }

    /// Waits for a change of the file, and until it has settled. Nothing is lost when the wait is given up.
    pub(super) async fn changed(&mut self) {
        loop {
            let settled = super::until(self.settles_at);
            tokio::select! {
                change = self.changes.recv() => match change {
                    Some(()) => self.settles_at = Some(Instant::now() + Watch::SETTLE),
                    // Nobody watches the file.
                    None => std::future::pending().await,
                },
                () = settled => {
                    self.settles_at = None;
                    return;
                }
            }
        }
    }
}

/// Changes of the settings, checked as a whole and not yet made.
struct Checked {
    settings: Effective,
    /// Filter, if it changes.
    selection: Option<Selection>,
    live: LiveSettings,
    changed: Vec<&'static Key>,
    /// Keys that keep their values until the next start.
    kept: Vec<&'static Key>,
}

impl Engine {
    /// Reads the settings again and says what came of it. After an error nothing has changed.
    pub(super) fn reload(&mut self) {
        self.notifier.reloading();
        let taken = self
            .check_settings()
            .and_then(|checked| self.change(checked));
        match taken {
            Ok(lines) => lines.into_iter().for_each(|line| self.tell(line)),
            Err(failure) => self.tell(format!("{failure}; the settings from before stay")),
        }
        self.notifier.ready();
    }

    fn check_settings(&self) -> Result<Checked, Failure> {
        let Some(reload) = &self.reload else {
            return Err(Failure::Usage("there is no configuration to read".into()));
        };
        let new = load(&reload.layers)?;
        let running = &reload.running;
        let changes = new.changes(running);
        let is_live = |key: &&'static Key| key.change == Change::Live && !self.is_recorded(key);
        let (changed, kept): (Vec<_>, Vec<_>) = changes.into_iter().partition(is_live);
        let settings = match kept.is_empty() {
            true => new,
            false => new.keep(&kept, running)?,
        };
        let filters = changed.iter().any(|key| key.name.starts_with("filter."));
        let selection = filters.then(|| selection(&settings.attach)).transpose()?;
        let invoker = self.output.invoker.as_ref();
        Ok(Checked {
            live: LiveSettings::validate(&settings.attach, invoker)?,
            settings,
            selection,
            changed,
            kept,
        })
    }

    /// True for a key that is part of the recording under way, which holds for all of it.
    fn is_recorded(&self, key: &Key) -> bool {
        self.tracker.recorder.is_some() && key.name.starts_with("filter.")
    }

    /// Makes the changes. Returns what to say.
    fn change(&mut self, checked: Checked) -> Result<Vec<String>, Failure> {
        if let Some(selection) = checked.selection {
            // Open connections that the new filter lets in are taken at once, and their hosts have to pass the new one.
            let before = self.tracker.set_hosts(selection.hosts);
            let set = self.source.set_filter(&selection.kernel, &mut self.tracker);
            if let Err(failure) = set {
                self.tracker.set_hosts(before);
                return Err(failure.into());
            }
            self.description.filter = selection.described;
        }
        self.output.change(checked.live);
        if let Some(live) = &mut self.live {
            live.allow(&self.output.allowed);
        }
        let begun = self.windows.take();
        self.windows = self.output.rotate.map(|period| match begun {
            Some(mut windows) => {
                windows.set_period(period);
                windows
            }
            None => Windows::begin(period, &self.description),
        });
        self.set_timers();
        if let Some(reload) = &mut self.reload {
            self.output.shown.set(checked.settings.to_toml());
            reload.running = Arc::new(checked.settings);
        }
        Ok(words(&checked.changed, &checked.kept))
    }
}

/// Filter of changed settings. Processes that were given by their ids may have ended, and are traced already.
fn selection(attach: &Attach) -> Result<Selection, Failure> {
    let mut selection = Selection::validate(&attach.filter, &[], &Hierarchy::find()?)?;
    selection.kernel.by_process = u32::from(!attach.pid.is_empty());
    selection.described.pid.clone_from(&attach.pid);
    Ok(selection)
}

/// Lines on what has changed, and what needs a new start.
fn words(changed: &[&Key], kept: &[&Key]) -> Vec<String> {
    let names = |keys: &[&Key]| {
        let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
        names.join(", ")
    };
    let mut lines = vec![match changed {
        [] => "configuration read again; no change".to_owned(),
        keys => format!("configuration read again; changed: {}", names(keys)),
    }];
    if !kept.is_empty() {
        lines.push(format!(
            "cannot change while tracing: {}; the old values stay until the next start",
            names(kept)
        ));
    }
    lines
}
