//! Tests of replacing and refusing files, and of the files' owners.

mod owners;

use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

/// Checks whether `path` could be written now.
fn check_writable(path: &Path) -> Result<(), OutputError> {
    OutputPath::open(path, None).map(drop)
}

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Names in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn content_appears_at_once_and_alone() {
    let dir = dir();
    let path = dir.path().join("out.json");
    let output = OutputPath::open(&path, None).unwrap();
    assert_eq!(names(dir.path()), [""; 0], "the check leaves nothing");
    output.replace(b"one").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        FILE_MODE & !umask()
    );
    let mut file = output.begin().unwrap();
    file.write_all(b"two").unwrap();
    file.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one", "not before commit");
    assert_eq!(names(dir.path()).len(), 2);
    file.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(names(dir.path()), ["out.json"]);
}

#[test]
fn what_is_not_committed_leaves_the_old() {
    let dir = dir();
    let path = dir.path().join("out.json");
    let output = OutputPath::open(&path, None).unwrap();
    output.replace(b"old").unwrap();
    output.begin().unwrap().write_all(b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(dir.path()), ["out.json"]);
}

#[track_caller]
fn check_refused(path: &Path, reason: &str) {
    let e = check_writable(path).unwrap_err().to_string();
    assert!(e.contains(reason) && !e.contains('\n'), "{e}");
}

#[test]
fn only_regular_files_are_replaced() {
    let dir = dir();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("secret"), "untouched").unwrap();
    symlink(at("secret"), at("link")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    nix::unistd::mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    check_refused(&at("link"), "a symbolic link");
    check_refused(&at("dangling"), "a symbolic link");
    check_refused(&at("pipe"), "a pipe");
    check_refused(&at("socket"), "a socket");
    check_refused(Path::new("/dev/null"), "a device");
    check_refused(&dir.path().join("."), "names no file");
    check_refused(&dir.path().join("new/"), "names no file");
    check_refused(Path::new("/"), "names no file");
    check_refused(Path::new(""), "names no file");
    check_refused(&dir.path().join(".."), "names no file");
    check_refused(dir.path(), "a directory");
    check_refused(&at("missing/out.json"), "No such file");
    check_refused(&at("secret/out.json"), "Not a directory");
    check_refused(&at(&"x".repeat(300)), "too long");
    assert_eq!(fs::read_to_string(at("secret")).unwrap(), "untouched");
    check_writable(&at("secret")).unwrap();
}

#[test]
fn a_link_put_in_place_while_writing_is_not_followed() {
    let dir = dir();
    let (path, secret) = (dir.path().join("out.json"), dir.path().join("secret"));
    fs::write(&secret, "untouched").unwrap();
    let output = OutputPath::open(&path, None).unwrap();
    symlink(&secret, &path).unwrap();
    assert!(matches!(
        output.replace(b"new"),
        Err(OutputError::NotAFile { .. })
    ));
    assert_eq!(fs::read_to_string(&secret).unwrap(), "untouched");
    assert_eq!(names(dir.path()), ["out.json", "secret"]);
}

#[test]
fn the_directory_cannot_be_exchanged() {
    let dir = dir();
    let (here, elsewhere) = (dir.path().join("here"), dir.path().join("elsewhere"));
    fs::create_dir(&here).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    let output = OutputPath::open(&here.join("out.json"), None).unwrap();
    fs::rename(&here, dir.path().join("moved")).unwrap();
    symlink(&elsewhere, &here).unwrap();
    output.replace(b"x").unwrap();
    assert_eq!(names(&elsewhere), [""; 0]);
    assert_eq!(names(&dir.path().join("moved")), ["out.json"]);
}

#[test]
fn own_links_lead_to_the_directory() {
    let dir = dir();
    let real = dir.path().join("a/real");
    fs::create_dir_all(&real).unwrap();
    symlink("a/real", dir.path().join("relative")).unwrap();
    symlink(&real, dir.path().join("absolute")).unwrap();
    symlink("loop", dir.path().join("loop")).unwrap();
    for (way, name) in [
        ("relative", "1"),
        ("absolute/../real/.", "2"),
        ("a/./real", "3"),
    ] {
        OutputPath::open(&dir.path().join(way).join(name), None)
            .unwrap()
            .replace(b"x")
            .unwrap();
    }
    assert_eq!(names(&real), ["1", "2", "3"]);
    check_refused(&dir.path().join("loop/out.json"), "Too many levels");
}

#[test]
fn the_current_directory_is_one() {
    // A plain name without a directory, and a directory that does not exist.
    check_writable(Path::new("output-check.json")).unwrap();
    check_refused(Path::new("no-such-directory/x"), "No such file");
}
