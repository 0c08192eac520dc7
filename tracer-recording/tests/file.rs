//! Written entries are read back. Missing or changed bytes are noticed, and the entries before them are still read.

use std::borrow::Cow;

use proptest::prelude::*;
use tracer_common::{
    counter::Counter,
    overflow::{BUCKETS, Count, Histogram},
};
use tracer_core::{input::Input, live::Activity, overflow::Overflow, time_wait::Seen};
use tracer_export::Filter;
use tracer_recording::{
    End, Ending, Entry, OpenError, Reader, Start, frame, preamble, writer::whole,
};

fn start() -> Start {
    Start {
        version: "0.1.0".into(),
        commit: "abc".into(),
        hostname: "crawler-7".into(),
        kernel: "6.1.0".into(),
        arch: "x86_64".into(),
        cpus: 2,
        started_at_ns: 1_700_000_000_000_000_000,
        started_ns: 5,
        filter: Filter {
            port: vec![443],
            include_loopback: Some(true),
            ..Filter::default()
        },
        command: Some(vec!["curl".into(), "\u{1b}[2J".into()]),
        hosts: vec!["*.example".into()],
        max_hosts: 10,
        max_connections: 100,
    }
}

fn begin() -> Entry<'static> {
    Entry::Start(Box::new(start()))
}

fn end() -> Entry<'static> {
    Entry::End(End {
        ended_ns: 77,
        ended_at_ns: 1_700_000_000_000_000_072,
        lost: 0,
        command_cpu_ns: Some((3, 4)),
    })
}

/// Reads the entries after Start as far as possible, and the kind of end.
fn read(bytes: &[u8]) -> Result<(Vec<String>, String), OpenError> {
    let (mut reader, got) = Reader::open(bytes)?;
    assert_eq!(got, start());
    let mut entries = Vec::new();
    while let Some(entry) = reader.next() {
        entries.push(format!("{entry:?}"));
    }
    assert!(reader.good_bytes() <= bytes.len() as u64);
    Ok((entries, format!("{:?}", reader.ending())))
}

fn told(entries: &[Entry<'_>]) -> Vec<String> {
    entries.iter().map(|entry| format!("{entry:?}")).collect()
}

fn address() -> impl Strategy<Value = std::net::SocketAddr> {
    (any::<std::net::IpAddr>(), any::<u16>()).prop_map(Into::into)
}

fn seen() -> impl Strategy<Value = Seen> {
    let activity = proptest::option::of(any::<(u64, u64, u64)>());
    let numbers = any::<(u64, u8, u32)>();
    (numbers, address(), address(), activity).prop_map(
        |((cookie, state, netns), local, remote, activity)| Seen {
            cookie,
            state,
            netns,
            local,
            remote,
            activity: activity.map(|(rtt_ns, sent_ago_ns, received_ago_ns)| Activity {
                rtt_ns,
                sent_ago_ns,
                received_ago_ns,
            }),
        },
    )
}

fn overflow() -> impl Strategy<Value = Overflow> {
    let slots = (Histogram::COUNT * BUCKETS) as usize;
    let filled = proptest::collection::vec((0..slots, any::<u64>()), 0..9);
    let counts = proptest::collection::vec(any::<u64>(), Count::COUNT as usize);
    (filled, counts).prop_map(move |(filled, counts)| {
        let mut histograms = vec![0; slots];
        for (slot, value) in filled {
            histograms[slot] = value;
        }
        Overflow { histograms, counts }
    })
}

/// Strategy for entries of every kind. The bytes of records are passed in, because entries borrow them.
fn entry(records: &'static [u8]) -> impl Strategy<Value = Entry<'static>> {
    let text = || proptest::option::of(".{0,40}".prop_map(Cow::Owned));
    let input = prop_oneof![
        (0..records.len()).prop_map(|length| Input::Record(&records[..length])),
        (any::<bool>(), 0..records.len()).prop_map(|(last, length)| Input::Sweep {
            records: &records[..length],
            last,
        }),
        (any::<u64>(), 0..records.len()).prop_map(|(at_ns, length)| Input::Watch {
            at_ns,
            records: &records[..length],
        }),
        (any::<u64>(), proptest::collection::vec(seen(), 0..20)).prop_map(|(begun_ns, sockets)| {
            Input::Sockets {
                begun_ns,
                sockets: sockets.into(),
            }
        }),
        (any::<u32>(), text(), text()).prop_map(|(entry, exe, container)| Input::Resolved {
            entry,
            exe,
            container,
        }),
        any::<(u32, (u16, u16), u32, u64)>().prop_map(|(netns, range, reserved, time_wait)| {
            Input::Namespace {
                netns,
                range,
                reserved,
                time_wait,
            }
        }),
        any::<u32>().prop_map(|netns| Input::UnseenNamespace { netns }),
        any::<u32>().prop_map(|netns| Input::RemovedNamespace { netns }),
        any::<[u64; Counter::COUNT as usize]>().prop_map(Input::Counters),
        overflow().prop_map(|overflow| Input::Overflow(Cow::Owned(overflow))),
        any::<(u64, u64, u16, u16)>().prop_map(|(time_ns, cookie, id, flags)| {
            Input::LostAnswer {
                time_ns,
                cookie,
                id,
                flags,
            }
        }),
        any::<u64>().prop_map(|now_ns| Input::Sample { now_ns }),
        any::<(u64, u64)>().prop_map(|(now_ns, at_ns)| Input::Reset { now_ns, at_ns }),
        any::<u64>().prop_map(|inputs| Input::Loss { inputs }),
        any::<u64>().prop_map(|now_ns| Input::Finish { now_ns }),
    ];
    prop_oneof![
        9 => input.prop_map(Entry::Input),
        1 => any::<u64>().prop_map(|now_ns| Entry::Clock { now_ns }),
    ]
}

/// Bytes that stand for those of any record.
static RECORDS: [u8; 4096] = {
    let mut bytes = [0; 4096];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = (at * 7 / 3) as u8;
        at += 1;
    }
    bytes
};

proptest! {
    #[test]
    fn what_is_written_comes_back(entries in proptest::collection::vec(entry(&RECORDS), 0..60)) {
        let bytes = whole([begin()].into_iter().chain(entries.clone()).chain([end()]));
        let (got, ending) = read(&bytes).unwrap();
        let mut expected = told(&entries);
        expected.extend(told(&[end()]));
        prop_assert_eq!(got, expected);
        prop_assert_eq!(ending, "Some(Whole)");
    }

    #[test]
    fn any_bytes_are_survived(
        entries in proptest::collection::vec(entry(&RECORDS), 0..60),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
    ) {
        let mut bytes = whole([begin()].into_iter().chain(entries).chain([end()]));
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok((mut reader, _)) = Reader::open(bytes.as_slice()) {
            while reader.next().is_some() {}
        }
    }
}

/// Makes a recording of several blocks.
fn several_blocks() -> (Vec<u8>, usize) {
    let mut word = 88_172_645_463_325_252u64;
    let mut noise = || {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word
    };
    let records: Vec<Vec<u8>> = (0..60)
        .map(|_| (0..1500).flat_map(|_| noise().to_le_bytes()).collect())
        .collect();
    let entries: Vec<Entry<'_>> = records
        .iter()
        .map(|record| Entry::Input(Input::Record(record)))
        .collect();
    let count = entries.len();
    (
        whole([begin()].into_iter().chain(entries).chain([end()])),
        count,
    )
}

#[test]
fn cut_at_every_byte() {
    let (bytes, count) = several_blocks();
    assert!(
        bytes.len() > 600_000,
        "one block only: {} bytes",
        bytes.len()
    );
    let mut most = 0;
    // Every byte at the beginning and around the ends of blocks; the bytes in between are all alike.
    let places = (0..200)
        .chain((200..bytes.len()).step_by(997))
        .chain(bytes.len() - 300..bytes.len());
    for length in places {
        match read(&bytes[..length]) {
            Ok((entries, ending)) => {
                assert_eq!(ending, "Some(CutOff)", "{length} bytes");
                assert!(entries.len() >= most, "less at {length} bytes");
                most = entries.len();
            }
            Err(error) => assert_eq!(most, 0, "{error} at {length} bytes"),
        }
    }
    assert!(0 < most && most < count, "{most} entries of {count}");
}

#[test]
fn a_small_one_cut_at_every_byte() {
    let entries = [
        Entry::Clock { now_ns: 1 },
        Entry::Input(Input::UnseenNamespace { netns: 4 }),
    ];
    let bytes = whole([begin()].into_iter().chain(entries).chain([end()]));
    for length in 0..bytes.len() {
        let error = read(&bytes[..length]).unwrap_err().to_string();
        assert!(
            error.contains("no recording") || error.contains("cut off"),
            "{length} bytes: {error}"
        );
    }
}

#[test]
fn a_damaged_block_ends_it() {
    let (mut bytes, count) = several_blocks();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x10;
    let (entries, ending) = read(&bytes).unwrap();
    assert_eq!(ending, "Some(Damaged)");
    assert!(!entries.is_empty() && entries.len() < count);
}

#[test]
fn entries_larger_than_a_block() {
    let large: Vec<u8> = (0..3 * frame::MAX_CONTENT + 24)
        .map(|at| (at / 5) as u8)
        .collect();
    let bytes = whole([
        begin(),
        Entry::Input(Input::Sweep {
            records: &large,
            last: true,
        }),
        Entry::Clock { now_ns: 9 },
        end(),
    ]);
    let (mut reader, _) = Reader::open(bytes.as_slice()).unwrap();
    let Some(Entry::Input(Input::Sweep {
        records,
        last: true,
    })) = reader.next()
    else {
        panic!("no sweep");
    };
    assert_eq!(records, large);
    assert_eq!(reader.next(), Some(Entry::Clock { now_ns: 9 }));
}

#[test]
fn records_are_aligned() {
    let record = [7; 24];
    let bytes = whole([
        begin(),
        Entry::Input(Input::UnseenNamespace { netns: 1 }),
        Entry::Input(Input::Record(&record)),
        Entry::Input(Input::Watch {
            at_ns: 1,
            records: &record,
        }),
    ]);
    let (mut reader, _) = Reader::open(bytes.as_slice()).unwrap();
    reader.next();
    for _ in 0..2 {
        let Some(Entry::Input(Input::Record(records) | Input::Watch { records, .. })) =
            reader.next()
        else {
            panic!("no record");
        };
        assert_eq!(records.as_ptr().align_offset(8), 0);
    }
    assert!(reader.next().is_none());
    assert!(matches!(reader.ending(), Some(Ending::CutOff)));
}

#[test]
fn other_versions_are_refused() {
    let mut bytes = whole([begin(), end()]);
    bytes[..preamble::BYTES].copy_from_slice(&preamble::with_versions(99, 1));
    let error = Reader::open(bytes.as_slice()).err().unwrap().to_string();
    assert!(error.contains("format version 99, expected 1"), "{error}");
}
