//! `cargo xtask demo`: builds, then runs `tracer demo` as root and passes further flags to it.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{build, setup, shell, workspace};

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let tracer = build::build(&setup::for_build()?)?;
    // Without any way to become root the demo says what is missing, and runs without it.
    let mut demo = shell::as_root(&tracer).unwrap_or_else(|| Command::new(&tracer));
    demo.arg("demo");
    if !args.iter().any(|arg| arg.starts_with("--out")) {
        demo.arg("--out").arg(workspace::target_dir().join("demo"));
    }
    let status = shell::status(demo.args(args))?;
    // A demo that was ended by a signal counts as ended by Ctrl-C.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(130)))
}
