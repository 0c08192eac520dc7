//! Arguments of the simple verbs.

use anyhow::{Result, bail};

/// Tells whether each of `flags` was given. Refuses any other argument.
pub(crate) fn flags<const N: usize>(args: &[String], flags: [&str; N]) -> Result<[bool; N]> {
    for arg in args {
        if !flags.contains(&arg.as_str()) {
            bail!("unknown argument {arg:?}; `cargo xtask help` lists what each verb takes");
        }
    }
    Ok(flags.map(|flag| args.iter().any(|arg| arg == flag)))
}
