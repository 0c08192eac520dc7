//! The user that the command of `tracer run` is started as.

use std::{ffi::CString, os::unix::process::CommandExt, process::Command};

use nix::unistd::{Gid, Uid, User, getgrouplist, setgid, setgroups, setuid};

use crate::failure::Failure;

/// A user of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    user: User,
    groups: Vec<Gid>,
}

impl Account {
    /// By name, or by number.
    pub(crate) fn find(wanted: &str) -> Result<Self, Failure> {
        let refused = |what: String| Failure::Usage(format!("--user: {what}"));
        let user = match wanted.parse() {
            Ok(number) => User::from_uid(Uid::from_raw(number)),
            Err(_) => User::from_name(wanted),
        };
        let user = user
            .map_err(|errno| refused(format!("cannot look `{wanted}` up: {errno}")))?
            .ok_or_else(|| refused(format!("there is no user `{wanted}`")))?;
        let name = CString::new(user.name.as_bytes())
            .map_err(|_| refused(format!("the name of `{wanted}` cannot be used")))?;
        let groups = getgrouplist(&name, user.gid)
            .map_err(|errno| refused(format!("cannot list the groups of `{wanted}`: {errno}")))?;
        Ok(Self { user, groups })
    }

    /// Makes the command this user's: groups, then group, then user, since the last step gives up the right to the
    /// others. What was arranged with `pre_exec` before is done before.
    pub(crate) fn take(&self, command: &mut Command) {
        command
            .env("HOME", &self.user.dir)
            .env("USER", &self.user.name)
            .env("LOGNAME", &self.user.name);
        let (uid, gid, groups) = (self.user.uid, self.user.gid, self.groups.clone());
        // SAFETY: three system calls on what was made before the fork.
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
