//! Types of the maps' values: plain integers, without calls of helpers.

pub mod dns;
pub mod out_of_order;
pub mod run_queue;
pub mod tls_object;
