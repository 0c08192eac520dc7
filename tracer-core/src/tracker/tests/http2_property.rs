//! Property of the join: whatever the sizes of writes, records and reads are, and however late the calls return, each stream has
//! the times that the model has sent and received it with.

use proptest::{collection::vec, prelude::*};
use tracer_common::{
    http2::{BindRecord, Frame, FramesRecord, RecordsRecord},
    record::kind,
};
use zerocopy::{FromZeros, IntoBytes};

use super::fixture::{header, take};
use super::http2_model::{DATA, END, HEADERS, MS, Model, OPEN, frame};
use crate::elapsed::elapsed;

/// Step of a connection, 1 ms after the one before.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The client begins a stream; a body has so many bytes.
    Request(u32),
    /// The server sends HEADERS for the oldest stream without.
    Headers(u32),
    /// The server sends DATA for one of the streams with HEADERS; the last one ends it.
    Data(u8, u32, bool),
    /// The server sends a PING, which the client acknowledges.
    Ping,
    /// The server sends a ticket.
    Ticket(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3000_u32).prop_map(Step::Request),
        4 => (1..300_u32).prop_map(Step::Headers),
        6 => (any::<u8>(), 0..40_000_u32, any::<bool>()).prop_map(|(at, length, ends)| Step::Data(at, length, ends)),
        1 => Just(Step::Ping),
        // Longer than any read of the model, so that it looks like no data.
        1 => (2600..4000_u16).prop_map(Step::Ticket),
    ]
}

/// Stream of the model.
#[derive(Debug, Clone, Copy)]
struct Sent {
    id: u32,
    begin_ns: u64,
    first_ns: u64,
    last_ns: u64,
}

/// True if a ticket is as long as a record with data: then nothing tells the two apart.
fn looks_like_data(steps: &[Step]) -> bool {
    let tickets = steps.iter().filter_map(|step| match step {
        Step::Ticket(length) => Some(u32::from(*length)),
        _ => None,
    });
    let tickets: Vec<u32> = tickets.collect();
    steps.iter().any(|step| match step {
        Step::Data(_, length, _) => tickets.contains(&((length + 9) % 16_384)),
        _ => false,
    })
}

/// Streams as the model knows them.
#[derive(Default)]
struct Truth {
    streams: Vec<Sent>,
    awaited: Vec<usize>,
    answered: Vec<usize>,
    complete: Vec<usize>,
}

fn play(model: &mut Model, steps: &[Step]) -> Truth {
    let mut truth = Truth::default();
    for (at, step) in (1_u64..).zip(steps) {
        let now_ns = (200 + at) * MS;
        match *step {
            Step::Request(body) => {
                let id = 2 * truth.streams.len() as u32 + 1;
                truth.awaited.push(truth.streams.len());
                truth.streams.push(Sent {
                    id,
                    begin_ns: now_ns,
                    first_ns: 0,
                    last_ns: 0,
                });
                let flags = if body == 0 { END } else { OPEN };
                model.write(now_ns, &[frame(HEADERS, flags, id, 40)]);
                if body != 0 {
                    model.write(now_ns + 10_000, &[frame(DATA, 1, id, body)]);
                }
            }
            Step::Headers(length) if !truth.awaited.is_empty() => {
                let stream = truth.awaited.remove(0);
                truth.answered.push(stream);
                truth.streams[stream].first_ns = now_ns;
                truth.streams[stream].last_ns = now_ns;
                model.receive(
                    now_ns,
                    &[frame(HEADERS, OPEN, truth.streams[stream].id, length)],
                );
            }
            Step::Data(which, length, ends) if !truth.answered.is_empty() => {
                let which = usize::from(which) % truth.answered.len();
                let stream = truth.answered[which];
                truth.streams[stream].last_ns = now_ns;
                if ends {
                    truth.complete.push(truth.answered.remove(which));
                }
                let id = truth.streams[stream].id;
                model.receive(now_ns, &[frame(DATA, u8::from(ends), id, length)]);
            }
            Step::Ping => {
                model.receive(now_ns, &[frame(6, 0, 0, 8)]);
                model.write(now_ns + 10_000, &[frame(6, 1, 0, 8)]);
            }
            Step::Ticket(length) => model.records(1, now_ns, &[length + 17], 0),
            Step::Headers(_) | Step::Data(..) => {}
        }
    }
    truth
}

fn took(begin_ns: u64, end_ns: u64) -> u64 {
    elapsed(end_ns, begin_ns).unwrap_or(0)
}

/// Number of buckets with samples.
fn buckets(latency: &crate::latency::Latency) -> u64 {
    latency.counts().count() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn streams_are_the_models(
        steps in vec(step(), 0..60),
        writes_early in any::<bool>(),
        read_size in prop_oneof![Just(9_u64), 1..2600_u64, Just(16_384)],
        longest in prop_oneof![100..2500_u64, Just(16_384)],
        server_pads in any::<bool>(),
        read_after_ns in prop_oneof![Just(1_000_u64), Just(900_000)],
    ) {
        prop_assume!(!looks_like_data(&steps));
        // Short reads of a record may add up to the length of a ticket; then nothing tells the two apart either.
        let has_ticket = steps.iter().any(|step| matches!(step, Step::Ticket(_)));
        let read_size = if has_ticket { 16_384 } else { read_size.max(64) };
        let mut model = Model {
            writes_early,
            read_size,
            longest,
            overheads: [17, if server_pads { 33 } else { 17 }],
            read_after_ns,
            ..Model::new()
        };
        model.begin(100 * MS);
        let truth = play(&mut model, &steps);
        let group = model.totals(400 * MS);
        let streams = truth.streams.len() as u64;
        if has_ticket && group.http2.none_because.lost_sync != 0 {
            // Never a wrong figure: what does not fit is given up.
            prop_assert!(group.requests.count <= streams);
            return Ok(());
        }
        prop_assert_eq!((group.http2.source.frames, group.requests.count), (1, streams));
        let unanswered = truth.awaited.len() as u64;
        prop_assert_eq!(group.requests.failed, unanswered);
        let answered: Vec<&Sent> = truth.streams.iter().filter(|one| one.first_ns != 0).collect();
        prop_assert_eq!(group.phases.ttfb.count(), answered.len() as u64);
        let mut expected = crate::latency::Latency::default();
        answered.iter().for_each(|one| expected.record(took(one.begin_ns, one.first_ns)));
        prop_assert_eq!(buckets(&group.phases.ttfb), buckets(&expected));
        prop_assert_eq!(group.phases.ttfb.summary(), expected.summary());
        let mut expected = crate::latency::Latency::default();
        answered.iter().for_each(|one| expected.record(took(one.first_ns, one.last_ns)));
        prop_assert_eq!(group.phases.transfer.summary(), expected.summary());
    }
}

/// Frames of one call in several records; of the first call, too, of which the object is not bound yet.
#[test]
fn calls_with_many_frames() {
    for is_first in [false, true] {
        for writes_early in [false, true] {
            let mut model = Model {
                writes_early,
                ..Model::new()
            };
            check_many(&mut model, is_first);
        }
    }
}

fn check_many(model: &mut Model, is_first: bool) {
    if !is_first {
        model.begin(100 * MS);
    }
    let many: Vec<Frame> = (0..40)
        .map(|at| frame(HEADERS, END, 2 * at + 1, 20))
        .collect();
    model.write(200 * MS, &many);
    let answers: Vec<Frame> = (0..40)
        .map(|at| frame(HEADERS, END, 2 * at + 1, 10))
        .collect();
    model.receive(240 * MS, &answers);
    let group = model.totals(300 * MS);
    assert_eq!((group.requests.count, group.requests.failed), (40, 0));
    assert_eq!(group.http2.in_flight_peak, 40);
}

/// Times and positions at the edges of their range, and small ones that fit each other.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0..100_u64, 1 => Just(u64::MAX), 1 => any::<u64>()]
}

/// Record of one of the three kinds with any content.
fn any_record() -> impl Strategy<Value = Vec<u8>> {
    let numbers = (number(), number(), number(), 0..4_u32, any::<[u8; 6]>());
    (0..3_u8, numbers, vec((number(), any::<[u8; 8]>()), 0..16)).prop_map(
        |(which, numbers, entries)| {
            let (at_ns, position, object, length, bytes) = numbers;
            let cookie = u64::from(bytes[0] % 3);
            match which {
                0 => records_of(at_ns, cookie, bytes, &entries),
                1 => frames_of(
                    [at_ns, position, object % 3, u64::from(length) * 9],
                    cookie,
                    bytes,
                    &entries,
                ),
                _ => {
                    let mut record = BindRecord::new_zeroed();
                    record.header = header::<BindRecord>(kind::HTTP2_BIND, cookie, at_ns);
                    (record.at_ns, record.object, record.position) = (at_ns, object % 3, position);
                    record.as_bytes().to_vec()
                }
            }
        },
    )
}

fn records_of(at_ns: u64, cookie: u64, bytes: [u8; 6], entries: &[(u64, [u8; 8])]) -> Vec<u8> {
    let mut record = RecordsRecord::new_zeroed();
    record.header = header::<RecordsRecord>(kind::HTTP2_RECORDS, cookie, at_ns);
    (record.at_ns, record.direction, record.flags) = (at_ns, bytes[1] % 2, bytes[2] & bytes[3] & 3);
    record.count = entries.len() as u8;
    for (passed, (number, bytes)) in record.passed.iter_mut().zip(entries) {
        let kind = if bytes[0] < 200 { 23 } else { bytes[1] };
        (passed.length, passed.kind, passed.flags) = (
            (*number as u16).wrapping_add(17 * u16::from(bytes[2] & 1)),
            kind,
            bytes[3] | 1,
        );
    }
    record.as_bytes().to_vec()
}

fn frames_of(
    [at_ns, position, object, length]: [u64; 4],
    cookie: u64,
    bytes: [u8; 6],
    entries: &[(u64, [u8; 8])],
) -> Vec<u8> {
    let mut record = FramesRecord::new_zeroed();
    let cookie = if bytes[5] < 128 { 0 } else { cookie };
    record.header = header::<FramesRecord>(kind::HTTP2_FRAMES, cookie, at_ns);
    (record.at_ns, record.object, record.position) = (at_ns, object, position);
    (record.length, record.direction, record.flags) =
        (length as u32, bytes[1] % 2, bytes[2] & bytes[3] & bytes[4]);
    record.count = entries.len() as u8;
    for (frame, (number, bytes)) in record.frames.iter_mut().zip(entries) {
        (frame.position, frame.stream) =
            (position.wrapping_add(number % 40), u32::from(bytes[0] % 9));
        (frame.length, frame.kind, frame.flags) = (*number as u32, bytes[1] % 10, bytes[2]);
        (frame.value, frame.last_stream) = (u32::from(bytes[3] % 9), u32::from(bytes[4] % 9));
    }
    record.as_bytes().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Records of a damaged recording do no harm, and each connection is counted with one source.
    #[test]
    fn any_records_are_taken(records in vec(any_record(), 0..60)) {
        let mut model = Model::new();
        model.cookie = 2;
        model.connect();
        for record in &records {
            take(&mut model.tracker, record);
        }
        let group = model.tracker.snapshot().totals;
        let source = group.http2.source;
        prop_assert_eq!(group.connections.http2, source.frames + source.inferred + source.none + source.never_used);
        let because = group.http2.none_because;
        prop_assert_eq!(source.none, because.no_library + because.attached_late + because.lost_sync);
        model.close(u64::MAX, 1);
        prop_assert_eq!(model.tracker.snapshot().events.undecodable, 0);
    }
}
