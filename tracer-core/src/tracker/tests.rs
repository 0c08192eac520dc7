//! Tests of the tracker.

mod clear;
mod edges;
pub(super) mod fixture;
mod stamps;
mod tickets;
mod tunnels;
