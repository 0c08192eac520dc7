//! Loss, duplication, holding back and delay of packets. Uses no IO and no clock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::{Duration, Instant};

use super::counts::LinkCounts;
use super::packet::{Flow, Segment, segment};
use super::random::Random;
use super::{HOLD_LIMIT, LinkOptions, QUEUE_LIMIT, Side};

/// Most packets on the way at once, enough for 100,000 packets/s over 300 ms.
const MAX_PACKETS: usize = 32 * 1024;
/// Most connections whose packets are counted for scripted holds; later connections get none.
const MAX_FLOWS: usize = 64 * 1024;

/// A packet on its way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InFlight {
    pub(super) due: Instant,
    pub(super) from: Side,
    pub(super) bytes: Vec<u8>,
}

/// A packet that waits for the next one of its flow.
#[derive(Debug)]
struct Held {
    flow: Flow,
    packet: InFlight,
}

/// State of the link between the two devices.
pub(super) struct Impairments<'a> {
    options: &'a LinkOptions,
    counts: &'a LinkCounts,
    random: Random,
    /// Packets by due time, then by arrival.
    queue: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    slots: Vec<Option<InFlight>>,
    free: Vec<usize>,
    buffers: Vec<Vec<u8>>,
    arrivals: u64,
    last_due: [Option<Instant>; 2],
    /// Time at which the last packet of each side has left, on a link with a bandwidth.
    sent: [Option<Instant>; 2],
    held: Vec<Held>,
    data_packets: HashMap<(Side, Flow), u32>,
}

impl<'a> Impairments<'a> {
    pub(super) fn new(options: &'a LinkOptions, counts: &'a LinkCounts) -> Self {
        Self {
            options,
            counts,
            random: Random::new(options.seed),
            queue: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            buffers: Vec::new(),
            arrivals: 0,
            last_due: [None; 2],
            sent: [None; 2],
            held: Vec::new(),
            data_packets: HashMap::new(),
        }
    }

    /// Takes a packet that a side sent at `now`.
    pub(super) fn accept(&mut self, from: Side, bytes: &[u8], now: Instant) {
        let segment = segment(bytes);
        let scripted = segment.is_some_and(|segment| self.is_scripted(from, segment));
        if self.random.chance(self.options.loss) {
            let has_data = segment.is_some_and(|segment| segment.data_bytes > 0);
            if from == Side::Server && has_data {
                LinkCounts::add(&self.counts.lost_from_server);
            }
            return LinkCounts::add(&self.counts.lost);
        }
        let Some(sent) = self.sent(from, bytes.len(), now) else {
            return LinkCounts::add(&self.counts.queue_full);
        };
        let due = self.due(from, sent);
        let data = segment.filter(|segment| segment.data_bytes > 0);
        if let Some(segment) = data.filter(|_| scripted || self.random.chance(self.options.reorder))
        {
            let bytes = self.copy(bytes);
            return self.hold(segment.flow, InFlight { due, from, bytes });
        }
        self.enqueue(from, bytes, due);
        if self.random.chance(self.options.duplicate) {
            LinkCounts::add(&self.counts.duplicated);
            self.enqueue(from, bytes, due);
        }
        if let Some(segment) = data {
            self.release_held(from, segment.flow, due);
        }
    }

    /// Takes the next packet whose time has come. Its bytes are given back by [`Self::recycle`].
    pub(super) fn next_due(&mut self, now: Instant) -> Option<InFlight> {
        self.release_overdue(now);
        let &Reverse((due, _, slot)) = self.queue.peek()?;
        if due > now {
            return None;
        }
        self.queue.pop();
        self.free.push(slot);
        self.slots[slot].take()
    }

    /// Time at which [`Self::next_due`] has a packet; `None` when no packet is on its way.
    pub(super) fn next_event(&self) -> Option<Instant> {
        let queued = self.queue.peek().map(|Reverse((due, ..))| *due);
        let held = self.held.iter().map(|held| held.packet.due + HOLD_LIMIT);
        held.chain(queued).min()
    }

    pub(super) fn recycle(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        self.buffers.push(bytes);
    }

    /// Time at which a packet has left a side; `None` when it would have to wait too long.
    fn sent(&mut self, from: Side, packet_bytes: usize, now: Instant) -> Option<Instant> {
        let Some(bits_per_second) = self.options.bandwidth_bits else {
            return Some(now);
        };
        let last = &mut self.sent[from as usize];
        let start = last.unwrap_or(now).max(now);
        if start - now > QUEUE_LIMIT {
            return None;
        }
        let nanos = packet_bytes as u64 * 8 * 1_000_000_000 / bits_per_second;
        *last = Some(start + Duration::from_nanos(nanos));
        *last
    }

    /// Time at which a packet arrives. Jitter delays packets, but never changes their order within a direction.
    fn due(&mut self, from: Side, sent: Instant) -> Instant {
        let jitter_ns = u64::try_from(self.options.jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = Duration::from_nanos(self.random.below(jitter_ns));
        let last = &mut self.last_due[from as usize];
        let due = (sent + self.options.rtt / 2 + jitter).max(last.unwrap_or(sent));
        *last = Some(due);
        due
    }

    /// Counts the data packets of a connection, and tells whether this one is to be held.
    fn is_scripted(&mut self, from: Side, segment: Segment) -> bool {
        if self.options.holds.is_empty() {
            return false;
        }
        let key = (from, segment.flow);
        if segment.syn
            && (self.data_packets.len() < MAX_FLOWS || self.data_packets.contains_key(&key))
        {
            self.data_packets.insert(key, 0);
        }
        let Some(count) = self
            .data_packets
            .get_mut(&key)
            .filter(|_| segment.data_bytes > 0)
        else {
            return false;
        };
        *count = count.saturating_add(1);
        let data_packet = *count;
        self.options
            .holds
            .iter()
            .any(|hold| hold.from == from && hold.data_packet == data_packet)
    }

    /// Copies a packet into a used buffer, so that a busy link allocates nothing.
    fn copy(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut bytes = self.buffers.pop().unwrap_or_default();
        bytes.extend_from_slice(packet);
        bytes
    }

    fn hold(&mut self, flow: Flow, packet: InFlight) {
        // At most one packet of a flow is held: the one before goes out first.
        self.release_held(packet.from, flow, packet.due);
        if self.held.len() >= MAX_PACKETS {
            return LinkCounts::add(&self.counts.overflowed);
        }
        self.held.push(Held { flow, packet });
    }

    /// Sends the held packet of a flow after the packet that is due at `due` has overtaken it.
    fn release_held(&mut self, from: Side, flow: Flow, due: Instant) {
        let overtaken = |held: &Held| held.flow == flow && held.packet.from == from;
        if let Some(at) = self.held.iter().position(overtaken) {
            let held = self.held.swap_remove(at).packet;
            LinkCounts::add(&self.counts.reordered);
            self.enqueue(from, &held.bytes, due);
            self.recycle(held.bytes);
        }
    }

    fn release_overdue(&mut self, now: Instant) {
        while let Some(at) = self
            .held
            .iter()
            .position(|held| held.packet.due + HOLD_LIMIT <= now)
        {
            let held = self.held.swap_remove(at).packet;
            LinkCounts::add(&self.counts.not_overtaken);
            self.enqueue(held.from, &held.bytes, held.due + HOLD_LIMIT);
            self.recycle(held.bytes);
        }
    }

    fn enqueue(&mut self, from: Side, packet: &[u8], due: Instant) {
        if self.queue.len() >= MAX_PACKETS {
            return LinkCounts::add(&self.counts.overflowed);
        }
        let bytes = self.copy(packet);
        let slot = self.free.pop().unwrap_or(self.slots.len());
        let packet = Some(InFlight { due, from, bytes });
        match self.slots.get_mut(slot) {
            Some(place) => *place = packet,
            None => self.slots.push(packet),
        }
        self.queue.push(Reverse((due, self.arrivals, slot)));
        self.arrivals += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Hold;
    use super::*;

    /// Makes an IPv4 TCP packet with one byte of data, the mark.
    fn data(mark: u8) -> Vec<u8> {
        let mut packet = vec![0; 41];
        (packet[0], packet[9], packet[32], packet[40]) = (0x45, 6, 5 << 4, mark);
        packet
    }

    fn syn() -> Vec<u8> {
        let mut packet = data(0);
        packet.truncate(40);
        packet[33] = 2;
        packet
    }

    /// Sends a SYN and data packets 1 to `count`, a microsecond apart, and gives the marks and milliseconds of their arrival.
    fn arrivals(options: &LinkOptions, count: u8) -> Vec<(u8, u64)> {
        let counts = LinkCounts::default();
        let mut link = Impairments::new(options, &counts);
        let start = Instant::now();
        link.accept(Side::Client, &syn(), start);
        (1..=count).for_each(|mark| link.accept(Side::Client, &data(mark), start));
        let mut arrived = Vec::new();
        while let Some(at) = link.next_event() {
            while let Some(packet) = link.next_due(at) {
                arrived.push((
                    packet.bytes.get(40).copied().unwrap_or(0),
                    (packet.due - start).as_millis() as u64,
                ));
                link.recycle(packet.bytes);
            }
        }
        arrived
    }

    fn rtt(ms: u64) -> LinkOptions {
        LinkOptions {
            rtt: Duration::from_millis(ms),
            ..LinkOptions::default()
        }
    }

    #[test]
    fn half_the_round_trip_in_order() {
        assert_eq!(arrivals(&rtt(40), 3), [(0, 20), (1, 20), (2, 20), (3, 20)]);
        let jitter = LinkOptions {
            jitter: Duration::from_millis(5),
            ..rtt(40)
        };
        let marks: Vec<u8> = arrivals(&jitter, 50)
            .into_iter()
            .map(|(mark, _)| mark)
            .collect();
        assert_eq!(marks, (0..=50).collect::<Vec<_>>());
    }

    #[test]
    fn a_bandwidth_spaces_packets_and_drops_what_waits_too_long() {
        // 41 and 40 bytes at 328 bits a millisecond: one packet a millisecond, after the SYN's 0.98 ms.
        let slow = LinkOptions {
            bandwidth_bits: Some(328_000),
            ..rtt(40)
        };
        assert_eq!(arrivals(&slow, 3), [(0, 20), (1, 21), (2, 22), (3, 23)]);
        let kept = arrivals(
            &LinkOptions {
                bandwidth_bits: Some(32_800),
                ..rtt(40)
            },
            100,
        );
        assert_eq!(kept.len(), 26);
    }

    #[test]
    fn a_held_packet_changes_place_with_the_next() {
        let hold = |data_packet| LinkOptions {
            holds: vec![Hold {
                from: Side::Client,
                data_packet,
            }],
            ..rtt(40)
        };
        let marks = |options, count| {
            arrivals(&options, count)
                .into_iter()
                .map(|(mark, _)| mark)
                .collect::<Vec<_>>()
        };
        assert_eq!(marks(hold(1), 3), [0, 2, 1, 3]);
        assert_eq!(marks(hold(2), 3), [0, 1, 3, 2]);
        assert_eq!(marks(hold(4), 3), [0, 1, 2, 3]);
        assert_eq!(arrivals(&hold(3), 3).last(), Some(&(3, 40)));
    }

    #[test]
    fn loss_and_duplicates() {
        assert_eq!(
            arrivals(
                &LinkOptions {
                    loss: 1.0,
                    ..rtt(40)
                },
                3
            ),
            []
        );
        assert_eq!(
            arrivals(
                &LinkOptions {
                    duplicate: 1.0,
                    ..rtt(40)
                },
                1
            )
            .len(),
            4
        );
        let half = arrivals(
            &LinkOptions {
                loss: 0.5,
                ..rtt(40)
            },
            200,
        )
        .len();
        assert!((60..140).contains(&half), "{half} of 200");
    }
}
