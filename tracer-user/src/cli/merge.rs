//! `tracer merge`.

use std::{io, path::Path};

use super::args::Merge;
use crate::{exit_code, failure::Failure, files::output::OutputPath, invoker::Invoker, merge, say};

/// Merges exports into one. The output is checked before anything is read.
pub(crate) fn merge(arguments: &Merge) -> Result<u8, Failure> {
    let invoker = Invoker::find();
    let to_stdout = arguments.output == Path::new("-");
    let output = match to_stdout {
        true => None,
        false => Some(OutputPath::open(&arguments.output, invoker.as_ref())?),
    };
    let export = merge::merge(&arguments.files)?;
    let text = export.to_text().map_err(io::Error::from);
    let text = text.map_err(Failure::internal("writing the merged export"))?;
    match output {
        None => say::print(&text)?,
        Some(output) => output.replace(text.as_bytes())?,
    }
    Ok(exit_code::OK)
}
