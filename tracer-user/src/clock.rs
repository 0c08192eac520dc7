//! The two clocks: records carry CLOCK_MONOTONIC, people want the time of day.

use std::time::{Duration, SystemTime};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// CLOCK_MONOTONIC now, ns, as `bpf_ktime_get_ns` gives it.
pub(crate) fn monotonic_ns() -> u64 {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .map(|now| Duration::from(now).as_nanos() as u64)
        .unwrap_or_default()
}

/// RFC 3339 in UTC.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    OffsetDateTime::from(at)
        .format(&Rfc3339)
        .unwrap_or_default()
}
