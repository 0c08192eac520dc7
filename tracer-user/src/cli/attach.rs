//! `tracer attach`: settings of all layers, which are shown or traced with.

use std::{ffi::OsString, sync::Arc};

use super::{
    args::Attach,
    layers::{has_others, layers, load},
};
use crate::{exit_code, failure::Failure, say, trace::session};

/// Traces what is running, or shows the settings.
pub(crate) fn attach(flags: Attach) -> Result<u8, Failure> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let layers = layers(&words)?;
    if !has_others(&layers) && !flags.service.show_config {
        return session::attach(&flags, None);
    }
    let effective = Arc::new(load(&layers)?);
    if flags.service.show_config {
        say::print(&effective.to_toml())?;
        return Ok(exit_code::OK);
    }
    session::attach(&effective.attach, Some((layers, Arc::clone(&effective))))
}
