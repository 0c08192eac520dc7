//! `tracer crawl` and `tracer config`: the reference crawler behind a command line.

pub(crate) mod flags;
pub(crate) mod show;
mod sources;
