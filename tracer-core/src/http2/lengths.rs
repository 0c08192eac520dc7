//! Meaning of the lengths of TLS records that carry HTTP/2, as far as they have one.

use super::overhead;
use crate::{
    elapsed::elapsed,
    tls::{Side, TlsVersion},
};

/// Bytes of plaintext that are no request: an alert, a KeyUpdate, frames without a payload (SETTINGS acknowledgement), with
/// four bytes (WINDOW_UPDATE, RST_STREAM) and with eight (PING), and two frames in one record.
const NO_REQUEST: [u16; 6] = [2, 5, 9, 13, 17, 22];
/// Two window updates in one record, as Node sends them.
const TWO_WINDOW_UPDATES: u16 = 26;
/// Bytes of plaintext that are no answer.
const NO_ANSWER: [u16; 5] = [2, 5, 9, 13, 17];
const ACKNOWLEDGEMENT: u16 = 9;
/// Bytes of the preface (RFC 9113 3.4), of the longest one with SETTINGS and a window update, and of what is longer than
/// any preface.
const PREFACE: u16 = 24;
const LONGEST_PREFACE: u16 = 82;
const MORE_THAN_PREFACE: u16 = 100;
/// Bytes from which a record behind a request is a part of its body, and the time within which it comes, ns.
const BODY: u16 = 1024;
const BODY_NS: u64 = 20_000_000;
/// Length from which a record is as long as records can be, and lengths at which some servers cut.
const FULL: u16 = 16_000;
const CUT: [u16; 2] = [4096, 8192];

/// Knowledge of a connection that bears on what its records tell.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances {
    /// Version of TLS, if known.
    pub version: Option<TlsVersion>,
    /// True if the beginning of the connection was not seen.
    pub is_middle: bool,
    /// True if nothing may be claimed of times: a proxy is near the client, or may be.
    pub is_near_proxy: bool,
    /// True if the process is Node, whose library sends two window updates in one record.
    pub is_node: bool,
    /// True if the client is known to send each request in a record of its own. Others join the frames of several.
    pub is_apart: bool,
    /// Round trip, ns; None when it is not known.
    pub round_trip_ns: Option<u64>,
}

/// TLS record that has begun or ended in a segment.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// Side that has sent it.
    pub side: Side,
    /// Time of the segment, ns.
    pub at_ns: u64,
    /// Length without the record's header.
    pub length: u16,
    /// The first byte of the record is in the segment.
    pub begins: bool,
    /// The last byte of the record is in the segment.
    pub ends: bool,
    /// The segment does not acknowledge all that the client has sent.
    pub unacknowledged: bool,
}

/// Meaning of a record of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// A request, or several.
    Request,
    /// A request that was in an earlier record, as shows only now.
    Late,
    /// Anything else.
    Other,
}

/// Progress of the preface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Preface {
    Awaited,
    /// The SETTINGS come in a record of their own.
    WithoutSettings,
    /// The record may have carried a request.
    Unclear,
    Over,
}

/// Lengths on one connection.
#[derive(Debug)]
pub struct Lengths {
    added_by_client: u16,
    added_by_server: u16,
    is_node: bool,
    preface: Preface,
    has_requests: bool,
    has_bodies: bool,
    /// Time of the last record of a request, ns.
    sent_ns: u64,
}

/// True if the server may have more to send in the next record.
pub fn is_full(length: u16) -> bool {
    let cut = |added: u16| CUT.iter().any(|cut| cut + added == length);
    length >= FULL || overhead::candidates(None).iter().any(|added| cut(*added))
}

impl Lengths {
    /// Finds what the records of both sides have in addition to their plaintext: each acknowledges the SETTINGS of the
    /// other soon.
    pub fn of(first: &[Event], circumstances: Circumstances) -> Self {
        let candidates = overhead::candidates(circumstances.version);
        let added = |side| {
            let mut of_side = first.iter().filter(|event| event.side == side);
            let found = of_side.find_map(|event| {
                let of_length = |added: &&u16| *added + ACKNOWLEDGEMENT == event.length;
                candidates.iter().find(of_length)
            });
            found.or(candidates.first()).copied().unwrap_or_default()
        };
        Self {
            added_by_client: added(Side::Client),
            added_by_server: added(Side::Server),
            is_node: circumstances.is_node,
            preface: match circumstances.is_middle {
                true => Preface::Over,
                false => Preface::Awaited,
            },
            has_requests: false,
            has_bodies: false,
            sent_ns: 0,
        }
    }

    /// True if a request was seen to have a body.
    pub fn has_bodies(&self) -> bool {
        self.has_bodies
    }

    /// True if a record of the server is no answer.
    pub fn is_control(&self, length: u16) -> bool {
        let plain = length.checked_sub(self.added_by_server);
        plain.is_none_or(|plain| NO_ANSWER.contains(&plain))
    }

    /// Meaning of a record of the client.
    pub fn sent(&mut self, length: u16, at_ns: u64) -> Sent {
        let plain = length.saturating_sub(self.added_by_client);
        let sent = self.meaning(plain, at_ns);
        if sent == Sent::Request {
            self.has_requests = true;
            self.sent_ns = at_ns;
        }
        sent
    }

    fn meaning(&mut self, plain: u16, at_ns: u64) -> Sent {
        match self.preface {
            Preface::Awaited => return self.begin(plain),
            Preface::WithoutSettings => {
                self.preface = Preface::Over;
                return Sent::Other;
            }
            Preface::Unclear if plain == ACKNOWLEDGEMENT => {
                return match self.close() {
                    true => Sent::Late,
                    false => Sent::Other,
                };
            }
            Preface::Unclear | Preface::Over => {}
        }
        let is_behind =
            self.has_requests && elapsed(at_ns, self.sent_ns).is_some_and(|ns| ns <= BODY_NS);
        if NO_REQUEST.contains(&plain) || (self.is_node && plain == TWO_WINDOW_UPDATES) {
            Sent::Other
        } else if plain >= BODY && is_behind {
            self.has_bodies = true;
            self.sent_ns = at_ns;
            Sent::Other
        } else {
            Sent::Request
        }
    }

    /// Meaning of the first record.
    fn begin(&mut self, plain: u16) -> Sent {
        self.preface = match plain {
            PREFACE => Preface::WithoutSettings,
            _ if plain > LONGEST_PREFACE && plain <= MORE_THAN_PREFACE => Preface::Unclear,
            _ => Preface::Over,
        };
        match plain > MORE_THAN_PREFACE {
            true => Sent::Request,
            false => Sent::Other,
        }
    }

    /// True if the preface has carried a request, as no other has come before the acknowledgement, or ever.
    pub fn close(&mut self) -> bool {
        let is_unclear = std::mem::replace(&mut self.preface, Preface::Over) == Preface::Unclear;
        is_unclear && !self.has_requests
    }
}
