//! `tracer report`.

use std::path::Path;

use super::args::Report;
use crate::{
    diff::{self, Comparison},
    exit_code,
    failure::Failure,
    files::output::OutputPath,
    invoker::Invoker,
    report, say,
};

/// Writes the page. The output is checked before anything is read.
pub(crate) fn report(arguments: &Report) -> Result<u8, Failure> {
    let invoker = Invoker::find();
    let output = match arguments.output == Path::new("-") {
        true => None,
        false => Some(OutputPath::open(&arguments.output, invoker.as_ref())?),
    };
    let page = match &arguments.b {
        Some(b) => report::of_two(&Comparison::of_files(&arguments.a, b)?),
        None => report::of_one(&name(&arguments.a), &diff::read(&arguments.a)?),
    };
    match output {
        None => say::print(&page)?,
        Some(output) => output.replace(page.as_bytes())?,
    }
    Ok(exit_code::OK)
}

/// Name of an export: that of its file, without the ending.
fn name(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}
