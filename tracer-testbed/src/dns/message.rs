//! Parsing of queries and making of answers (RFC 1035 4). Queries are not trusted.

use std::net::IpAddr;

/// Type A.
pub(super) const TYPE_A: u16 = 1;
/// Type AAAA (RFC 3596).
pub(super) const TYPE_AAAA: u16 = 28;
const TYPE_SOA: u16 = 6;
const CLASS_IN: u16 = 1;
const HEADER_BYTES: usize = 12;
/// Longest name on the wire in bytes (RFC 1035 2.3.4).
const MAX_NAME_BYTES: usize = 255;
/// Pointer to the name of the question, which follows the header (RFC 1035 4.1.4).
const POINTER_TO_QUESTION: u16 = 0xc000 | HEADER_BYTES as u16;

/// Flags in the second word of the header.
const RESPONSE: u16 = 0x8000;
const AUTHORITATIVE: u16 = 0x0400;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const RECURSION_AVAILABLE: u16 = 0x0080;
const OPCODE: u16 = 0x7800;

/// Response codes (RFC 1035 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rcode {
    NoError = 0,
    ServFail = 2,
    NxDomain = 3,
}

/// A question.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    id: u16,
    recursion_desired: bool,
    /// Name in lower case, its labels joined by dots.
    pub(super) name: String,
    /// Type of the requested records.
    pub(super) kind: u16,
    /// Bytes of the question, which the answer repeats.
    question: Vec<u8>,
}

impl Query {
    /// Reads a query; `None` for anything but a standard query with one question of class IN.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let flags = word(bytes, 2)?;
        if flags & (RESPONSE | OPCODE) != 0 || word(bytes, 4)? != 1 {
            return None;
        }
        let (name, end) = name(bytes, HEADER_BYTES)?;
        let (kind, class) = (word(bytes, end)?, word(bytes, end + 2)?);
        (class == CLASS_IN).then(|| Self {
            id: u16::from_be_bytes([bytes[0], bytes[1]]),
            recursion_desired: flags & RECURSION_DESIRED != 0,
            name,
            kind,
            question: bytes[HEADER_BYTES..end + 4].to_vec(),
        })
    }

    /// Makes an answer with these addresses. Without any, it holds an SOA record with the time for which there are none
    /// (RFC 2308 3).
    pub(super) fn answer(&self, rcode: Rcode, addresses: &[IpAddr], ttl_s: u32) -> Vec<u8> {
        let negative = addresses.is_empty() && rcode != Rcode::ServFail;
        let mut out = self.head(rcode as u16, addresses.len() as u16, u16::from(negative));
        for address in addresses {
            match address {
                IpAddr::V4(address) => record(&mut out, TYPE_A, ttl_s, &address.octets()),
                IpAddr::V6(address) => record(&mut out, TYPE_AAAA, ttl_s, &address.octets()),
            }
        }
        if negative {
            record(&mut out, TYPE_SOA, ttl_s, &authority(ttl_s));
        }
        out
    }

    /// Makes an answer without records that is marked as truncated.
    pub(super) fn truncated(&self) -> Vec<u8> {
        self.head(TRUNCATED, 0, 0)
    }

    fn head(&self, flags: u16, answers: u16, authorities: u16) -> Vec<u8> {
        let desired = match self.recursion_desired {
            true => RECURSION_DESIRED,
            false => 0,
        };
        let flags = flags | RESPONSE | AUTHORITATIVE | RECURSION_AVAILABLE | desired;
        let mut out = Vec::with_capacity(128);
        for word in [self.id, flags, 1, answers, authorities, 0] {
            out.extend(word.to_be_bytes());
        }
        out.extend(&self.question);
        out
    }
}

fn record(out: &mut Vec<u8>, kind: u16, ttl_s: u32, data: &[u8]) {
    for word in [POINTER_TO_QUESTION, kind, CLASS_IN] {
        out.extend(word.to_be_bytes());
    }
    out.extend(ttl_s.to_be_bytes());
    out.extend((data.len() as u16).to_be_bytes());
    out.extend(data);
}

/// Makes the data of an SOA record: two names (the root), serial and four times; the last is the negative TTL.
fn authority(ttl_s: u32) -> Vec<u8> {
    let mut data = vec![0, 0];
    for number in [1, 3600, 600, 86400, ttl_s] {
        data.extend(number.to_be_bytes());
    }
    data
}

/// Reads a name without pointers, which a question does not need, and gives the offset of its end.
fn name(bytes: &[u8], start: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut at = start;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((name, at));
        }
        if length > 63 || at + length - start > MAX_NAME_BYTES {
            return None;
        }
        let label = bytes.get(at..at + length)?;
        if !name.is_empty() {
            name.push('.');
        }
        name.extend(
            label
                .iter()
                .map(|byte| char::from(byte.to_ascii_lowercase())),
        );
        at += length;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([two[0], two[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn query(kind: u8) -> Vec<u8> {
        let mut bytes = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend(b"\x01A\x04Test\x00\x00");
        bytes.extend([kind, 0, 1]);
        bytes
    }

    #[test]
    fn a_query_and_its_answer() {
        let query = Query::parse(&query(1)).unwrap();
        assert_eq!((query.name.as_str(), query.kind), ("a.test", TYPE_A));
        let answer = query.answer(Rcode::NoError, &[Ipv4Addr::new(1, 2, 3, 4).into()], 60);
        assert_eq!(
            answer[..12],
            [0xab, 0xcd, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        );
        assert_eq!(
            answer[24..],
            [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 2, 3, 4]
        );
    }

    #[test]
    fn no_addresses_come_with_an_authority() {
        let query = Query::parse(&query(28)).unwrap();
        let answer = query.answer(Rcode::NxDomain, &[], 5);
        assert_eq!((answer[3] & 15, answer[7], answer[9]), (3, 0, 1));
        assert_eq!(answer[answer.len() - 4..], [0, 0, 0, 5]);
        assert_eq!(query.answer(Rcode::ServFail, &[], 0)[9], 0);
        assert_eq!(query.truncated()[2] & 2, 2);
    }

    #[test]
    fn anything_else_is_no_query() {
        let good = query(1);
        for cut in 0..good.len() {
            assert_eq!(Query::parse(&good[..cut]), None, "{cut}");
        }
        let mut response = good.clone();
        response[2] |= 0x80;
        let mut pointer = good.clone();
        pointer[12] = 0xc0;
        for bad in [response, pointer, vec![0xff; 600], vec![0; 600]] {
            assert_eq!(Query::parse(&bad), None);
        }
    }
}
