//! Version and time, which all packages of a release share.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{shell, workspace};

/// Version and time of a release.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) version: String,
    /// Seconds since 1970 of the commit, or SOURCE_DATE_EPOCH if set: the packages hold no other time, so that they are the same each time they
    /// are built.
    pub(crate) epoch: u64,
}

impl Release {
    /// Release of the current commit.
    pub(crate) fn current() -> Result<Self> {
        let set = std::env::var("SOURCE_DATE_EPOCH").ok();
        let root = workspace::root();
        let of_commit = || {
            shell::probe(
                "git",
                &[
                    "-C".as_ref(),
                    root.as_os_str(),
                    "log".as_ref(),
                    "-1".as_ref(),
                    "--format=%ct".as_ref(),
                ],
            )
        };
        let epoch = set
            .or_else(of_commit)
            .context("no SOURCE_DATE_EPOCH and no commit")?;
        Ok(Self::at(
            epoch
                .trim()
                .parse()
                .with_context(|| format!("{epoch:?} is no time"))?,
        ))
    }

    /// Release of this version at a time.
    pub(crate) fn at(epoch: u64) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch,
        }
    }

    /// Time as RFC 3339 has it.
    pub(crate) fn time(&self) -> Result<String> {
        self.date("+%Y-%m-%dT%H:%M:%SZ")
    }

    /// Date as changelogs of RPM have it.
    pub(crate) fn day(&self) -> Result<String> {
        self.date("+%a %b %d %Y")
    }

    /// Date as changelogs of Debian have it.
    pub(crate) fn mail_date(&self) -> Result<String> {
        self.date("+%a, %d %b %Y %H:%M:%S +0000")
    }

    fn date(&self, format: &str) -> Result<String> {
        let mut date = Command::new("date");
        date.env("LC_ALL", "C")
            .args(["--utc", "--date", &format!("@{}", self.epoch), format]);
        let output = date.output().context("cannot start date")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
