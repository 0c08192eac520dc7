//! HTTP/2 over TLS 1.3 by the sizes of records, where the handshake does not tell whether it was chosen. The client begins
//! with a preface and its SETTINGS, the server with its SETTINGS, and each acknowledges those of the other with a frame of
//! nine bytes (RFC 9113 3.4, 6.5). One of these sizes alone may be chance; a body of nine bytes looks like the
//! acknowledgement. Two of them are no chance.

pub mod at_once;
pub mod call;
mod clear;
mod ends;
mod fit;
pub mod follow;
mod inferred;
pub mod lengths;
pub mod news;
mod overhead;
mod reads;
pub mod record;
pub mod source;
mod streams;
mod track;
mod wire;
mod writes;

use tracer_common::record::{FirstTurnRecord, turn::EVIDENCE};

/// Bytes that encryption adds to a record (RFC 8446 5.2), and those that the TLS of the JDK adds besides.
const ADDED: u16 = 1 + 16;
const PADDING: u16 = 16;
/// Bytes of the preface, of a frame's header, of one setting, and of a WINDOW_UPDATE.
const PREFACE: u16 = 24;
const FRAME_HEADER: u16 = 9;
const SETTING: u16 = 6;
const WINDOW_UPDATE: u16 = FRAME_HEADER + 4;
/// Settings that are sent at most: the defined ones and some more.
const MOST_SETTINGS: u16 = 8;
/// Bytes of the shortest request of HTTP/1.1: `GET / HTTP/1.1`, `Host: a` and an empty line.
const SHORTEST_REQUEST: u16 = 16 + 9 + 2;

/// Signs of HTTP/2 in the first turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signs {
    /// The first record of the client is too short for a request of HTTP/1.1.
    certain: bool,
    /// The first record of the client is as long as the preface with SETTINGS.
    preface: bool,
    /// A record of the server is as long as SETTINGS.
    settings: bool,
}

impl Signs {
    /// Signs in the records of the first turn.
    pub fn of(record: &FirstTurnRecord) -> Self {
        let received = (record.records as usize).min(EVIDENCE);
        let early = (record.early != 0).then_some(record.early_length);
        let mut of_server = record.lengths[..received].iter().copied().chain(early);
        let sent = record.sent_length.checked_sub(ADDED);
        Self {
            certain: sent.is_some_and(|sent| sent < SHORTEST_REQUEST),
            preface: sent
                .and_then(|sent| sent.checked_sub(PREFACE))
                .is_some_and(|rest| rest == 0 || is_settings(rest)),
            settings: of_server.any(|length| {
                let bare = length.checked_sub(ADDED);
                let unpadded = bare.and_then(|bare| bare.checked_sub(PADDING));
                // A frame without settings may be a short body as well.
                [bare, unpadded]
                    .into_iter()
                    .flatten()
                    .any(|bytes| bytes > FRAME_HEADER && is_settings(bytes))
            }),
        }
    }

    /// True if this is HTTP/2. `acknowledged`: the client has sent a record as long as an acknowledgement.
    pub fn show_http2(self, acknowledged: bool) -> bool {
        self.certain
            || u8::from(self.preface) + u8::from(self.settings) + u8::from(acknowledged) > 1
    }

    /// True if an acknowledgement that comes later would show it.
    pub fn leave_it_open(self) -> bool {
        !self.certain && (self.preface || self.settings)
    }
}

/// True if so many bytes are SETTINGS, alone or with a WINDOW_UPDATE.
fn is_settings(bytes: u16) -> bool {
    let settings = |bytes: u16| {
        bytes
            .checked_sub(FRAME_HEADER)
            .is_some_and(|rest| rest % SETTING == 0 && rest / SETTING <= MOST_SETTINGS)
    };
    settings(bytes) || bytes.checked_sub(WINDOW_UPDATE).is_some_and(settings)
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    fn signs(sent_length: u16, received: &[u16]) -> Signs {
        let mut record = FirstTurnRecord::new_zeroed();
        record.sent_length = sent_length;
        record.records = received.len() as u32;
        record.lengths[..received.len()].copy_from_slice(received);
        Signs::of(&record)
    }

    #[test]
    fn prefaces() {
        // Alone; with three settings and a WINDOW_UPDATE as Go sends them; with a request.
        assert!(signs(24 + 17, &[]).show_http2(false));
        let with_settings = signs(24 + 9 + 18 + 13 + 17, &[]);
        assert!(!with_settings.show_http2(false) && with_settings.show_http2(true));
        assert!(with_settings.leave_it_open());
        assert!(!signs(24 + 9 + 18 + 13 + 150 + 17, &[]).leave_it_open());
    }

    /// The acknowledgement may share a record with a request, and records may be padded.
    #[test]
    fn settings_of_the_server() {
        let both = signs(24 + 9 + 18 + 13 + 17, &[250, 250, 9 + 18 + 17]);
        assert!(both.show_http2(false));
        let joined = signs(400, &[9 + 18 + 17 + 16]);
        assert!(!joined.show_http2(false) && joined.show_http2(true));
    }

    /// A short body behind its header, whose answer is a page, or an echo.
    #[test]
    fn a_post_of_nine_bytes_is_no_acknowledgement() {
        for answer in [[250, 250, 2190], [250, 187, 26]] {
            let post = signs(230, &answer);
            assert!(!post.show_http2(true) && !post.leave_it_open());
        }
    }
}
