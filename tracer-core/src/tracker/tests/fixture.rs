//! Functions shared by the tests of the tracker.

use tracer_common::record::{HELLO_LARGE, Header, HelloRecord, VERSION, kind};
use zerocopy::IntoBytes;

use super::super::Tracker;

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

/// First bytes of one direction of connection 1. `clear`: mark of the record.
pub(in super::super) fn captured(side: u8, clear: u8, time_ns: u64, bytes: &[u8]) -> Vec<u8> {
    let header = header::<HelloRecord<HELLO_LARGE>>(kind::HELLO, 1, time_ns);
    let length = (bytes.len() as u16).to_ne_bytes();
    let mut record = [header.as_bytes(), &[0; 4], &length, &[side, clear], bytes].concat();
    record.resize(size_of::<HelloRecord<HELLO_LARGE>>(), 0);
    record
}

/// Lets the tracker take a record, which need not be aligned.
pub(in super::super) fn take(tracker: &mut Tracker, record: &[u8]) {
    let mut words = vec![0_u64; record.len().div_ceil(8)];
    words.as_mut_bytes()[..record.len()].copy_from_slice(record);
    tracker.take(&words.as_bytes()[..record.len()]);
}
