//! Limits that find themselves. Pure: told what was measured, they say what the limit is now. No clock, no task.

mod rate;
mod workers;

pub use self::{
    rate::{HostRate, RateOptions, Seen},
    workers::{Sample, Step, Workers},
};
