//! The reference crawler: a crawler for real use, and the workload that shows how well a crawler can do.
//!
//! This library depends on none of tracer's other crates.

pub mod adaptive;
pub mod affinity;
pub mod cache;
pub mod canonical;
pub mod config;
pub mod control;
pub mod crawl;
pub mod credentials;
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
mod lock;
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
