//! Several turns in one record.

use tracer_common::record::{
    BriefTurn, TurnRecord, TurnsHead,
    turn::{self, TURNS},
};
use zerocopy::FromBytes;

use crate::{elapsed::Timed, group::Group, latency::Bucket};

/// Later turns of one connection, each answered and ended by the next.
#[derive(Debug, Clone, Copy)]
pub struct Turns<'a> {
    head: &'a TurnsHead,
    turns: &'a [BriefTurn],
}

impl<'a> Turns<'a> {
    /// Reads a `TurnsRecord` up to its last turn; turns beyond [`TURNS`] are ignored. The error is the number of bytes
    /// needed.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, usize> {
        let (head, rest) = TurnsHead::ref_from_prefix(bytes).map_err(|_| size_of::<TurnsHead>())?;
        let count = usize::from(head.count).min(TURNS);
        let (turns, _) = <[BriefTurn]>::ref_from_prefix_with_elems(rest, count)
            .map_err(|_| size_of::<TurnsHead>() + count * size_of::<BriefTurn>())?;
        Ok(Self { head, turns })
    }

    /// Number of turns.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the kernel reports none that is empty"
    )]
    pub fn len(&self) -> usize {
        self.turns.len()
    }

    /// Cookie of the socket.
    pub fn cookie(&self) -> u64 {
        self.head.header.cookie
    }

    /// Number (`TurnRecord::number`) of the first turn.
    pub(crate) fn number(&self) -> u32 {
        self.head.number
    }

    /// True if the client has sent what looks like a preface or SETTINGS acknowledgement of HTTP/2.
    pub fn look_like_h2(&self) -> bool {
        self.head.h2 == 1
    }

    /// True if reads of the socket are not seen, so that no pickup is known.
    fn are_read_unseen(&self) -> bool {
        self.head.adopted & turn::READS_UNSEEN != 0
    }

    /// Protocol, one of `record::turn`.
    pub fn protocol(&self) -> u8 {
        self.head.protocol
    }

    /// Turns as records of their own.
    pub fn records(&self) -> impl Iterator<Item = TurnRecord> + use<'a> {
        let head = *self.head;
        let mut previous_ns = head.previous_ns;
        (0..).zip(self.turns).map(move |(behind, brief)| {
            let start_ns = previous_ns.saturating_add(brief.idle_ns.into());
            let first_ns = start_ns.saturating_add(brief.ttfb_ns.into());
            let last_ns = first_ns.saturating_add(brief.transfer_ns.into());
            let record = TurnRecord {
                header: head.header,
                start_ns,
                first_ns,
                last_ns,
                previous_ns,
                pickup_ns: if head.adopted & turn::READS_UNSEEN != 0 {
                    turn::UNSEEN
                } else {
                    brief.pickup_ns.into()
                },
                pickup_run_queue_ns: turn::UNMEASURED,
                number: head.number.saturating_add(behind),
                protocol: head.protocol,
                ended: turn::NEXT,
                h2: head.h2,
                adopted: head.adopted & turn::ADOPTED,
            };
            previous_ns = last_ns;
            record
        })
    }
}

/// Turns with the buckets of their times, which are the same in each group that counts them.
pub(crate) struct Sorted<'a> {
    turns: Turns<'a>,
    idle: [Bucket; TURNS],
    ttfb: [Bucket; TURNS],
    transfer: [Bucket; TURNS],
    /// Buckets of the known pickup latencies.
    pickup: [Bucket; TURNS],
    pickups: usize,
}

impl<'a> Sorted<'a> {
    pub(crate) fn of(turns: Turns<'a>) -> Self {
        let mut sorted = Self {
            turns,
            idle: Default::default(),
            ttfb: Default::default(),
            transfer: Default::default(),
            pickup: Default::default(),
            pickups: 0,
        };
        for (at, (brief, record)) in turns.turns.iter().zip(turns.records()).enumerate() {
            sorted.idle[at] = Bucket::of(brief.idle_ns.into());
            sorted.ttfb[at] = Bucket::of(brief.ttfb_ns.into());
            sorted.transfer[at] = Bucket::of(brief.transfer_ns.into());
            if let Some(pickup_ns) = crate::turn::pickup(&record).and_then(Timed::known_ns) {
                sorted.pickup[sorted.pickups] = Bucket::of(pickup_ns);
                sorted.pickups += 1;
            }
        }
        sorted
    }

    /// Counts all turns, with the same result as [`crate::turn::apply`] for each.
    pub(crate) fn apply(&self, group: &mut Group) {
        let count = self.turns.turns.len();
        group.requests.count += count as u64;
        for record in self.turns.records() {
            group.in_flight(record.start_ns, record.last_ns);
            if let Some(pickup_ns) = crate::turn::pickup(&record).and_then(Timed::known_ns) {
                group
                    .requests
                    .pick_up(pickup_ns, record.pickup_run_queue_ns);
            }
        }
        match self.turns.are_read_unseen() {
            true => group.requests.pickups_unseen += count as u64,
            false => group.negative_durations += (count - self.pickups) as u64,
        }
        let phases = &mut group.phases;
        phases.idle.record_all(&self.idle[..count]);
        phases.ttfb.record_all(&self.ttfb[..count]);
        phases.ttfb_reused.record_all(&self.ttfb[..count]);
        phases.transfer.record_all(&self.transfer[..count]);
        phases.pickup.record_all(&self.pickup[..self.pickups]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use tracer_common::record::{Header, TurnsRecord, VERSION, kind};
    use zerocopy::{FromZeros, IntoBytes};

    use super::*;
    use crate::{
        decode::{DecodeError, Event, decode},
        ticket::FirstByte,
    };

    const HEAD: usize = size_of::<TurnsHead>();
    const EACH: usize = size_of::<BriefTurn>();

    fn record(count: u8) -> TurnsRecord {
        let mut record = TurnsRecord::new_zeroed();
        record.head.header = Header {
            kind: kind::TURNS,
            version: VERSION,
            pad: 0,
            size: (HEAD + usize::from(count) * EACH) as u32,
            time_ns: 9_000,
            cookie: 7,
        };
        record.head.previous_ns = 1_000;
        (record.head.number, record.head.count) = (2, count);
        (record.head.protocol, record.head.adopted) = (turn::CLEAR, turn::ADOPTED);
        record.turns[0] = brief([1, 20, 300, 4]);
        record.turns[1] = brief([5, 60, 700, 8]);
        record
    }

    fn brief([idle_ns, ttfb_ns, transfer_ns, pickup_ns]: [u32; 4]) -> BriefTurn {
        BriefTurn {
            idle_ns,
            ttfb_ns,
            transfer_ns,
            pickup_ns,
        }
    }

    #[test]
    fn each_begins_where_the_one_before_ended() {
        let record = record(2);
        let Ok(Event::Turns(turns)) = decode(&record.as_bytes()[..HEAD + 2 * EACH]) else {
            panic!("no turns");
        };
        let times: Vec<_> = turns
            .records()
            .map(|r| {
                [
                    r.previous_ns,
                    r.start_ns,
                    r.first_ns,
                    r.last_ns,
                    r.pickup_ns,
                ]
            })
            .collect();
        assert_eq!(
            times,
            [
                [1_000, 1_001, 1_021, 1_321, 4],
                [1_321, 1_326, 1_386, 2_086, 8]
            ]
        );
        let other: Vec<_> = turns
            .records()
            .map(|r| {
                (
                    r.number,
                    r.ended,
                    r.protocol,
                    r.adopted,
                    r.pickup_run_queue_ns,
                )
            })
            .collect();
        let expected = |number| (number, turn::NEXT, turn::CLEAR, 1, turn::UNMEASURED);
        assert_eq!(other, [expected(2), expected(3)]);
    }

    proptest! {
        /// Turns counted together give the same figures as one by one.
        #[test]
        fn counted_together(times in vec(any::<[u32; 4]>(), 1..=TURNS), open in 1..4_u64) {
            let mut record = record(times.len() as u8);
            for (turn, times) in record.turns.iter_mut().zip(&times) {
                *turn = brief(*times);
            }
            let Ok(Event::Turns(turns)) = decode(record.as_bytes()) else {
                panic!("no turns");
            };
            let (mut together, mut each) = (Group::default(), Group::default());
            (together.connections.peak_open, each.connections.peak_open) = (open, open);
            Sorted::of(turns).apply(&mut together);
            for record in turns.records() {
                let answer = FirstByte::Known(record.first_ns);
                crate::turn::apply(&record, answer, false, &mut each);
            }
            prop_assert_eq!(together, each);
        }
    }

    #[test]
    fn times_near_the_end_of_their_range() {
        let mut record = record(2);
        record.head.previous_ns = u64::MAX - 1;
        record.head.number = u32::MAX - 1;
        let Ok(Event::Turns(turns)) = decode(record.as_bytes()) else {
            panic!("no turns");
        };
        assert!(turns.records().all(|r| r.last_ns == u64::MAX));
    }

    #[test]
    fn more_turns_than_bytes_are_refused() {
        let record = record(3);
        let got = HEAD + 2 * EACH;
        assert_eq!(
            decode(&record.as_bytes()[..got]).unwrap_err(),
            DecodeError::Length {
                kind: kind::TURNS,
                got,
                expected: HEAD + 3 * EACH
            }
        );
        assert!(decode(&record.as_bytes()[..HEAD - 8]).is_err());
    }
}
