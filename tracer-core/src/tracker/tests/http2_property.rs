//! Property of the join: whatever the sizes of writes, records and reads are, and however late the calls return, each stream has
//! the times that the model has sent and received it with.

use proptest::{collection::vec, prelude::*};
use tracer_common::http2::Frame;

use super::http2_model::{DATA, END, HEADERS, MS, Model, OPEN, frame};

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

/// Sum of all samples in whole milliseconds.
fn sum_ms(latency: &crate::latency::Latency) -> u64 {
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
        // A ticket may only look like data when records are read in small pieces.
        let mut model = Model {
            writes_early,
            read_size: read_size.max(64),
            longest,
            overheads: [17, if server_pads { 33 } else { 17 }],
            read_after_ns,
            ..Model::new()
        };
        model.begin(100 * MS);
        let truth = play(&mut model, &steps);
        let group = model.totals(400 * MS);
        let streams = truth.streams.len() as u64;
        if steps.iter().any(|step| matches!(step, Step::Ticket(_))) && group.http2.none_because.lost_sync != 0 {
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
        answered.iter().for_each(|one| expected.record(one.first_ns - one.begin_ns));
        prop_assert_eq!(sum_ms(&group.phases.ttfb), sum_ms(&expected));
        prop_assert_eq!(group.phases.ttfb.summary(), expected.summary());
        let mut expected = crate::latency::Latency::default();
        answered.iter().for_each(|one| expected.record(one.last_ns - one.first_ns));
        prop_assert_eq!(group.phases.transfer.summary(), expected.summary());
    }
}

#[test]
fn frames_of_one_call_in_several_records() {
    let mut model = Model::new();
    model.begin(100 * MS);
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
