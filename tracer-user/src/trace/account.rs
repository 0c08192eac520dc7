//! User as whom the command of `tracer run` is started.

use std::{ffi::CString, os::unix::process::CommandExt, process::Command};

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, User, getgrouplist, setgid, setgroups, setuid};

/// Reasons why a user cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// The user database cannot be read.
    #[error("--user: cannot look `{wanted}` up: {errno}")]
    Database {
        /// Name or number as given.
        wanted: String,
        /// Error of the system.
        errno: Errno,
    },
    /// The user database has no such user.
    #[error("--user: there is no user `{wanted}`")]
    Unknown {
        /// Name or number as given.
        wanted: String,
    },
    /// The name contains a zero byte, so its groups cannot be looked up.
    #[error("--user: the name of `{wanted}` cannot be used")]
    Name {
        /// Name or number as given.
        wanted: String,
    },
    /// The groups of the user cannot be listed.
    #[error("--user: cannot list the groups of `{wanted}`: {errno}")]
    Groups {
        /// Name or number as given.
        wanted: String,
        /// Error of the system.
        errno: Errno,
    },
}

/// A user of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    user: User,
    groups: Vec<Gid>,
}

impl Account {
    /// Finds a user by name or by number.
    pub(crate) fn find(wanted: &str) -> Result<Self, AccountError> {
        let name = || wanted.to_owned();
        let user = match wanted.parse() {
            Ok(number) => User::from_uid(Uid::from_raw(number)),
            Err(_) => User::from_name(wanted),
        };
        let user = user
            .map_err(|errno| AccountError::Database {
                wanted: name(),
                errno,
            })?
            .ok_or_else(|| AccountError::Unknown { wanted: name() })?;
        let login = CString::new(user.name.as_bytes())
            .map_err(|_| AccountError::Name { wanted: name() })?;
        let groups = getgrouplist(&login, user.gid).map_err(|errno| AccountError::Groups {
            wanted: name(),
            errno,
        })?;
        Ok(Self { user, groups })
    }

    /// Makes the command run as this user. Sets groups, then group, then user: the last step gives up the right to the
    /// other two. Functions given to `pre_exec` before run before this.
    pub(crate) fn take(&self, command: &mut Command) {
        command
            .env("HOME", &self.user.dir)
            .env("USER", &self.user.name)
            .env("LOGNAME", &self.user.name);
        let (uid, gid, groups) = (self.user.uid, self.user.gid, self.groups.clone());
        // SAFETY: three system calls on data that was made before the fork.
        unsafe {
            command.pre_exec(move || {
                setgroups(&groups)?;
                setgid(gid)?;
                Ok(setuid(uid)?)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_and_by_number() {
        let root = Account::find("root").unwrap();
        let zero = Account::find("0").unwrap();
        assert_eq!(
            (root.user.uid.as_raw(), &root.user.name),
            (0, &zero.user.name)
        );
        assert!(root.groups.contains(&Gid::from_raw(0)));
    }

    #[test]
    fn nobody_by_that_name() {
        for wanted in ["no-such-user", "", "4294967294"] {
            let failure = Account::find(wanted).unwrap_err().to_string();
            assert!(failure.starts_with("--user: there is no user"), "{failure}");
        }
    }
}
