//! The reference crawler: a real crawler people can use for its own sake, and the workload that shows what good looks like.
//!
//! A leaf library: it knows nothing of tracer's other crates.

pub mod adaptive;
pub mod affinity;
pub mod cache;
pub mod config;
pub mod control;
pub mod crawl;
pub mod deadline;
pub mod dedup;
pub mod deliver;
pub mod endpoint;
pub mod fetch;
pub mod files;
pub mod frontier;
pub mod header;
pub mod hook;
pub mod limit;
pub mod metrics;
pub mod out;
pub mod outcome;
pub mod parse;
pub mod progress;
#[cfg(feature = "render")]
pub mod render;
pub mod retry;
pub mod robots;
pub mod scope;
pub mod seeds;
pub mod settings;
pub mod shard;
pub mod sitemap;
pub mod stats;
pub mod url;
