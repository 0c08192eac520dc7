//! Names of the exports of windows: `out.json` becomes `out-20261130T101500Z.json`, by the time at which the window began.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::trace::clock;

/// Path of the export of a window. A number is added when there is such a file already.
pub(super) fn rotated(base: &Path, began: SystemTime) -> PathBuf {
    let time = clock::file_name(began);
    let mut path = named(base, &time);
    let mut number = 1;
    while path.symlink_metadata().is_ok() {
        number += 1;
        path = named(base, &format!("{time}-{number}"));
    }
    path
}

fn named(base: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(base.file_stem().unwrap_or_default());
    name.push("-");
    name.push(suffix);
    if let Some(extension) = base.extension() {
        name.push(".");
        name.push(extension);
    }
    base.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_have_the_time_before_the_extension() {
        let directory = tempfile::tempdir().unwrap();
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_342_500);
        let name = |base: &str| {
            let path = rotated(&directory.path().join(base), began);
            path.file_name().unwrap().to_string_lossy().into_owned()
        };
        assert_eq!(name("out.json"), "out-20261122T101500Z.json");
        assert_eq!(name("a.b.json"), "a.b-20261122T101500Z.json");
        assert_eq!(name("out"), "out-20261122T101500Z");
        std::fs::write(directory.path().join("out-20261122T101500Z.json"), "").unwrap();
        assert_eq!(name("out.json"), "out-20261122T101500Z-2.json");
    }
}
