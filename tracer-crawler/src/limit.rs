//! Limits on concurrency and rate that can be changed during the crawl.

mod concurrency;
mod rate;

pub use concurrency::{Concurrency, Permit};
pub use rate::Rate;
