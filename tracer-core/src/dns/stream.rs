//! Splits a TCP stream into messages, each of which is preceded by its length in two bytes (RFC 1035 4.2.2).

use super::packet::Packet;

/// Limit of the bytes kept per message; further ones are counted and dropped.
const KEPT: usize = 4096;

/// Limit of the out-of-order segments kept.
const EARLY: usize = 8;

/// Segment that came before an earlier part of the stream.
#[derive(Debug)]
struct Early {
    position: u32,
    length: u32,
    bytes: Vec<u8>,
}

/// A direction of a connection.
#[derive(Debug, Default)]
pub struct Stream {
    /// Position of the next byte; 0 before the first.
    next: u32,
    /// Bytes of the length prefix that have arrived.
    prefix: Vec<u8>,
    /// First bytes of the current message.
    kept: Vec<u8>,
    /// Number of bytes of the current message that have passed, kept or not.
    passed: usize,
    /// Time of the current message's first byte, ns.
    begun_ns: u64,
    /// Segments after a gap in the stream.
    early: Vec<Early>,
    /// True if bytes between two messages are missing, so that the rest of the stream cannot be read.
    lost: bool,
}

/// Message with its times.
#[derive(Debug, PartialEq, Eq)]
pub struct Framed {
    /// Bytes of the message, possibly cut off.
    pub bytes: Vec<u8>,
    /// Time of the first byte, ns.
    pub first_ns: u64,
    /// Time of the last byte, ns.
    pub last_ns: u64,
}

impl Stream {
    /// True if the rest of the stream cannot be read.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Takes the payload of a segment. Returns the messages that end in it, or in out-of-order segments that it
    /// completes.
    pub fn push(&mut self, packet: &Packet<'_>) -> Vec<Framed> {
        let mut done = Vec::new();
        if self.lost {
            return done;
        }
        if packet.position > self.start() {
            self.keep(packet);
            return done;
        }
        self.follow(packet, &mut done);
        while let Some(at) = self.next_early() {
            let early = self.early.swap_remove(at);
            let segment = Packet {
                position: early.position,
                length: early.length,
                bytes: &early.bytes,
                ..*packet
            };
            self.follow(&segment, &mut done);
        }
        done
    }

    /// Position of the next byte.
    fn start(&self) -> u32 {
        self.next.max(1)
    }

    fn next_early(&self) -> Option<usize> {
        let start = self.start();
        self.early.iter().position(|early| early.position <= start)
    }

    fn keep(&mut self, packet: &Packet<'_>) {
        if self.early.len() == EARLY {
            self.lost = true;
            self.early.clear();
            return;
        }
        self.early.push(Early {
            position: packet.position,
            length: packet.length,
            bytes: packet.bytes.to_vec(),
        });
    }

    /// Takes a segment that begins at or before the next byte.
    fn follow(&mut self, packet: &Packet<'_>, done: &mut Vec<Framed>) {
        self.lost |= packet.position == 0;
        let skipped = self.start().wrapping_sub(packet.position) as usize;
        let length = packet.length as usize;
        if self.lost || skipped >= length {
            return;
        }
        self.next = packet.position.wrapping_add(packet.length);
        let mut at = skipped;
        while at < length && !self.lost {
            at = self.step(packet, at, length, done);
        }
    }

    /// Takes some of the bytes from `at` on, and returns the place of the next ones.
    fn step(
        &mut self,
        packet: &Packet<'_>,
        at: usize,
        length: usize,
        done: &mut Vec<Framed>,
    ) -> usize {
        if self.prefix.len() < 2 {
            match packet.bytes.get(at) {
                Some(&byte) => {
                    if self.prefix.is_empty() {
                        self.begun_ns = packet.time_ns;
                    }
                    self.prefix.push(byte);
                }
                None => self.lost = true,
            }
            return at + 1;
        }
        let whole = usize::from(u16::from_be_bytes([self.prefix[0], self.prefix[1]]));
        let count = (length - at).min(whole - self.passed);
        // Bytes after a gap would be read as if they followed the bytes before it.
        if self.kept.len() == self.passed {
            let behind = packet.bytes.get(at..).unwrap_or_default();
            let fits = behind
                .len()
                .min(count)
                .min(KEPT.saturating_sub(self.kept.len()));
            self.kept.extend_from_slice(&behind[..fits]);
        }
        self.passed += count;
        if self.passed == whole {
            done.push(Framed {
                bytes: std::mem::take(&mut self.kept),
                first_ns: self.begun_ns,
                last_ns: packet.time_ns,
            });
            self.prefix.clear();
            self.passed = 0;
        }
        at + count
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dns::packet::tests::packet;

    /// A segment in the middle of a message, of which only the first bytes were captured.
    #[test]
    fn what_was_not_captured_is_passed_over() {
        let mut stream = Stream::default();
        let mut segment = packet(&[0, 9, b'a']);
        (segment.position, segment.length) = (1, 6);
        assert_eq!(stream.push(&segment), []);
        let mut rest = packet(&[]);
        (rest.position, rest.length, rest.time_ns) = (7, 5, 8);
        let expected = Framed {
            bytes: vec![b'a'],
            first_ns: 0,
            last_ns: 8,
        };
        assert_eq!(stream.push(&rest), [expected]);
    }

    /// Checks six messages of `length` bytes, each in a segment of its own, that arrive in this order.
    #[track_caller]
    fn check_order(order: &[u32], length: u8, expected: usize, lost: bool) {
        let mut stream = Stream::default();
        let mut got = Vec::new();
        for &number in order {
            let bytes: Vec<u8> = [0, length]
                .into_iter()
                .chain(std::iter::repeat_n(number as u8, length.into()))
                .collect();
            let mut segment = packet(&bytes);
            segment.position = 1 + number * (u32::from(length) + 2);
            got.extend(
                stream
                    .push(&segment)
                    .into_iter()
                    .map(|framed| framed.bytes[0]),
            );
        }
        let numbers: Vec<u8> = (0..expected as u8).collect();
        assert_eq!((got, stream.is_lost()), (numbers, lost));
    }

    #[test]
    fn segments_that_come_late_or_twice() {
        check_order(&[0, 2, 3, 1, 4, 5], 7, 6, false);
        check_order(&[5, 4, 3, 2, 1, 0], 7, 6, false);
        check_order(&[0, 2, 0, 2, 1, 1, 3], 7, 4, false);
        check_order(&[0, 2, 3, 4, 5], 7, 1, false);
        check_order(&[0, 2, 3, 4, 5, 6, 7, 8, 9, 10], 7, 1, true);
    }

    proptest! {
        #[test]
        fn however_it_is_split(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 1..6), cuts in proptest::collection::vec(1..30usize, 0..40)) {
            let mut bytes = Vec::new();
            for message in &messages {
                bytes.extend_from_slice(&(message.len() as u16).to_be_bytes());
                bytes.extend_from_slice(message);
            }
            let mut stream = Stream::default();
            let (mut got, mut at, mut cuts) = (Vec::new(), 0, cuts.into_iter());
            while at < bytes.len() {
                let end = (at + cuts.next().unwrap_or(bytes.len())).min(bytes.len());
                let mut segment = packet(&bytes[at..end]);
                segment.position = at as u32 + 1;
                got.extend(stream.push(&segment).into_iter().map(|framed| framed.bytes));
                at = end;
            }
            prop_assert_eq!(got, messages);
        }

        #[test]
        fn never_panics(segments in proptest::collection::vec((any::<u32>(), 0..100_000u32, proptest::collection::vec(any::<u8>(), 0..60)), 0..20)) {
            let mut stream = Stream::default();
            for (position, length, bytes) in segments {
                let mut segment = packet(&bytes);
                segment.position = position % 200;
                segment.length = length.max(bytes.len() as u32);
                stream.push(&segment);
                prop_assert!(stream.kept.len() <= KEPT);
            }
        }
    }
}
