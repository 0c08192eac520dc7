//! demo
use anyhow::Result;
use std::process::ExitCode;
pub(crate) fn main(_args: &[String]) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
