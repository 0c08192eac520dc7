//! Tests of a crawl's files, with a user behind sudo who tries to misuse root's rights.

use std::{
    io::{Read as _, Write as _},
    os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink},
    path::PathBuf,
};

use nix::unistd::Gid;

use super::*;

const USER: u32 = 65534;
const STRANGER: u32 = 54321;

fn files() -> Files {
    assert!(Uid::effective().is_root(), "needs root, to act as others");
    files_of(Some(Invoker::new(Uid::from_raw(USER), Gid::from_raw(USER))))
}

fn dir(owner: u32, mode: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    chown(dir.path(), Some(owner), Some(owner)).unwrap();
    dir
}

fn file(path: &Path, owner: u32, mode: u32) {
    fs::write(path, "old").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    chown(path, Some(owner), Some(owner)).unwrap();
}

fn link(to: &Path, at: PathBuf, owner: u32) -> PathBuf {
    symlink(to, &at).unwrap();
    lchown(&at, Some(owner), Some(owner)).unwrap();
    at
}

fn owner(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().uid()
}

#[test]
fn whose_a_new_file_is() {
    for (dir_owner, mode, expected) in [
        (USER, 0o700, USER),
        (0, 0o1777, USER),
        (0, 0o755, 0),
        (STRANGER, 0o755, 0),
    ] {
        let place = dir(dir_owner, mode);
        for how in [Mode::Keep, Mode::Empty, Mode::New] {
            let path = place.path().join(format!("{how:?}"));
            files().open(&path, how).unwrap();
            assert_eq!(owner(&path), expected, "{how:?} in {mode:o} of {dir_owner}");
        }
        let deep = place.path().join("a/b");
        files().create_dir_all(&deep).unwrap();
        assert_eq!(owner(&deep), expected);
        assert_eq!(owner(deep.parent().unwrap()), expected);
    }
}

/// Root may write a file that the user may not open; the file keeps its owner.
#[test]
fn a_file_that_the_user_may_not_open() {
    for dir_owner in [0, USER] {
        let place = dir(dir_owner, 0o755);
        let path = place.path().join("pages.jsonl");
        file(&path, 0, 0o600);
        let mut opened = files().open(&path, Mode::Keep).unwrap();
        let mut text = String::new();
        opened.read_to_string(&mut text).unwrap();
        opened.write_all(b" and new").unwrap();
        assert_eq!(text, "old");
        assert_eq!(fs::read(&path).unwrap(), b"old and new");
        let meta = fs::metadata(&path).unwrap();
        assert_eq!((meta.uid(), meta.mode() & 0o777), (0, 0o600));
        files().open(&path, Mode::Empty).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert!(files().open(&path, Mode::New).is_err());
    }
}

#[test]
fn no_link_of_the_user_leads_to_what_is_roots() {
    let (theirs, roots) = (dir(USER, 0o755), dir(0, 0o755));
    let secret = roots.path().join("secret");
    file(&secret, 0, 0o600);
    let to_file = link(&secret, theirs.path().join("file"), USER);
    let to_dir = link(roots.path(), theirs.path().join("dir"), USER);
    for how in [Mode::Read, Mode::Update, Mode::Keep, Mode::Empty] {
        for path in [&to_file, &to_dir.join("secret")] {
            let refused = files().open(path, how).unwrap_err().to_string();
            assert!(refused.contains("symbolic link"), "{how:?}: {refused}");
        }
    }
    assert!(files().open(&to_dir.join("new"), Mode::Keep).is_err());
    assert!(files().create_dir_all(&to_dir.join("new")).is_err());
    assert!(files().remove_file(&to_dir.join("secret")).is_err());
    assert_eq!(fs::read(&secret).unwrap(), b"old");
    assert_eq!(fs::read_dir(roots.path()).unwrap().count(), 1);
}

#[test]
fn links_of_the_user_lead_where_the_user_may_write() {
    let theirs = dir(USER, 0o755);
    let (own, target) = (theirs.path().join("own"), theirs.path().join("target"));
    fs::create_dir(&own).unwrap();
    chown(&own, Some(USER), Some(USER)).unwrap();
    let to_dir = link(&own, theirs.path().join("dir"), USER);
    let to_file = link(&target, theirs.path().join("file"), USER);
    files().open(&to_dir.join("new"), Mode::New).unwrap();
    files().open(&to_file, Mode::Keep).unwrap();
    assert_eq!((owner(&own.join("new")), owner(&target)), (USER, USER));
}

/// A hard link to root's file, which the user could not open by the first name.
#[test]
fn a_second_name_of_roots_file() {
    let (theirs, roots) = (dir(USER, 0o755), dir(0, 0o755));
    let secret = roots.path().join("secret");
    file(&secret, 0, 0o600);
    let path = theirs.path().join("pages.jsonl");
    fs::hard_link(&secret, &path).unwrap();
    for how in [Mode::Keep, Mode::Empty] {
        let refused = files().open(&path, how).unwrap_err().to_string();
        assert!(refused.contains("2 names"), "{refused}");
    }
    assert_eq!(fs::read(&secret).unwrap(), b"old");
    // In a directory where only root makes names, a second name is harmless.
    files().open(&secret, Mode::Keep).unwrap();
}

/// Standard output is reached by a link that root made, so it is followed.
#[test]
fn what_descriptors_lead_to() {
    let place = dir(0, 0o700);
    let opened = fs::File::create(place.path().join("out")).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&opened);
    for path in [
        format!("/dev/fd/{number}"),
        format!("/proc/{}/fd/{number}", std::process::id()),
    ] {
        files().open(Path::new(&path), Mode::Keep).unwrap();
    }
    let (_reader, writer) = io::pipe().unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&writer);
    let path = format!("/dev/fd/{number}");
    files().open(Path::new(&path), Mode::Keep).unwrap();
}

#[test]
fn other_names() {
    let theirs = dir(USER, 0o755);
    let at = |name: &str| theirs.path().join(name);
    files().open(&at("new"), Mode::New).unwrap();
    file(&at("old"), STRANGER, 0o600);
    files().rename(&at("new"), &at("old")).unwrap();
    assert_eq!(owner(&at("old")), USER);
    files().remove_file(&at("old")).unwrap();
    let roots = dir(0, 0o755);
    let at = |name: &str| roots.path().join(name);
    files().open(&at("new"), Mode::New).unwrap();
    files().rename(&at("new"), &at("old")).unwrap();
    files().remove_file(&at("old")).unwrap();
    assert!(!at("old").exists());
}

/// In a sticky directory the user may make files but not replace this one: the user's file does not take its place.
#[test]
fn the_users_file_does_not_take_the_place_of_a_strangers() {
    let sticky = dir(0, 0o1777);
    let at = |name: &str| sticky.path().join(name);
    files().open(&at("new"), Mode::New).unwrap();
    file(&at("old"), STRANGER, 0o644);
    let refused = files().rename(&at("new"), &at("old")).unwrap_err();
    assert!(is_denied(&refused), "{refused}");
    assert_eq!(owner(&at("old")), STRANGER);
}
