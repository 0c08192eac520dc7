//! Credentials for proxies, which are overwritten before anything keeps the records that hold them. So are the parts of
//! responses that are not needed: cookies and bodies among them.
//!
//! A client's exchange with a proxy holds user and password: in the field Proxy-Authorization (RFC 9110 11.7.2), in the
//! user id of SOCKS 4, in a message of their own in SOCKS 5 (RFC 1929). Offsets and lengths stay as they were, so that
//! the target is found in what is left. Everything that is not known to be harmless is overwritten. Bytes that were
//! overwritten once stay the same when they come here again, as they do in a replay.

mod answer;
mod step;

use std::collections::{HashMap, VecDeque};

use tracer_common::record::{HelloRecord, kind, note};
use zerocopy::IntoBytes;

use crate::{
    decode::{Event, decode},
    tls::Side,
};
use step::Step;

/// Stands in for each byte that was overwritten.
const HIDDEN: u8 = b'*';
/// Limit of the exchanges that are followed from one record to the next.
const EXCHANGES: usize = 4096;
/// Field with the credentials in a request to a proxy.
const FIELD: &[u8] = b"proxy-authorization";

/// Overwrites credentials in records.
#[derive(Debug, Default)]
pub struct Credentials {
    /// Exchanges with more to come that may be shown, by the cookie of their socket.
    exchanges: HashMap<u64, Place>,
    /// Cookies in the order in which they came.
    order: VecDeque<u64>,
    /// Copy of the last record that had to change, aligned as records are.
    copy: Vec<u64>,
}

/// Place up to which an exchange was read.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u32,
    step: Step,
}

impl Credentials {
    /// The record without credentials: itself when it has none. The record is aligned to eight bytes.
    pub fn hide<'a>(&'a mut self, record: &'a [u8]) -> &'a [u8] {
        if record.first() != Some(&kind::HELLO) {
            return record;
        }
        let Ok(Event::Hello(hello)) = decode(record) else {
            return record;
        };
        let (cookie, offset) = (hello.cookie, hello.offset);
        let range = size_of::<HelloRecord<0>>()..size_of::<HelloRecord<0>>() + hello.bytes.len();
        if matches!(hello.note, Some(note::RESPONSE | note::HEAD_RESPONSE)) {
            self.copy(record);
            answer::hide_unread(&mut self.copy.as_mut_bytes()[range]);
            return &self.copy.as_bytes()[..record.len()];
        }
        if hello.side != Side::Client {
            return record;
        }
        match hello.note {
            Some(note::TUNNEL) => {
                self.copy(record);
                let step = self.begin(cookie, offset);
                let sent = &mut self.copy.as_mut_bytes()[range];
                let end = offset.saturating_add(u32::try_from(sent.len()).unwrap_or(u32::MAX));
                let step = hide_sent(step, sent);
                self.go_on(cookie, end, step);
            }
            None | Some(note::FORWARDED)
                if (hello.is_clear() || hello.note.is_some()) && has_field(hello.bytes) =>
            {
                self.copy(record);
                hide_field(&mut self.copy.as_mut_bytes()[range]);
            }
            _ => return record,
        }
        &self.copy.as_bytes()[..record.len()]
    }

    fn copy(&mut self, record: &[u8]) {
        self.copy.clear();
        self.copy.resize(record.len().div_ceil(8), 0);
        self.copy.as_mut_bytes()[..record.len()].copy_from_slice(record);
    }

    /// The step at this offset of an exchange. Bytes that do not follow those before them are not shown.
    fn begin(&mut self, cookie: u64, offset: u32) -> Step {
        let known = match self.exchanges.is_empty() {
            true => None,
            false => self.exchanges.remove(&cookie),
        };
        match known {
            _ if offset == 0 => Step::Begin,
            Some(place) if place.offset == offset => place.step,
            _ => Step::Hidden,
        }
    }

    fn go_on(&mut self, cookie: u64, offset: u32, step: Step) {
        if matches!(step, Step::Hidden) {
            return;
        }
        if self.order.len() == EXCHANGES
            && let Some(oldest) = self.order.pop_front()
        {
            self.exchanges.remove(&oldest);
        }
        self.order.push_back(cookie);
        self.exchanges.insert(cookie, Place { offset, step });
    }
}

/// Overwrites what may not be shown of the bytes that a client sends to a proxy; gives the step after them.
fn hide_sent(mut step: Step, sent: &mut [u8]) -> Step {
    let begins = matches!(step, Step::Begin);
    let mut line = 0;
    for (at, byte) in sent.iter_mut().enumerate() {
        let (shown, next) = step.take(*byte);
        if !shown {
            *byte = HIDDEN;
        }
        if matches!(next, Step::Line) {
            line = at + 1;
        }
        step = next;
    }
    if begins {
        hide_user_information(&mut sent[..line]);
    }
    step
}

/// Overwrites user information in the authority of a request line. It does not belong there (RFC 9110 4.2.4).
fn hide_user_information(line: &mut [u8]) {
    let Some(end) = line.iter().rposition(|&byte| byte == b'@') else {
        return;
    };
    if let Some(space) = line[..end].iter().position(|&byte| byte == b' ') {
        line[space + 1..end].fill(HIDDEN);
    }
}

fn has_field(head: &[u8]) -> bool {
    lines(head).any(|line| is_field(&head[line]))
}

/// Overwrites the value of the field with the credentials, with the lines that continue it (RFC 9112 5.2).
fn hide_field(head: &mut [u8]) {
    let mut inside = false;
    let all: Vec<_> = lines(head).collect();
    for line in all {
        let text = &mut head[line];
        let continues = inside && matches!(text.first(), Some(b' ' | b'\t'));
        inside = continues || is_field(text);
        let begin = match continues {
            true => 1,
            false => FIELD.len() + 1,
        };
        if inside {
            hide(text.get_mut(begin..).unwrap_or_default());
        }
    }
}

/// Overwrites a line; its end stays.
fn hide(line: &mut [u8]) {
    let bytes = line
        .iter_mut()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'));
    bytes.for_each(|byte| *byte = HIDDEN);
}

fn is_field(line: &[u8]) -> bool {
    line.split_at_checked(FIELD.len())
        .is_some_and(|(name, rest)| name.eq_ignore_ascii_case(FIELD) && !rest.is_empty())
}

fn lines(head: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut end = 0;
    head.split_inclusive(|&byte| byte == b'\n')
        .map(move |line| {
            let begin = end;
            end += line.len();
            begin..end
        })
}

#[cfg(test)]
mod tests;
