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
        let is_served = flags.output.served.prometheus.is_some();
        // Flags that are no text are shown to nobody, and traced with all the same.
        let shown = is_served.then(|| load(&layers).map(|effective| effective.to_toml()));
        let shown = shown.and_then(Result::ok);
        return session::attach(&flags, None, shown);
    }
    let effective = Arc::new(load(&layers)?);
    let text = effective.to_toml();
    if flags.service.show_config {
        say::print(&text)?;
        return Ok(exit_code::OK);
    }
    let reloadable = (layers, Arc::clone(&effective));
    session::attach(&effective.attach, Some(reloadable), Some(text))
}
