//! tracer's pure core: from records of the kernel programs to an immutable [`snapshot::Snapshot`].
//!
//! No IO, no clock, no runtime: times come with the records. Flow: bytes -> [`decode`] ->
//! [`tracker::Tracker`] (the connection table) -> [`group`] and [`latency`] (aggregates) -> snapshot.

pub mod client;
pub mod connection;
pub mod cost;
pub mod credentials;
mod cursor;
pub mod decode;
pub mod dns;
pub mod elapsed;
pub mod endpoint;
mod entries;
pub mod finding;
pub mod forward;
pub mod glob;
pub mod group;
pub mod host;
pub mod host_filter;
pub mod host_name;
pub mod http;
pub mod http2;
pub mod in_flight;
pub mod input;
pub mod latency;
pub mod live;
pub mod metric;
pub mod overflow;
pub mod phase;
pub mod process;
pub mod proxy_path;
mod reassembly;
pub mod series;
pub mod snapshot;
pub mod stream;
pub mod ticket;
pub mod time_wait;
pub mod tls;
pub mod tracker;
pub mod tunnel;
pub mod turn;
pub mod turns;
pub mod unknown;
