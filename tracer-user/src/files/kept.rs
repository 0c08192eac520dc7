//! Owner, group and rights of a replaced file, for the file that takes its place.

use std::{
    ffi::{CStr, CString},
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::stat::{FileStat, Mode, fchmod, fstat},
    unistd::{Gid, Uid, fchown},
};

/// The access control list of a file, as the kernel keeps it.
const ACL: &CStr = c"system.posix_acl_access";
/// Bits of the group; with an access control list, they limit the rights of everyone whom the list names.
const GROUP_RIGHTS: u32 = 0o070;

/// Owner, group and rights of a replaced file.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    uid: Uid,
    gid: Gid,
    mode: u32,
    acl: Option<Vec<u8>>,
}

impl Kept {
    /// Reads the properties of a file; a descriptor opened with `O_PATH` is enough.
    pub(crate) fn of(file: &OwnedFd, stat: &FileStat) -> io::Result<Self> {
        Ok(Self {
            uid: Uid::from_raw(stat.st_uid),
            gid: Gid::from_raw(stat.st_gid),
            // Without the set-user-ID and set-group-ID bits: the new content must not run with the owner's rights.
            mode: stat.st_mode & 0o777,
            acl: read_acl(file)?,
        })
    }

    /// Owner of the file.
    pub(crate) fn uid(&self) -> Uid {
        self.uid
    }

    /// Gives owner, group and rights to a new file. If the file cannot be given to its group, its own group gets no
    /// rights.
    pub(crate) fn give(&self, file: &File) -> io::Result<()> {
        let mut mode = self.mode;
        let now = fstat(file)?;
        let owned = (Uid::from_raw(now.st_uid), Gid::from_raw(now.st_gid));
        let mut acl = self.acl.as_deref();
        if owned != (self.uid, self.gid) {
            match fchown(file, Some(self.uid), Some(self.gid)) {
                Err(Errno::EPERM) => (mode, acl) = (mode & !GROUP_RIGHTS, None),
                done => done?,
            }
        }
        // The new file may have inherited a list from the directory, which would let others in.
        write_acl(file, acl)?;
        Ok(fchmod(file, Mode::from_bits_truncate(mode))?)
    }
}

/// The access control list of a file; `None` where there is none, or the file system has none.
fn read_acl(file: &OwnedFd) -> io::Result<Option<Vec<u8>>> {
    // Not by the descriptor itself: with `O_PATH` it works for paths only.
    let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let mut list = vec![0; 1 << 16];
    // SAFETY: both names end in a zero byte, and the buffer has the length that is given.
    let length = unsafe {
        libc::getxattr(
            path.as_ptr(),
            ACL.as_ptr(),
            list.as_mut_ptr().cast(),
            list.len(),
        )
    };
    match usize::try_from(length) {
        Ok(length) => {
            list.truncate(length);
            Ok(Some(list))
        }
        Err(_) => match Errno::last() {
            Errno::ENODATA | Errno::EOPNOTSUPP => Ok(None),
            errno => Err(errno.into()),
        },
    }
}

/// Sets or removes the access control list of a file.
fn write_acl(file: &File, list: Option<&[u8]>) -> io::Result<()> {
    let number = file.as_fd().as_raw_fd();
    let done = match list {
        // SAFETY: the name ends in a zero byte, and the list has the length that is given.
        Some(list) => unsafe {
            libc::fsetxattr(number, ACL.as_ptr(), list.as_ptr().cast(), list.len(), 0)
        },
        // SAFETY: the name ends in a zero byte.
        None => unsafe { libc::fremovexattr(number, ACL.as_ptr()) },
    };
    match (done, list) {
        (0, _) => Ok(()),
        (_, Some(_)) => Err(io::Error::last_os_error()),
        (_, None) => match Errno::last() {
            Errno::ENODATA | Errno::EOPNOTSUPP => Ok(()),
            errno => Err(errno.into()),
        },
    }
}

/// The access control list of a file, for tests.
#[cfg(test)]
pub(crate) fn acl_of(path: &std::path::Path) -> Option<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = File::options()
        .read(true)
        .custom_flags(libc::O_PATH)
        .open(path);
    opened
        .and_then(|file| read_acl(&OwnedFd::from(file)))
        .unwrap_or_default()
}

/// Sets an access control list of this name, for tests.
#[cfg(test)]
pub(crate) fn set_acl(path: &std::path::Path, name: &CStr, list: &[u8]) {
    let path = CString::new(path.as_os_str().as_encoded_bytes()).unwrap_or_default();
    // SAFETY: both names end in a zero byte, and the list has the length that is given.
    let done = unsafe {
        libc::setxattr(
            path.as_ptr(),
            name.as_ptr(),
            list.as_ptr().cast(),
            list.len(),
            0,
        )
    };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
}
