//! Tests of reads behind a gap, and of records that wait for their reads.

use tracer_common::http2::Frame;

use super::*;
use crate::tls::Side;

const OVERHEAD: u16 = 24;

/// Plaintext lengths of the records of some pages of 300,000 bytes: the same ones again and again.
fn pages(count: usize) -> Vec<u32> {
    let page = [[16_384, 16_384, 36]; 8].concat();
    let page = [page.as_slice(), &[5097]].concat();
    page.repeat(count)
}

/// Time at which each record passes, ns.
fn time_ns(number: usize) -> u64 {
    1000 * (number as u64 + 1)
}

/// Records that were seen, those from `from` up to `to` left out.
fn received(lengths: &[u32], from: usize, to: usize) -> Reads {
    let mut reads = Reads::new(&[OVERHEAD], false);
    for (number, length) in lengths.iter().enumerate() {
        if (from..to).contains(&number) {
            continue;
        }
        if number == to {
            let missing = &lengths[from..to];
            let each = |length: &u32| HEADER + u64::from(OVERHEAD) + u64::from(*length);
            reads.miss_records(missing.iter().map(each).sum());
        }
        reads.records_mut().push_back(TlsRecord {
            sequence: 0,
            length: *length as u16 + OVERHEAD,
            begin_ns: time_ns(number),
            end_ns: time_ns(number),
        });
    }
    reads
}

/// Times of frames, of which each record has one, as far as they are told.
fn begins(reads: &mut Reads, lengths: &[u32]) -> Vec<u64> {
    let (mut position, mut happenings) = (0, Vec::new());
    for (number, length) in lengths.iter().enumerate() {
        let at_ns = 1_000_000_000 + time_ns(number);
        let frame = Frame {
            position: position + 8,
            length: length - 9,
            ..Frame::default()
        };
        let call = Call {
            side: Side::Server,
            at_ns,
            position,
            length: *length,
            flags: 0,
            frames: vec![frame],
        };
        assert!(reads.read(call).is_ok());
        assert!(reads.join(at_ns, false, &mut happenings).is_ok());
        position += u64::from(*length);
    }
    let begins = happenings.iter().filter_map(|happening| match happening {
        Happening::Begins(_, at_ns) => Some(*at_ns),
        Happening::Ends(..) => None,
    });
    begins.collect()
}

/// Records of equal lengths fit in many places, and one of them only by the number of bytes that are missing.
#[test]
fn records_of_equal_lengths_behind_a_gap() {
    let lengths = pages(6);
    for (from, to) in [(20, 30), (21, 33), (24, 49), (30, 31), (10, 60), (3, 9)] {
        let mut reads = received(&lengths, from, to);
        let times = begins(&mut reads, &lengths);
        let expected = (0..lengths.len()).map(|number| match (from..to).contains(&number) {
            true => 0,
            false => time_ns(number),
        });
        let expected: Vec<u64> = expected.collect();
        assert_eq!(times, expected, "records {from} to {to}");
    }
}

/// A second gap before anything behind the first one is known.
#[test]
fn two_gaps() {
    let lengths = pages(4);
    let mut reads = received(&lengths, 20, 30);
    let missing = &lengths[35..50];
    let each = |length: &u32| HEADER + u64::from(OVERHEAD) + u64::from(*length);
    // The records from the second gap on come once more, as if they had not come yet.
    let behind: Vec<TlsRecord> = reads.records_mut().drain(..).collect();
    reads.records_mut().extend(&behind[..5]);
    reads.miss_records(missing.iter().map(each).sum());
    reads.records_mut().extend(&behind[20..]);
    let times = begins(&mut reads, &lengths);
    let expected = (0..lengths.len()).map(|number| match (20..50).contains(&number) {
        true => 0,
        false => time_ns(number),
    });
    assert_eq!(times, expected.collect::<Vec<u64>>());
}

/// A client that reads late lets thousands of small records wait.
#[test]
fn many_small_records_that_wait() {
    let lengths = [[17; 20_000].as_slice(), &[30], &[17; 20_000]].concat();
    let mut reads = received(&lengths, lengths.len(), lengths.len());
    assert!(reads.passed().is_ok());
    let expected: Vec<u64> = (0..lengths.len()).map(time_ns).collect();
    assert_eq!(begins(&mut reads, &lengths), expected);
}
