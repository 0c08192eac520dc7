//! `tracer demo`.

use super::args::Demo;
use super::settings::use_color;
use crate::demo::{DemoSettings, demo as run};
use crate::failure::Failure;

/// Runs the demo; returns the exit code.
pub(crate) fn demo(arguments: &Demo) -> Result<u8, Failure> {
    Ok(run(&DemoSettings {
        rtt: arguments.rtt,
        concurrency: arguments.concurrency,
        time: arguments.time,
        out: arguments.out.clone(),
        screen: arguments.tui && !arguments.no_tui,
        netem: arguments.netem,
        color: use_color(arguments.color, false),
    })?)
}
