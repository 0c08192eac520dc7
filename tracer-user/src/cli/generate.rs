//! `tracer completions` and `tracer man`, generated from the definitions of the flags. docs/completions and docs/man
//! hold copies; `tests/generated.rs` keeps them up to date.

mod manual;

use clap::Command;

use super::args::{self, Completions, Man};
use crate::{failure::Failure, say};

/// Prints the completions of one shell.
pub(crate) fn completions(arguments: &Completions) -> Result<u8, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut args::command(), "tracer", &mut text);
    print(&text)
}

/// Prints one manual page.
pub(crate) fn man(arguments: &Man) -> Result<u8, Failure> {
    let mut root = args::command().disable_help_subcommand(true);
    root.build();
    let page = match &arguments.command {
        None => &root,
        Some(name) => find(&root, name).ok_or_else(|| {
            Failure::Usage(format!("no command `{name}`; see `tracer --help` for all"))
        })?,
    };
    let name = arguments.command.as_deref().unwrap_or_default();
    let text = manual::page(page, name).map_err(Failure::internal("writing the manual page"))?;
    print(&text)
}

/// Finds a command by its name: `attach`, or a subcommand as in `config-show`.
fn find<'a>(root: &'a Command, name: &str) -> Option<&'a Command> {
    name.split('-')
        .try_fold(root, |command, word| command.find_subcommand(word))
}

fn print(text: &[u8]) -> Result<u8, Failure> {
    say::print(&String::from_utf8_lossy(text))?;
    Ok(0)
}
