//! The export, schema `tracer.export/1`: one type for those who write it and for those who read it.
//!
//! The published schema is docs/schema; a test compares it with these types, key by key. Rules that hold for every
//! type here:
//!
//! - **Absent is not zero.** A figure that was not measured is `None`, and its key is not written. An object whose
//!   figures are all absent is not written either. `null` is written only where the schema says so.
//! - **Order is by declaration**, so that an export that is read and written again is the same, byte for byte.
//! - **Reading is lenient**: unknown keys are ignored, and every key but `schema` may be missing, since older releases
//!   measured less and people cut out what they need. Another major version is refused.
//! - Names that end in `_ns` are nanoseconds; other numbers count things, unless they are called a ratio (0 to 1).
//!
//! The crate does no IO. Only `sink/json` of tracer-user makes an export out of measurements.

/// Declares an object of the export. Whatever is absent in it is not written; an object without anything is absent
/// itself. Reading, every key may be missing.
macro_rules! object {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$meaning:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(default)]
        pub struct $name {
            $($(#[$meaning])* #[serde(skip_serializing_if = "crate::absent::is_absent")] pub $field: $type,)*
        }

        impl crate::sum::Sum for $name {
            fn sum(&mut self, other: &Self) {
                $(self.$field.sum(&other.$field);)*
            }
        }
    };
}

mod absent;
mod document;
mod events;
mod findings;
mod group;
mod hdr;
pub mod merge;
mod phases;
mod read;
mod responses;
mod series;
mod subjects;
mod sum;
mod time_wait;
mod verdicts;

pub use document::{
    CommandCpu, Export, Filter, Machine, Merged, Part, PartFinding, SCHEMA, Tracer, Window,
};
pub use events::Events;
pub use findings::{
    Advice, Confidence, Finding, FindingStatus, Saves, Scope, ScopeKind, Severity, Threshold,
};
pub use group::{
    ClosedBy, Connections, Dns, FailedConnects, FailedLookups, FailedTunnels, Group, Http2,
    Http2Reasons, Http2Sources, PerConnection, Protocols, Requests, RequestsUnknown, Tcp, Tls,
    TunnelKinds, Tunnels, Versions,
};
pub use hdr::{Hdr, HdrError, HdrReader};
pub use phases::{Histogram, Phases};
pub use read::{ReadError, read};
pub use responses::Responses;
pub use series::{Percentiles, Samples, Series};
pub use subjects::{DnsName, Host, HostProcess, HostSource, Process, Proxy};
pub use time_wait::{Destination, TimeWait};
pub use tracer_core::phase::Phase;
pub use verdicts::{Measured, Verdict, VerdictResult};

#[cfg(test)]
mod tests;
