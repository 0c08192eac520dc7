//! Types of the values that the maps hold: plain integers, no calls of helpers.

pub mod conn;
pub mod dns;
pub mod out_of_order;
pub mod run_queue;
