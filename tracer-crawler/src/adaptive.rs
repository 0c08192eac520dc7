//! Limits that adapt themselves. The types here have neither clock nor task: they take measurements and return the new
//! limit.

mod rate;
mod workers;

pub use self::{
    rate::{HostRate, RateOptions, Seen},
    workers::{Sample, Step, Workers},
};
