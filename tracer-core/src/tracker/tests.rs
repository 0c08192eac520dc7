//! Tests of the tracker.

mod clear;
mod edges;
mod figures;
pub(super) mod fixture;
mod forward;
mod http2;
mod http2_inferred;
mod http2_model;
mod http2_property;
mod http2_storms;
mod http2_streams;
mod stamps;
mod tickets;
mod tunnels;
