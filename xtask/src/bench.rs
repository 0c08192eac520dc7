//! `cargo xtask bench`: the cost of being traced, the cost of tracing, and the crawler compared with others.

mod bpf;
mod crawl;
mod floor;
mod load;
mod observer;
mod options;
mod outputs;
mod overhead;
mod pipeline;
mod sinks;
mod table;
mod tui;

use std::process::ExitCode;

use anyhow::{Result, bail};

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    match args.split_first() {
        Some((what, rest)) if what == "crawl" => crawl::main(rest),
        Some((what, rest)) if what == "overhead" => overhead::main(rest),
        Some((what, rest)) if what == "pipeline" => pipeline::main(rest),
        Some((what, rest)) if what == "sinks" => sinks::main(rest),
        Some((what, rest)) if what == "tui" => tui::main(rest),
        _ => bail!("`cargo xtask bench` crawl, overhead, pipeline, sinks or tui"),
    }
}
