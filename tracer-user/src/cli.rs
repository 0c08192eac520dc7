//! The command line: typed flags ([`args`]), then validated [`settings`].

pub(crate) mod args;
pub(crate) mod attach;
pub(crate) mod check;
pub(crate) mod crawl;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod doctor;
mod examples;
pub(crate) mod explain;
pub(crate) mod generate;
pub(crate) mod layers;
pub(crate) mod merge;
mod mistake;
mod quantity;
pub(crate) mod report;
pub(crate) mod settings;

use std::io::{self, Write as _};

use tracer_text::printable::printable;

use crate::{
    exit_code,
    say::{checked, say},
};

/// Prints what clap returned instead of arguments: help, the version, or an error in the arguments. Returns the exit
/// code.
pub(crate) fn refuse(message: &clap::Error) -> u8 {
    let words: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if let Some(text) = mistake::one_line(message, &words) {
        // A mistake in an expression has two more lines, which show its place.
        let lines: Vec<String> = text.lines().map(printable).collect();
        say(lines.join("\n"));
        return exit_code::USAGE;
    }
    let printed = message.print().and_then(|()| io::stdout().flush());
    if message.use_stderr() {
        return exit_code::USAGE;
    }
    match checked("standard output", printed) {
        Err(error) => {
            say(error);
            exit_code::USAGE
        }
        Ok(()) => exit_code::OK,
    }
}
