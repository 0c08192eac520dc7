//! The user who called tracer through sudo, and file operations with that user's rights only.
//!
//! A file gets to belong to that user by being made with the user's credentials. So the kernel decides what the user
//! may make or replace, by directories, sticky bits, access control lists and groups, at the moment of the operation.
//! The credentials for files (fsuid, fsgid, groups) belong to a thread, so other threads are not affected.

use std::{ffi::CString, io, sync::Arc};

use nix::{
    sys::{
        prctl::{get_pdeathsig, set_pdeathsig},
        signal::{Signal, raise},
    },
    unistd::{Gid, Pid, Uid, User, getgrouplist, getgroups, getppid, setfsgid, setfsuid},
};

/// Invalid id: setfsuid(2) and setfsgid(2) with it change nothing and return the current id.
const ASK: u32 = u32::MAX;

/// The user who called sudo. Clones share the list of groups.
#[derive(Debug, Clone)]
pub(crate) struct Invoker {
    uid: Uid,
    gid: Gid,
    groups: Arc<[Gid]>,
}

impl Invoker {
    /// The user in sudo's variables; `None` when tracer does not run under sudo.
    pub(crate) fn find() -> Option<Self> {
        let variable = |name| std::env::var(name).ok();
        let (uid, gid) = named(
            Uid::effective(),
            variable("SUDO_UID").as_deref(),
            variable("SUDO_GID").as_deref(),
        )?;
        Some(Self::new(uid, gid))
    }

    /// A user with their groups from the user database.
    pub(crate) fn new(uid: Uid, gid: Gid) -> Self {
        let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
        let name = name.and_then(|name| CString::new(name).ok());
        let groups = name.and_then(|name| getgrouplist(&name, gid).ok());
        Self {
            uid,
            gid,
            groups: groups.unwrap_or_else(|| vec![gid]).into(),
        }
    }

    /// Adds a group to the user.
    #[cfg(test)]
    pub(crate) fn with_group(self, group: Gid) -> Self {
        let groups = self.groups.iter().copied().chain([group]).collect();
        Self { groups, ..self }
    }

    /// User id.
    pub(crate) fn uid(&self) -> Uid {
        self.uid
    }

    /// Does file operations of this thread with the user's rights. If these rights cannot be taken, the error is the
    /// same as for an operation that the user may not do: [`io::ErrorKind::PermissionDenied`].
    pub(crate) fn act<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let disguise = Disguise::put_on(self)?;
        let done = work();
        drop(disguise);
        done
    }
}

/// User in sudo's variables. They are trusted only if root runs tracer: another user could not give files away anyway.
fn named(effective: Uid, uid: Option<&str>, gid: Option<&str>) -> Option<(Uid, Gid)> {
    if !effective.is_root() {
        return None;
    }
    let (uid, gid) = (uid?.parse().ok()?, gid?.parse().ok()?);
    // For root who called sudo nothing changes: the files are root's already.
    let is_somebody = uid != 0 && uid != u32::MAX && gid != u32::MAX;
    is_somebody.then(|| (Uid::from_raw(uid), Gid::from_raw(gid)))
}

/// Credentials of another user for files, on this thread. Dropping this value restores the old ones.
struct Disguise {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
    /// Parent-death signal; the kernel clears it with each change of credentials.
    death_signal: Option<Signal>,
    parent: Pid,
}

impl Disguise {
    fn put_on(user: &Invoker) -> io::Result<Self> {
        let own = Self {
            uid: setfsuid(Uid::from_raw(ASK)),
            gid: setfsgid(Gid::from_raw(ASK)),
            groups: getgroups()?,
            death_signal: get_pdeathsig()?,
            parent: getppid(),
        };
        set_groups(&user.groups)?;
        setfsgid(user.gid);
        setfsuid(user.uid);
        // Neither call reports a failure: in a user namespace without this user they change nothing.
        let taken =
            setfsuid(Uid::from_raw(ASK)) == user.uid && setfsgid(Gid::from_raw(ASK)) == user.gid;
        match taken {
            true => Ok(own),
            false => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }
}

impl Drop for Disguise {
    fn drop(&mut self) {
        setfsuid(self.uid);
        setfsgid(self.gid);
        // Root's rights on files do not depend on groups, so keeping the user's groups after a failure does no harm.
        let _ = set_groups(&self.groups);
        let Some(signal) = self.death_signal else {
            return;
        };
        let _ = set_pdeathsig(signal);
        if getppid() != self.parent {
            // The parent has ended meanwhile, while the death signal was cleared.
            let _ = raise(signal);
        }
    }
}

/// Sets the groups of this thread only; the function of the C library sets those of all threads.
fn set_groups(groups: &[Gid]) -> io::Result<()> {
    // SAFETY: `Gid` is a transparent wrapper of gid_t, and the slice lives until the call returns.
    let done = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt};

    use super::*;

    #[track_caller]
    fn check_user(
        effective: u32,
        uid: Option<&str>,
        gid: Option<&str>,
        expected: Option<(u32, u32)>,
    ) {
        let got = named(Uid::from_raw(effective), uid, gid);
        assert_eq!(got.map(|(u, g)| (u.as_raw(), g.as_raw())), expected);
    }

    #[test]
    fn the_user_behind_sudo() {
        check_user(0, Some("1000"), Some("100"), Some((1000, 100)));
        check_user(1000, Some("0"), Some("0"), None);
        check_user(0, Some("0"), Some("0"), None);
        check_user(0, None, Some("100"), None);
        check_user(0, Some("1000"), None, None);
        check_user(0, Some("-1"), Some("100"), None);
        check_user(0, Some("4294967295"), Some("100"), None);
        check_user(0, Some("1000; x"), Some("100"), None);
    }

    fn nobody() -> Invoker {
        assert!(
            Uid::effective().is_root(),
            "needs root, to act as another user"
        );
        Invoker::new(Uid::from_raw(65534), Gid::from_raw(65534))
    }

    #[test]
    fn the_kernel_decides_and_rights_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str| fs::write(dir.path().join(name), "x");
        let refused = nobody().act(|| write("theirs")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        write("ours").unwrap();
        std::os::unix::fs::chown(dir.path(), Some(65534), Some(65534)).unwrap();
        nobody().act(|| write("theirs")).unwrap();
        let owner = |name: &str| {
            let meta = fs::metadata(dir.path().join(name)).unwrap();
            (meta.uid(), meta.gid())
        };
        assert_eq!((owner("ours"), owner("theirs")), ((0, 0), (65534, 65534)));
        write("ours").unwrap();
    }

    #[test]
    fn a_panic_gives_the_rights_back() {
        let (user, own) = (nobody(), setfsuid(Uid::from_raw(ASK)));
        let panicked = std::panic::catch_unwind(|| user.act(|| -> io::Result<()> { panic!("!") }));
        assert!(panicked.is_err());
        assert_eq!(setfsuid(Uid::from_raw(ASK)), own);
    }

    #[test]
    fn other_threads_and_the_death_signal_stay() {
        let credentials = || (setfsuid(Uid::from_raw(ASK)), getgroups().unwrap());
        let (ask, asked) = std::sync::mpsc::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let other = std::thread::spawn(move || {
            asked.recv().unwrap();
            tell.send((setfsuid(Uid::from_raw(ASK)), getgroups().unwrap()))
                .unwrap();
        });
        let before = credentials();
        set_pdeathsig(Signal::SIGWINCH).unwrap();
        let seen = nobody().act(|| {
            ask.send(()).unwrap();
            assert_eq!(credentials().0.as_raw(), 65534);
            Ok(told.recv().unwrap())
        });
        assert_eq!(seen.unwrap(), before);
        other.join().unwrap();
        assert_eq!(get_pdeathsig().unwrap(), Some(Signal::SIGWINCH));
        assert_eq!(credentials(), before);
    }
}
