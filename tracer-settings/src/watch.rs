//! Changes of a configuration file.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

/// Watch over a file, as long as it is not dropped.
#[derive(Debug)]
pub struct Watch(
    #[expect(dead_code, reason = "the watch ends when it is dropped")] RecommendedWatcher,
);

impl Watch {
    /// Time without further changes after which the file is read, because editors write in several steps.
    pub const SETTLE: Duration = Duration::from_millis(200);
}

/// Watches the directory of a file, because editors and orchestrators replace the file itself; `tell` is called by
/// another thread for each change.
///
/// # Errors
/// The directory cannot be watched.
pub fn watch(path: &Path, mut tell: impl FnMut() + Send + 'static) -> notify::Result<Watch> {
    let name: OsString = path.file_name().unwrap_or_default().into();
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = parent.unwrap_or(Path::new("."));
    let handler = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| concerns(&event, &name)) {
            tell();
        }
    };
    let mut watcher = notify::recommended_watcher(handler)?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(Watch(watcher))
}

/// True for a change of the file itself, or of the link by which Kubernetes replaces a whole directory of files.
fn concerns(event: &notify::Event, name: &OsStr) -> bool {
    !event.kind.is_access()
        && event
            .paths
            .iter()
            .filter_map(|path| path.file_name())
            .any(|changed| changed == name || changed == "..data")
}
