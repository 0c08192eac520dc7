//! Collects all differences of a case, so that one run shows all of them.

use std::fmt::Debug;

use anyhow::{Result, bail};

/// The differences found in one case.
#[derive(Debug)]
pub struct Differences {
    case: String,
    found: Vec<String>,
}

impl Differences {
    /// Begins a case without differences.
    pub fn of(case: impl Into<String>) -> Self {
        Self {
            case: case.into(),
            found: Vec::new(),
        }
    }

    /// Notes a difference if `got` is not `expected`.
    pub fn equal<T: PartialEq + Debug>(&mut self, name: &str, got: T, expected: T) {
        if got != expected {
            self.found
                .push(format!("{name}: got {got:?}, expected {expected:?}"));
        }
    }

    /// Notes a difference if the statement `name` does not hold.
    pub fn holds(&mut self, name: &str, truth: bool) {
        if !truth {
            self.found.push(format!("not so: {name}"));
        }
    }

    /// Gives the value, or notes the error.
    pub fn value<T>(&mut self, result: Result<T>) -> Option<T> {
        result
            .map_err(|error| self.found.push(format!("{error:#}")))
            .ok()
    }

    /// The differences, for a case that may have some.
    pub fn into_found(self) -> Vec<String> {
        self.found
    }

    /// Fails if there are differences. The error lists them, followed by `context`.
    pub fn finish(self, context: impl FnOnce() -> String) -> Result<()> {
        if self.found.is_empty() {
            return Ok(());
        }
        bail!(
            "{}:\n  {}\n{}",
            self.case,
            self.found.join("\n  "),
            context()
        )
    }
}
