//! Count of passed and failed tests.

use std::fmt;
use std::process::ExitCode;

use anyhow::Result;

/// Numbers of passed and of failed tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Numbers in the line of a test binary: `test result: ok. 12 passed; 0 failed; 0 ignored; …`
    pub(crate) fn of_line(line: &str) -> Self {
        let Some(result) = line.strip_prefix("test result: ") else {
            return Self::default();
        };
        let count = |what: &str| {
            let words: Vec<&str> = result.split([' ', ';']).collect();
            let pair = words.windows(2).find(|pair| pair[1] == what);
            pair.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
        };
        Self {
            passed: count("passed"),
            failed: count("failed"),
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// Counts a failure that no test result shows: a test binary that did not compile, or that died.
    pub(crate) fn fail(&mut self) {
        self.failed += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    pub(crate) fn record(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => {
                println!("test {name} ... ok");
                self.passed += 1;
            }
            Err(reason) => {
                println!("test {name} ... FAILED: {reason}");
                self.failed += 1;
            }
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.has_failed() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn check(line: &str, passed: u64, failed: u64) {
        assert_eq!(Tally::of_line(line), Tally { passed, failed });
    }

    #[test]
    fn result_lines_are_summed() {
        check(
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s",
            12,
            0,
        );
        check(
            "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out",
            3,
            2,
        );
        check("test origin::serves ... ok", 0, 0);
    }
}
