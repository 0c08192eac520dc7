//! TCP segments of a capture: a file of libpcap with times in nanoseconds, compressed by gzip.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

const MAGIC: u32 = 0xa1b2_3c4d;
const FILE_HEADER: usize = 24;
const ETHERNET: usize = 14;
const IPV6_HEADER: usize = 40;

/// Bits of TCP's flags.
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// A TCP segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) now_ns: u64,
    /// Address and port of the sender.
    pub(crate) source: Vec<u8>,
    /// Address and port of the receiver.
    pub(crate) destination: Vec<u8>,
    pub(crate) sequence: u32,
    flags: u8,
    pub(crate) bytes: Vec<u8>,
}

impl Segment {
    /// Tells whether the segment opens a connection.
    pub(crate) fn opens(&self) -> bool {
        self.flags & (SYN | ACK) == SYN
    }

    /// Tells whether the segment has SYN, of either side.
    pub(crate) fn is_syn(&self) -> bool {
        self.flags & SYN != 0
    }

    pub(crate) fn is_fin(&self) -> bool {
        self.flags & FIN != 0
    }

    pub(crate) fn is_rst(&self) -> bool {
        self.flags & RST != 0
    }
}

/// Reads all segments of a file.
pub(crate) fn segments(path: &Path) -> Vec<Segment> {
    let mut bytes = Vec::new();
    let mut file = GzDecoder::new(File::open(path).unwrap());
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(word(&bytes, 0), MAGIC, "{}", path.display());
    let mut rest = &bytes[FILE_HEADER..];
    let mut segments = Vec::new();
    while !rest.is_empty() {
        let now_ns = u64::from(word(rest, 0)) * 1_000_000_000 + u64::from(word(rest, 4));
        let (length, whole) = (word(rest, 8), word(rest, 12));
        assert_eq!(length, whole, "a frame of {} is cut off", path.display());
        let (frame, after) = rest[16..].split_at(length as usize);
        segments.push(segment(now_ns, frame));
        rest = after;
    }
    segments
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn half(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]))
}

fn segment(now_ns: u64, frame: &[u8]) -> Segment {
    let packet = &frame[ETHERNET..];
    let (addresses, tcp) = match packet[0] >> 4 {
        4 => {
            let header = usize::from(packet[0] & 15) * 4;
            (&packet[12..20], &packet[header..half(packet, 2)])
        }
        _ => {
            let end = IPV6_HEADER + half(packet, 4);
            (&packet[8..40], &packet[IPV6_HEADER..end])
        }
    };
    let (source, destination) = addresses.split_at(addresses.len() / 2);
    let header = usize::from(tcp[12] >> 4) * 4;
    Segment {
        now_ns,
        source: [source, &tcp[..2]].concat(),
        destination: [destination, &tcp[2..4]].concat(),
        sequence: u32::from_be_bytes(tcp[4..8].try_into().unwrap()),
        flags: tcp[13],
        bytes: tcp[header..].to_vec(),
    }
}
