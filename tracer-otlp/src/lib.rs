//! tracer's figures as messages of the OpenTelemetry protocol (OTLP).
//!
//! - [`histogram`]: exponential histograms out of those of a trace.
//! - [`metrics`]: the metrics of a snapshot as requests to a collector.
//! - [`spans`]: spans of single connections and requests.
//! - [`resource`]: description of what was traced.
//!
//! The crate does no IO and reads no clock.

mod attribute;
pub mod histogram;
pub mod metrics;
pub mod resource;
pub mod spans;
