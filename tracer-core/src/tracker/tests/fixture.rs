//! Functions shared by the tests of the tracker.

use tracer_common::record::{Header, VERSION};

/// Header of a record of type `T`.
pub(in super::super) fn header<T>(kind: u8, cookie: u64, time_ns: u64) -> Header {
    Header {
        kind,
        version: VERSION,
        pad: 0,
        size: size_of::<T>() as u32,
        time_ns,
        cookie,
    }
}
