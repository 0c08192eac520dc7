//! How much at once and how often: limits that can be changed while the crawl runs.

mod concurrency;
mod rate;

pub use concurrency::{Concurrency, Permit};
pub use rate::Rate;
