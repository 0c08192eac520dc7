//! Streams of one connection: requests of the client, from the frames of both directions.

use std::collections::{BTreeMap, VecDeque};

use tracer_common::http2::{Frame, NO_VALUE};

use super::{
    ends::Ends,
    news::{Ended, News, Outcome},
    track::{End, Happening},
};
use crate::{elapsed::elapsed, tls::Side};

/// Types of frames (RFC 9113 6).
mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const GOAWAY: u8 = 7;
    pub(super) const CONTINUATION: u8 = 9;
}

/// Flags of frames: of DATA and HEADERS, of HEADERS and CONTINUATION, and of SETTINGS.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// Error code of a stream that the server has not processed (RFC 9113 8.7).
const REFUSED_STREAM: u32 = 7;
/// Limit of the streams that are open at once.
const MOST_OPEN: usize = 10_000;
/// Limit of what waits for the beginning of its stream.
const MOST_WAITING: usize = 1024;

/// Progress of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Response {
    Awaited,
    /// One HEADERS has come, which may be that of an interim response.
    Headers,
    /// Data have come, or the last HEADERS.
    Body,
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    begin_ns: u64,
    first_ns: Option<u64>,
    last_ns: u64,
    response: Response,
    /// END_STREAM has come.
    ends: bool,
    /// A header block goes on in CONTINUATION.
    goes_on: bool,
    /// Number of streams that began before it on this connection, and of those that were seen.
    number: u64,
    before: u64,
    idle_ns: Option<u64>,
    /// Longest time between the arrival of the end of a frame and its read, ns.
    pickup_ns: Option<u64>,
}

/// Streams of one connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, Stream>,
    /// Highest id of a stream that has begun.
    last_begun: u32,
    /// Number of streams that have begun, and of those that were not seen.
    begun: u64,
    unseen: u64,
    most_open: usize,
    /// Happenings of streams that have not begun yet, as far as it is known: the client's frames may be known later.
    waiting: VecDeque<Happening>,
    /// Streams that the client has reset, with the times. Older frames of the server may be known later.
    resets: VecDeque<(u32, u64)>,
    ends: Ends,
    /// Last stream that the server has processed, according to its GOAWAY.
    last_processed: Option<u32>,
    /// Limit of the streams at once.
    limit: Option<u32>,
    /// True if frames before the first ones were not seen.
    is_middle: bool,
}

impl Streams {
    /// Notes that frames before the first ones were not seen.
    pub(super) fn begin_in_middle(&mut self) {
        self.is_middle = true;
    }

    /// Number of streams that are open.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// Number of open streams without an answer.
    pub(super) fn unanswered(&self) -> usize {
        let awaited = |stream: &&Stream| stream.first_ns.is_none();
        self.open.values().filter(awaited).count()
    }

    /// Number of streams that have begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Limit of the streams at once that the server has set.
    pub(super) fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// Time of the end of the last stream, ns, when none is open.
    pub(super) fn idle_since(&self) -> Option<u64> {
        self.open.is_empty().then(|| self.ends.last()).flatten()
    }

    /// Number of streams that were open at once at most, as far as frames came in their order.
    pub(super) fn most_open(&self) -> u64 {
        self.most_open as u64
    }

    /// Forgets how many streams were open at once, because figures begin anew.
    pub(super) fn forget_most(&mut self) {
        self.most_open = 0;
    }

    /// Takes what has happened in one direction.
    pub(super) fn take(&mut self, side: Side, happening: Happening, news: &mut Vec<News>) {
        match side {
            Side::Client => {
                let before = self.last_begun;
                self.sent(happening, news);
                if self.last_begun != before {
                    for waiting in std::mem::take(&mut self.waiting) {
                        self.received(waiting, news);
                    }
                }
            }
            Side::Server => self.received(happening, news),
        }
    }

    /// Notes that the first request was sent in HTTP/1.1, which asked to go on with HTTP/2 (RFC 7540 3.2).
    pub(super) fn upgraded(&mut self, news: &mut Vec<News>) {
        if self.last_begun == 0 {
            self.begin(1, 0, news);
        }
    }

    fn sent(&mut self, happening: Happening, news: &mut Vec<News>) {
        let Happening::Begins(frame, at_ns) = happening else {
            return;
        };
        match frame.kind {
            kind::HEADERS if frame.stream % 2 == 1 && frame.stream > self.last_begun => {
                self.begin(frame.stream, at_ns, news);
            }
            kind::RST_STREAM => self.resets.push_back((frame.stream, at_ns)),
            _ => {}
        }
    }

    /// Ends the streams that the client has reset before `now_ns`, when the frames of the server are known up to then.
    pub(super) fn reset_before(&mut self, now_ns: u64, news: &mut Vec<News>) {
        while let Some((id, at_ns)) = self.resets.front().copied()
            && at_ns < now_ns
        {
            self.resets.pop_front();
            self.end(id, at_ns, Outcome::ResetByClient, news);
        }
    }

    fn begin(&mut self, id: u32, at_ns: u64, news: &mut Vec<News>) {
        if self.is_middle && self.last_begun == 0 {
            // Clients take the next odd number for each stream (RFC 9113 5.1.1).
            (self.begun, self.unseen) = (u64::from(id / 2), u64::from(id / 2));
            if self.begun != 0 {
                news.push(News::Before(self.begun));
            }
        }
        self.last_begun = id;
        let stream = Stream {
            begin_ns: at_ns,
            first_ns: None,
            last_ns: 0,
            response: Response::Awaited,
            ends: false,
            goes_on: false,
            number: self.begun,
            before: self.begun - self.unseen,
            idle_ns: None,
            pickup_ns: None,
        };
        self.begun += 1;
        if self.open.len() >= MOST_OPEN
            && let Some(oldest) = self.open.keys().next().copied()
        {
            self.end(oldest, 0, Outcome::Unknown, news);
        }
        self.open.insert(id, stream);
        self.ends.begins();
        if self.open.len() > self.most_open.max(1) {
            news.push(News::MoreAtOnce);
        }
        self.most_open = self.most_open.max(self.open.len());
        if self.last_processed.is_some_and(|last| id > last) {
            self.end(id, at_ns, Outcome::Refused, news);
        }
    }

    fn received(&mut self, happening: Happening, news: &mut Vec<News>) {
        let (frame, at_ns) = match happening {
            Happening::Begins(frame, at_ns) => (frame, at_ns),
            Happening::Ends(frame, end) => (frame, end.at_ns),
        };
        if frame.stream > self.last_begun && frame.stream % 2 == 1 {
            if self.waiting.len() == MOST_WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(happening);
            return;
        }
        self.reset_before(at_ns, news);
        match happening {
            Happening::Begins(..) => self.received_header(frame, at_ns, news),
            Happening::Ends(_, end) => self.received_end(frame, end, news),
        }
    }

    fn received_header(&mut self, frame: Frame, at_ns: u64, news: &mut Vec<News>) {
        match frame.kind {
            kind::HEADERS | kind::DATA => self.answered(frame, at_ns),
            kind::CONTINUATION => {
                if let Some(stream) = self.open.get_mut(&frame.stream) {
                    stream.goes_on = frame.flags & END_HEADERS == 0;
                }
            }
            kind::SETTINGS if frame.flags & ACK == 0 && frame.value != NO_VALUE => {
                self.limit = Some(frame.value);
                news.push(News::Limit(frame.value));
            }
            _ => {}
        }
    }

    /// Notes a part of a response. HEADERS of an interim response (1xx) are told from the final ones by what follows them:
    /// another HEADERS, before any data, which does not end the stream.
    fn answered(&mut self, frame: Frame, at_ns: u64) {
        let Some(stream) = self.open.get_mut(&frame.stream) else {
            return;
        };
        let ends = frame.flags & END_STREAM != 0;
        let is_headers = frame.kind == kind::HEADERS;
        let was_interim = is_headers && stream.response == Response::Headers && !ends;
        if stream.first_ns.is_none() || was_interim {
            stream.first_ns = Some(at_ns);
        }
        if stream.response == Response::Awaited {
            stream.idle_ns = self.ends.idle_before(stream.before, stream.begin_ns);
        }
        stream.response = match is_headers && !ends && stream.response != Response::Body {
            true => Response::Headers,
            false => Response::Body,
        };
        stream.goes_on = is_headers && frame.flags & END_HEADERS == 0;
        stream.ends |= ends;
    }

    fn received_end(&mut self, frame: Frame, end: End, news: &mut Vec<News>) {
        let end_ns = end.at_ns;
        match frame.kind {
            kind::HEADERS | kind::DATA | kind::CONTINUATION => {
                let Some(stream) = self.open.get_mut(&frame.stream) else {
                    return;
                };
                stream.last_ns = end_ns;
                if end.at_ns != 0 && end.read_ns != 0 {
                    stream.pickup_ns = stream.pickup_ns.max(elapsed(end.read_ns, end.at_ns));
                }
                if stream.ends && !stream.goes_on {
                    self.end(frame.stream, end_ns, Outcome::Answered, news);
                }
            }
            kind::RST_STREAM => {
                let outcome = match frame.value {
                    REFUSED_STREAM => Outcome::Refused,
                    _ => Outcome::ResetByServer,
                };
                self.end(frame.stream, end_ns, outcome, news);
            }
            kind::GOAWAY => self.go_away(frame.last_stream, end_ns, news),
            _ => {}
        }
    }

    fn go_away(&mut self, last: u32, at_ns: u64, news: &mut Vec<News>) {
        if self.last_processed.is_none() {
            news.push(News::GoAway);
        }
        self.last_processed = Some(last);
        let above = (
            std::ops::Bound::Excluded(last),
            std::ops::Bound::<u32>::Unbounded,
        );
        let refused: Vec<u32> = self.open.range(above).map(|(id, _)| *id).collect();
        for id in refused {
            self.end(id, at_ns, Outcome::Refused, news);
        }
    }

    fn end(&mut self, id: u32, at_ns: u64, outcome: Outcome, news: &mut Vec<News>) {
        let Some(stream) = self.open.remove(&id) else {
            return;
        };
        let idle_ns = match stream.response {
            Response::Awaited => self.ends.idle_before(stream.before, stream.begin_ns),
            _ => stream.idle_ns,
        };
        let last_ns = match stream.last_ns {
            0 => at_ns,
            last_ns => last_ns,
        };
        self.ends.ended(last_ns.max(at_ns));
        news.push(News::Ended(Ended {
            begin_ns: stream.begin_ns,
            first_ns: stream.first_ns,
            last_ns,
            idle_ns,
            pickup_ns: stream.pickup_ns,
            is_first: stream.number == 0,
            outcome,
        }));
    }

    /// Ends all streams at the end of the connection, or at the end of what is known of it.
    pub(super) fn end_all(&mut self, at_ns: u64, outcome: Outcome, news: &mut Vec<News>) {
        self.reset_before(u64::MAX, news);
        for id in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(id, at_ns, outcome, news);
        }
        self.waiting.clear();
    }

    /// Ends the streams whose response has begun, at the end of the trace.
    pub(super) fn end_answered(&mut self, news: &mut Vec<News>) {
        let begun = self.open.iter().filter(|(_, one)| one.first_ns.is_some());
        for id in begun.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.end(id, 0, Outcome::Unknown, news);
        }
    }
}
