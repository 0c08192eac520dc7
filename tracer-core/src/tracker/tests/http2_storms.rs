//! Tests of streams among thousands of frames that belong to none: PING of either side, which the other acknowledges.

use proptest::{collection::vec, prelude::*};

use super::http2_model::{DATA, END, HEADERS, MS, Model, OPEN, frame};
use crate::latency::Summary;

const PING: u8 = 6;
const ACK: u8 = 1;

/// PINGs of one moment.
#[derive(Debug, Clone, Copy)]
struct Storm {
    count: usize,
    /// True if the server sends them.
    by_server: bool,
    /// Number of PINGs that are sent together.
    together: usize,
}

fn storm() -> impl Strategy<Value = Storm> {
    (0..2500_usize, any::<bool>(), 1..1000_usize).prop_map(|(count, by_server, together)| Storm {
        count,
        by_server,
        together,
    })
}

fn pings(model: &mut Model, at_ns: u64, storm: Storm) {
    let mut left = storm.count;
    while left != 0 {
        let count = left.min(storm.together);
        let sent = vec![frame(PING, 0, 0, 8); count];
        let acknowledged = vec![frame(PING, ACK, 0, 8); count];
        if storm.by_server {
            model.receive(at_ns, &sent);
            model.write(at_ns + MS, &acknowledged);
        } else {
            model.write(at_ns, &sent);
            model.receive(at_ns + MS, &acknowledged);
        }
        left -= count;
    }
}

/// Connection with streams, and a storm before each of its frames.
fn play(model: &mut Model, storms: &[Storm]) -> [Summary; 3] {
    model.begin(100 * MS);
    let streams = storms.len() as u64 / 4;
    let mut storms = storms.iter();
    let mut next = |model: &mut Model, at_ms: u64| {
        if let Some(storm) = storms.next() {
            pings(model, (at_ms - 5) * MS, *storm);
        }
        at_ms * MS
    };
    for number in 0..streams {
        let (id, at_ms) = (2 * number as u32 + 1, 200 + 100 * number);
        let at_ns = next(model, at_ms);
        model.request(at_ns, id);
        let at_ns = next(model, at_ms + 20);
        model.receive(at_ns, &[frame(HEADERS, OPEN, id, 50)]);
        let at_ns = next(model, at_ms + 40);
        model.receive(at_ns, &[frame(DATA, 0, id, 3000)]);
        let at_ns = next(model, at_ms + 60);
        model.receive(at_ns, &[frame(DATA, END, id, 3000)]);
    }
    let group = model.totals((1000 + 100 * streams) * MS);
    assert_eq!(group.http2.source.frames, 1, "{:?}", group.http2);
    assert_eq!((group.requests.count, group.requests.failed), (streams, 0));
    let phases = &group.phases;
    [&phases.ttfb, &phases.transfer, &phases.idle].map(|latency| latency.summary())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Streams have the times that they have without PINGs.
    #[test]
    fn pings_change_no_stream(
        storms in vec(storm(), 4..16),
        writes_early in any::<bool>(),
        read_size in prop_oneof![64..2600_u64, Just(16_384)],
        longest in prop_oneof![100..2500_u64, Just(16_384)],
    ) {
        let model = || Model {
            writes_early,
            read_size,
            longest,
            ..Model::new()
        };
        let calm: Vec<Storm> = storms.iter().map(|storm| Storm { count: 0, ..*storm }).collect();
        let (with, without) = (play(&mut model(), &storms), play(&mut model(), &calm));
        prop_assert_eq!(with, without);
    }
}
