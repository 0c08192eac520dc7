//! `tracer crawl` and `tracer config`: the command line of the reference crawler.

pub(crate) mod flags;
mod log;
pub(crate) mod run;
pub(crate) mod show;
mod sources;
pub(crate) mod switches;
mod threads;
mod trace;
