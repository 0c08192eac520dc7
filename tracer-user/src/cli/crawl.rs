//! `tracer crawl` and `tracer config`: the reference crawler behind a command line.

pub(crate) mod flags;
mod log;
pub(crate) mod run;
pub(crate) mod show;
mod sources;
pub(crate) mod switches;
mod threads;
mod trace;
