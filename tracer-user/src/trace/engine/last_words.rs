//! Last lines of a command that failed, printed after the live screen has closed: before that only the screen showed
//! them.

use std::process::ExitStatus;

use tracer_text::printable::{printable, without_colors};

use crate::trace::capture::{Line, Scrollback};

/// Text of the status and the last lines of standard error; `None` for a command that went well.
pub(super) fn last_words(status: ExitStatus, printed: &Scrollback) -> Option<String> {
    if status.success() {
        return None;
    }
    let mut text = format!("the command has ended: {status}");
    if !printed.errors.is_empty() {
        text.push_str("; the last lines of its standard error:");
    }
    for line in &printed.errors {
        text.push_str("\n    ");
        text.push_str(&shown(line));
    }
    Some(text)
}

/// Text of a line without colours and control characters.
fn shown(line: &Line) -> String {
    printable(&without_colors(&line.text))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, sync::Arc};

    use super::*;
    use crate::trace::capture::Stream;

    #[track_caller]
    fn check(wait_status: i32, errors: &[&str], expected: Option<&str>) {
        let line = |text: &&str| {
            Arc::new(Line {
                stream: Stream::Err,
                text: (*text).to_owned(),
            })
        };
        let printed = Scrollback {
            errors: errors.iter().map(line).collect(),
            ..Scrollback::default()
        };
        let words = last_words(ExitStatus::from_raw(wait_status), &printed);
        assert_eq!(words.as_deref(), expected);
    }

    #[test]
    fn status_and_lines_of_a_command_that_failed() {
        check(0, &["a warning"], None);
        check(7 << 8, &[], Some("the command has ended: exit status: 7"));
        check(
            libc::SIGKILL,
            &["\x1b[31mred\x1b[0m", "\x1b[2J\u{202e}"],
            Some(
                "the command has ended: signal: 9 (SIGKILL); the last lines of its standard error:\n    red\n    \\u{1b}[2J\\u{202e}",
            ),
        );
    }
}
