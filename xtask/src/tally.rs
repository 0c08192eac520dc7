//! Count of passed and failed tests.

use std::fmt;
use std::process::ExitCode;

use anyhow::Result;

/// Numbers of passed and of failed tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    /// Tests in whose traces the kernel did not run the programs.
    unseen: Vec<String>,
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
            unseen: Vec::new(),
        }
    }

    /// Number of tests that passed, and of all.
    pub(crate) fn right_of_all(&self) -> (u64, u64) {
        (self.passed, self.passed + self.failed)
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

    /// Notes tests that ran a second time, or would have if they were not so many.
    pub(crate) fn note_second_runs(&mut self, names: Vec<String>) {
        self.unseen.extend(names);
    }

    /// Names of the tests noted so.
    pub(crate) fn second_runs(&self) -> impl Iterator<Item = &str> {
        self.unseen.iter().map(String::as_str)
    }

    /// Counts a failed test as its second run ended: `again` has the results of all test binaries.
    pub(crate) fn replace_failure(&mut self, again: &Self) {
        if !again.has_failed() && again.passed > 0 {
            self.failed = self.failed.saturating_sub(1);
            self.passed += 1;
        }
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

/// Failed tests in whose traces the kernel did not run the programs at a change of a TCP state (docs/dev/testing.md).
#[derive(Debug, Default)]
pub(crate) struct Unseen {
    /// Test whose output is being read.
    current: Option<String>,
    pub(crate) tests: Vec<String>,
}

impl Unseen {
    /// Reads a line of the output: `---- name stdout ----` begins the output of a failed test.
    pub(crate) fn read(&mut self, line: &str) {
        let name = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" stdout ----"));
        if let Some(name) = name {
            self.current = Some(name.to_owned());
        } else if line == "failures:" {
            self.current = None;
        } else if line.starts_with("unseen: ") {
            // Taken, so that a test with two such traces is named once.
            self.tests.extend(self.current.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Tally, Unseen};

    #[test]
    fn only_failed_tests_with_the_line_are_named() {
        let mut unseen = Unseen::default();
        let output = "unseen: printed by a test that passed\nfailures:\n\n---- never_used stdout ----\nunseen: a\n\
                      unseen: b\n\n---- other stdout ----\nError: other\n\nfailures:\n    never_used\nunseen: c";
        output.lines().for_each(|line| unseen.read(line));
        assert_eq!(unseen.tests, ["never_used"]);
    }

    #[test]
    fn second_run_decides() {
        let first = || Tally {
            passed: 7,
            failed: 1,
            ..Tally::default()
        };
        let run = |passed, failed| {
            let mut tally = first();
            tally.replace_failure(&Tally {
                passed,
                failed,
                ..Tally::default()
            });
            (tally.passed, tally.failed)
        };
        assert_eq!(run(1, 0), (8, 0));
        assert_eq!(run(0, 1), (7, 1));
        // Not one test ran.
        assert_eq!(run(0, 0), (7, 1));
    }

    fn check(line: &str, passed: u64, failed: u64) {
        let tally = Tally::of_line(line);
        assert_eq!((tally.passed, tally.failed), (passed, failed));
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
