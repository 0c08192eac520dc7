//! DNS messages (RFC 1035 4, RFC 3596, RFC 6891), read from bytes that may be hostile and cut off.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::host_name::push_label;

/// Length of the longest name on the wire (RFC 1035 2.3.4).
const LONGEST_NAME: usize = 255;
/// Limit of the records read from one message.
const MAX_RECORDS: usize = 256;
/// Limit of the aliases followed from the name in the question to one with addresses.
const MAX_ALIASES: usize = 16;

const CLASS_IN: u16 = 1;
const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;
const TYPE_AAAA: u16 = 28;
const TYPE_OPT: u16 = 41;

/// Response codes (RFC 1035 4.1.1).
pub mod rcode {
    /// Response without an error.
    pub const NOERROR: u16 = 0;
    /// Response of a server that failed.
    pub const SERVFAIL: u16 = 2;
    /// Response that the name does not exist.
    pub const NXDOMAIN: u16 = 3;
}

/// Question of a query. Two questions are equal when a resolver's cache treats them as the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Question {
    /// Name in lower case, without the last dot; bytes other than visible ASCII are escaped as in zone files (RFC 4343
    /// 2.1).
    pub name: String,
    /// Record type: 1 for A, 28 for AAAA and so on.
    pub kind: u16,
}

/// Query or answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Id chosen by the client.
    pub id: u16,
    /// True for an answer.
    pub response: bool,
    /// True if the answer did not fit, so that the query has to be repeated over TCP.
    pub truncated: bool,
    /// Response code, including the EDNS part.
    pub rcode: u16,
    /// First question; servers may leave it out of an error.
    pub question: Option<Question>,
    /// Addresses that the answer gives to the name in the question, through its aliases.
    pub addresses: Vec<IpAddr>,
    /// Time for which the answer may be kept, seconds; None when it must not be kept, or when the message was cut off
    /// before.
    pub ttl_s: Option<u32>,
}

impl Message {
    /// Message known only by its id and flags, the first two words of the header.
    pub fn bare(id: u16, flags: u16) -> Self {
        Self {
            id,
            response: flags & 0x8000 != 0,
            truncated: flags & 0x0200 != 0,
            rcode: flags & 15,
            question: None,
            addresses: Vec::new(),
            ttl_s: None,
        }
    }
}

/// Parses a message, as far as its bytes are there. None when the bytes are no DNS message, or no ordinary query (RFC
/// 1035 4.1.1).
pub fn parse(bytes: &[u8]) -> Option<Message> {
    let mut reader = Reader { bytes, at: 0 };
    let id = reader.u16()?;
    let flags = reader.u16()?;
    let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    let operation = (flags >> 11) & 15;
    if operation != 0 || counts[0] > 1 {
        return None;
    }
    let mut message = Message::bare(id, flags);
    if counts[0] == 1 {
        message.question = Some(reader.question()?);
    }
    if message.response {
        let mut records = Records::default();
        records.read(&mut reader, [counts[1], counts[2], counts[3]]);
        records.apply(&mut message);
    }
    Some(message)
}

/// Records of an answer.
#[derive(Default)]
struct Records {
    /// Aliases as (owner, target, ttl).
    aliases: Vec<(String, String, u32)>,
    /// Addresses as (owner, address, ttl).
    addresses: Vec<(String, IpAddr, u32)>,
    /// Other records of the answer section as (owner, type, ttl).
    others: Vec<(String, u16, u32)>,
    /// Time for which a negative answer may be kept (RFC 2308 5).
    negative_ttl_s: Option<u32>,
    extended_rcode: u16,
}

impl Records {
    /// Reads records until the bytes end or are invalid.
    fn read(&mut self, reader: &mut Reader<'_>, counts: [u16; 3]) -> Option<()> {
        let mut left = MAX_RECORDS;
        for (section, count) in counts.into_iter().enumerate() {
            for _ in 0..count {
                left = left.checked_sub(1)?;
                self.read_one(reader, section)?;
            }
        }
        Some(())
    }

    fn read_one(&mut self, reader: &mut Reader<'_>, section: usize) -> Option<()> {
        let owner = reader.name()?;
        let (kind, class) = (reader.u16()?, reader.u16()?);
        let raw_ttl = reader.u32()?;
        let length = usize::from(reader.u16()?);
        let end = reader.at.checked_add(length)?;
        let data = reader.bytes.get(reader.at..end)?;
        // A TTL with the top bit set means zero (RFC 2181 8).
        let ttl_s = if raw_ttl >> 31 == 1 { 0 } else { raw_ttl };
        match (section, class, kind) {
            (2, _, TYPE_OPT) => self.extended_rcode = ((raw_ttl >> 24) as u16) << 4,
            (1, CLASS_IN, TYPE_SOA) => {
                let minimum = data
                    .last_chunk::<4>()
                    .map(|last| u32::from_be_bytes(*last))?;
                self.negative_ttl_s = Some(ttl_s.min(minimum));
            }
            (0, CLASS_IN, TYPE_CNAME) => {
                let target = reader.name()?;
                self.aliases.push((owner, target, ttl_s));
            }
            (0, CLASS_IN, TYPE_A) => {
                let address = Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?);
                self.addresses.push((owner, address.into(), ttl_s));
            }
            (0, CLASS_IN, TYPE_AAAA) => {
                let address = Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?);
                self.addresses.push((owner, address.to_canonical(), ttl_s));
            }
            (0, CLASS_IN, _) => self.others.push((owner, kind, ttl_s)),
            _ => {}
        }
        reader.at = end;
        Some(())
    }

    fn apply(self, message: &mut Message) {
        message.rcode |= self.extended_rcode;
        let Some(question) = &message.question else {
            return;
        };
        let mut chain = vec![question.name.as_str()];
        let mut ttl_s = None;
        let mut keep = |ttl: u32| ttl_s = Some(ttl_s.map_or(ttl, |least: u32| least.min(ttl)));
        while chain.len() <= MAX_ALIASES {
            let next = self.aliases.iter().find(|(owner, target, _)| {
                Some(&owner.as_str()) == chain.last() && !chain.contains(&target.as_str())
            });
            let Some((_, target, ttl)) = next else { break };
            keep(*ttl);
            chain.push(target);
        }
        let ends = |owner: &str| chain.contains(&owner);
        for (owner, address, ttl) in &self.addresses {
            if ends(owner) {
                keep(*ttl);
                message.addresses.push(*address);
            }
        }
        let others = self.others.iter();
        let found = others.filter(|(owner, kind, _)| ends(owner) && *kind == question.kind);
        let found = found.map(|(_, _, ttl)| keep(*ttl)).count();
        let positive = !message.addresses.is_empty() || found != 0 || question.kind == TYPE_CNAME;
        message.ttl_s = if positive { ttl_s } else { self.negative_ttl_s };
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let end = self.at.checked_add(N)?;
        let bytes = self.bytes.get(self.at..end)?.try_into().ok()?;
        self.at = end;
        Some(bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn question(&mut self) -> Option<Question> {
        let name = self.name()?;
        let (kind, _class) = (self.u16()?, self.u16()?);
        Some(Question { name, kind })
    }

    /// Reads a name, which may be compressed (RFC 1035 4.1.4). Each pointer must lead further back than all before it,
    /// so that there is an end to them.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut wire_length = 1;
        let mut at = self.at;
        let mut earliest = self.at;
        let mut after = None;
        loop {
            let length = usize::from(*self.bytes.get(at)?);
            match length >> 6 {
                0 if length == 0 => {
                    self.at = after.unwrap_or(at + 1);
                    return Some(name);
                }
                0 => {
                    wire_length += 1 + length;
                    if wire_length > LONGEST_NAME {
                        return None;
                    }
                    if !name.is_empty() {
                        name.push('.');
                    }
                    push_label(&mut name, self.bytes.get(at + 1..at + 1 + length)?);
                    at += 1 + length;
                }
                3 => {
                    let low = usize::from(*self.bytes.get(at + 1)?);
                    let target = ((length & 0x3f) << 8) | low;
                    after = after.or(Some(at + 2));
                    if target >= earliest {
                        return None;
                    }
                    (at, earliest) = (target, target);
                }
                _ => return None,
            }
        }
    }
}
