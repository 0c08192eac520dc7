//! `tracer completions` and `tracer man`, generated from the definitions of the flags. docs/completions and docs/man
//! hold copies; `tests/generated.rs` keeps them up to date.

use clap::{Command, CommandFactory};

use super::args::{Arguments, Completions, Man};
use crate::{failure::Failure, say};

/// Prints the completions of one shell.
pub(crate) fn completions(arguments: &Completions) -> Result<u8, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "tracer",
        &mut text,
    );
    print(&text)
}

/// Prints one manual page.
pub(crate) fn man(arguments: &Man) -> Result<u8, Failure> {
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    let page = match &arguments.command {
        None => &root,
        Some(name) => find(&root, name).ok_or_else(|| {
            Failure::Usage(format!("no command `{name}`; see `tracer --help` for all"))
        })?,
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page.clone())
        .source(concat!("tracer ", env!("CARGO_PKG_VERSION")))
        .manual("User commands")
        .render(&mut text)
        .map_err(Failure::internal("writing the manual page"))?;
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
