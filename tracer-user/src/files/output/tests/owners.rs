//! Tests of the owners of files that root writes for the user behind sudo, with attempts to misuse that.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;

use nix::unistd::{Gid, Uid};

use super::super::{OutputError, OutputPath};
use super::names;
use crate::files::kept::{acl_of, set_acl};
use crate::invoker::Invoker;

const USER: u32 = 65534;
const STRANGER: u32 = 54321;
const GROUP: u32 = 12345;

fn user() -> Invoker {
    assert!(Uid::effective().is_root(), "needs root, to act as others");
    Invoker::new(Uid::from_raw(USER), Gid::from_raw(USER))
}

/// A directory of this owner and these rights.
fn dir(owner: u32, mode: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    chown(dir.path(), Some(owner), Some(owner)).unwrap();
    dir
}

/// A file of this owner, group and rights.
fn file(path: &Path, owner: u32, group: u32, mode: u32) {
    fs::write(path, "old").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    chown(path, Some(owner), Some(group)).unwrap();
}

/// Owner, group and rights.
fn state(path: &Path) -> (u32, u32, u32) {
    let meta = fs::symlink_metadata(path).unwrap();
    (meta.uid(), meta.gid(), meta.mode() & 0o7777)
}

fn write(path: &Path) -> Result<(), OutputError> {
    OutputPath::open(path, Some(&user()))?.replace(b"new")
}

/// Writes the file and checks content, owner and rights, and that no other file is left beside it.
#[track_caller]
fn check(path: &Path, expected: (u32, u32, u32)) {
    write(path).unwrap();
    assert_eq!(fs::read(path).unwrap(), b"new");
    assert_eq!(state(path), expected);
    assert_eq!(names(path.parent().unwrap()), ["out.json"]);
}

/// Rights of a new file.
fn fresh() -> u32 {
    super::super::FILE_MODE & !super::super::umask()
}

#[test]
fn new_where_the_user_may_make_it() {
    let theirs = dir(USER, 0o700);
    check(&theirs.path().join("out.json"), (USER, USER, fresh()));
    let sticky = dir(0, 0o1777);
    check(&sticky.path().join("out.json"), (USER, USER, fresh()));
}

#[test]
fn new_where_only_root_may() {
    for (owner, mode) in [(0, 0o755), (0, 0o700), (STRANGER, 0o755)] {
        let place = dir(owner, mode);
        check(&place.path().join("out.json"), (0, 0, fresh()));
    }
}

#[test]
fn new_where_the_user_does_not_get() {
    let closed = dir(0, 0o700);
    let open = closed.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    check(&open.join("out.json"), (0, 0, fresh()));
}

#[test]
fn new_where_a_group_lets_the_user_in() {
    let place = dir(0, 0o2775);
    chown(place.path(), None, Some(GROUP)).unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o2775)).unwrap();
    check(&place.path().join("out.json"), (0, GROUP, fresh()));
    fs::remove_file(place.path().join("out.json")).unwrap();
    let member = user().with_group(Gid::from_raw(GROUP));
    let path = place.path().join("out.json");
    let output = OutputPath::open(&path, Some(&member)).unwrap();
    output.replace(b"new").unwrap();
    assert_eq!(state(&path), (USER, GROUP, fresh()));
}

#[test]
fn what_is_replaced_keeps_owner_and_rights() {
    for (place_owner, place_mode) in [(0, 0o755), (USER, 0o755), (0, 0o1777), (STRANGER, 0o755)] {
        for owner in [0, USER, STRANGER] {
            for mode in [0o600, 0o640, 0o644, 0o400] {
                let place = dir(place_owner, place_mode);
                let path = place.path().join("out.json");
                file(&path, owner, GROUP, mode);
                check(&path, (owner, GROUP, mode));
            }
        }
    }
}

/// The set-user-ID and set-group-ID bits are not kept when the content is replaced.
#[test]
fn no_bits_that_lend_rights() {
    let place = dir(USER, 0o755);
    let path = place.path().join("out.json");
    file(&path, 0, 0, 0o755);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o6755)).unwrap();
    check(&path, (0, 0, 0o755));
}

/// While root's file is replaced, the user never owns the new file, and so cannot get a descriptor of it.
#[test]
fn the_new_content_of_roots_file_is_never_the_users() {
    let place = dir(USER, 0o755);
    let path = place.path().join("out.json");
    file(&path, 0, 0, 0o600);
    let output = OutputPath::open(&path, Some(&user())).unwrap();
    let under_way = output.begin().unwrap();
    let temporary = names(place.path());
    let temporary = temporary.iter().find(|name| *name != "out.json").unwrap();
    assert_eq!(state(&place.path().join(temporary)), (0, 0, 0o600));
    drop(under_way);
    assert_eq!(names(place.path()), ["out.json"]);
}

/// The user's file is exchanged for another user's while it is replaced, in a directory where only the owner may
/// replace a file.
#[test]
fn exchanged_meanwhile_for_a_strangers() {
    let place = dir(0, 0o1777);
    let path = place.path().join("out.json");
    let output = OutputPath::open(&path, Some(&user())).unwrap();
    let under_way = output.begin().unwrap();
    file(&path, STRANGER, STRANGER, 0o644);
    let refused = under_way.commit().unwrap_err();
    assert!(refused.is_denied(), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    check(&path, (STRANGER, STRANGER, 0o644));
}

#[test]
fn links_of_the_user_lead_where_the_user_may_write() {
    let (theirs, roots) = (dir(USER, 0o755), dir(0, 0o755));
    let link = |to: &Path, name: &str, owner: u32| {
        let link = theirs.path().join(name);
        symlink(to, &link).unwrap();
        lchown(&link, Some(owner), Some(owner)).unwrap();
        link.join("out.json")
    };
    let own = theirs.path().join("own");
    fs::create_dir(&own).unwrap();
    chown(&own, Some(USER), Some(USER)).unwrap();
    check(&link(&own, "to_theirs", USER), (USER, USER, fresh()));
    let refused = write(&link(roots.path(), "to_roots", USER)).unwrap_err();
    assert!(
        matches!(refused, OutputError::ForeignLink { .. }),
        "{refused}"
    );
    let refused = write(&link(&own, "strangers", STRANGER)).unwrap_err();
    assert!(
        matches!(refused, OutputError::ForeignLink { .. }),
        "{refused}"
    );
    assert_eq!(names(roots.path()), [""; 0]);
    check(&link(roots.path(), "by_root", 0), (0, 0, fresh()));
}

#[test]
fn a_link_in_the_place_of_the_file_is_refused() {
    let (theirs, roots) = (dir(USER, 0o755), dir(0, 0o755));
    let secret = roots.path().join("secret");
    file(&secret, 0, 0, 0o600);
    let path = theirs.path().join("out.json");
    symlink(&secret, &path).unwrap();
    lchown(&path, Some(USER), Some(USER)).unwrap();
    let refused = write(&path).unwrap_err();
    assert!(matches!(refused, OutputError::NotAFile { .. }), "{refused}");
    assert_eq!(fs::read(&secret).unwrap(), b"old");
    assert_eq!(state(&secret), (0, 0, 0o600));
}

/// A hard link to root's file in the user's directory: the other name keeps content and rights.
#[test]
fn a_second_name_of_roots_file() {
    let (theirs, roots) = (dir(USER, 0o755), dir(0, 0o755));
    let secret = roots.path().join("secret");
    file(&secret, 0, 0, 0o600);
    let path = theirs.path().join("out.json");
    fs::hard_link(&secret, &path).unwrap();
    check(&path, (0, 0, 0o600));
    assert_eq!(fs::read(&secret).unwrap(), b"old");
}

/// Bytes of an access control list with entries `(tag, rights, id)`, as in acl(5).
fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

const NOBODYS: u32 = u32::MAX;

/// List that lets the other user read, but not the group; the group bits of the mode are those of the mask.
fn for_the_stranger() -> Vec<u8> {
    list(&[
        (0x01, 6, NOBODYS),
        (0x02, 4, STRANGER),
        (0x04, 0, NOBODYS),
        (0x10, 4, NOBODYS),
        (0x20, 0, NOBODYS),
    ])
}

#[test]
fn a_list_of_who_may_read_is_kept() {
    let place = dir(0, 0o755);
    let path = place.path().join("out.json");
    file(&path, 0, GROUP, 0o600);
    set_acl(&path, c"system.posix_acl_access", &for_the_stranger());
    check(&path, (0, GROUP, 0o640));
    assert_eq!(acl_of(&path), Some(for_the_stranger()));
}

#[test]
fn a_list_of_the_directory_opens_nothing_that_was_closed() {
    let place = dir(USER, 0o755);
    let path = place.path().join("out.json");
    file(&path, USER, USER, 0o640);
    set_acl(
        place.path(),
        c"system.posix_acl_default",
        &for_the_stranger(),
    );
    check(&path, (USER, USER, 0o640));
    assert_eq!(acl_of(&path), None);
}
