//! One connection that speaks HTTP/2, or may speak it: from TLS records and frames to news about its requests.

use std::collections::VecDeque;

use tracer_common::{
    http2::{frames, passed, records},
    record::direction,
};

use super::{
    at_once::AtOnce,
    call::Call,
    clear::Clear,
    inferred::Inferred,
    lengths::{Circumstances, Event},
    news::{Ended, News, Outcome},
    overhead,
    reads::Reads,
    record::Records,
    source::{Because, Source},
    streams::Streams,
    track::Happening,
    wire::{Before, Piece, TlsRecord, Wire},
    writes::{LostSync, Writes},
};
use crate::tls::{Side, TlsVersion};

/// Records of the server that are kept until the TLS object is bound.
const MOST_EARLY: usize = 64;

/// Way in which frames and times come together.
#[derive(Debug, Default)]
enum Join {
    /// No frames are known.
    #[default]
    None,
    /// Frames of a TLS library, and the TLS records on the wire.
    Tls(Box<(Writes, Reads)>),
    /// Frames in clear, which have the times of their segments.
    Clear(Box<Clear>),
    /// The frames cannot be followed.
    Lost(Because),
}

/// Connection that speaks HTTP/2, or may speak it.
#[derive(Debug, Default)]
pub struct Follow {
    join: Join,
    /// Process and TLS object of the connection.
    object: Option<(u32, u64)>,
    client: Wire,
    server: Wire,
    /// Records of the server, before the TLS object is bound.
    early: VecDeque<TlsRecord>,
    /// True if there were more of them, or some were not seen.
    is_early_cut: bool,
    /// Call of which more records are to come, of each side.
    unfinished: [Option<Call>; 2],
    streams: Streams,
    inferred: Inferred,
    /// True once frames and times have come together.
    is_joined: bool,
    /// Streams at once.
    at_once: AtOnce,
    /// True if a request of the connection was counted since the figures began.
    pub is_counted: bool,
}

/// Streams of a connection at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Number of streams that have begun.
    pub begun: u64,
    /// Number of streams that are open.
    pub open: u64,
    /// Number of streams without an answer.
    pub unanswered: u64,
}

impl Follow {
    /// Source of what is known of the requests.
    pub fn source(&self) -> Source {
        match self.join {
            Join::Lost(because) => Source::None(because),
            _ if self.is_joined => Source::Frames,
            _ => Source::Inferred,
        }
    }

    /// Process and TLS object of the connection.
    pub fn object(&self) -> Option<(u32, u64)> {
        self.object
    }

    /// True if calls of this side are known, so that one that begins belongs to another connection.
    pub fn has_calls(&self, side: Side) -> bool {
        match (&self.join, side) {
            (Join::Tls(join), Side::Client) => !join.0.is_unwritten(),
            (Join::Tls(join), Side::Server) => !join.1.is_unread(),
            (Join::None, _) => false,
            (Join::Clear(_) | Join::Lost(_), _) => true,
        }
    }

    /// True if inferred requests are out, so that nothing else may stand for them.
    pub fn has_inferred(&self) -> bool {
        self.inferred.is_out()
    }

    /// Streams now; None when they are not known.
    pub fn now(&self) -> Option<Now> {
        match self.source() {
            Source::Frames => Some(Now {
                begun: self.streams.begun(),
                open: self.streams.open() as u64,
                unanswered: self.streams.unanswered() as u64,
            }),
            Source::Inferred => {
                let unanswered = u64::from(self.inferred.is_awaiting());
                Some(Now {
                    begun: self.inferred.requests(),
                    open: unanswered,
                    unanswered,
                })
            }
            Source::None(_) | Source::NeverUsed => None,
        }
    }

    /// True if the client has sent nothing behind the handshake, as far as the records of the connection show.
    pub fn shows_no_request(&self) -> bool {
        matches!(self.join, Join::None) && !self.client.has_begun()
    }

    /// Most streams at once so far.
    pub fn peak(&self) -> u64 {
        self.at_once.peak()
    }

    /// Limit of the streams at once that the server has set.
    pub fn limit(&self) -> Option<u32> {
        self.streams.limit()
    }

    /// Time since which no stream is open, ns.
    pub fn idle_since(&self) -> Option<u64> {
        self.is_joined.then(|| self.streams.idle_since()).flatten()
    }

    /// Adds a stream that has ended to those at once. Returns the most so far when it is time to look at it.
    pub fn add_at_once(&mut self, ended: &Ended) -> Option<u64> {
        let is_due = self.at_once.add(ended, self.streams.most_open());
        is_due.then(|| self.at_once.peak())
    }

    /// Notes that the figures begin anew.
    pub fn reset(&mut self) {
        self.streams.forget_most();
        self.at_once = AtOnce::default();
        self.is_counted = false;
    }

    /// Takes the TLS records of a segment. `known`: what is known of the connection when it speaks HTTP/2.
    pub fn records(
        &mut self,
        records: &Records<'_>,
        known: Option<Circumstances>,
        news: &mut Vec<News>,
    ) {
        let has_gap = records.has(records::GAP);
        if let Join::Tls(join) = &mut self.join {
            join.1.rest(records.at_ns());
        }
        match records.side() {
            Side::Client => self.sent(records, has_gap, news),
            Side::Server => self.received(records, has_gap, news),
        }
        if let Some(circumstances) = known {
            self.inferred.set_circumstances(circumstances);
        }
        if matches!(self.join, Join::None) {
            for event in events(records) {
                match known {
                    Some(_) => self.inferred.take(event, news),
                    None => self.inferred.keep(event),
                }
            }
        }
        self.join(records.at_ns(), false, news);
    }

    fn sent(&mut self, records: &Records<'_>, has_gap: bool, news: &mut Vec<News>) {
        let mut begun = VecDeque::new();
        let (before, piece) = self.client.before(piece(records));
        self.client.take(piece, &mut begun);
        let Join::Tls(join) = &mut self.join else {
            return;
        };
        let is_missed = (has_gap || before != Before::Whole) && join.0.is_sure();
        if is_missed || join.0.passed(begun.into_iter()).is_err() {
            self.lose(Because::LostSync, news);
        }
    }

    fn received(&mut self, records: &Records<'_>, has_gap: bool, news: &mut Vec<News>) {
        if records.has(records::LATE) {
            let (sequence, at_ns) = (records.sequence(), records.at_ns());
            let waiting = match &mut self.join {
                Join::Tls(join) => join.1.waiting(),
                _ => (&mut self.early, None),
            };
            let behind = waiting.1.into_iter().flatten();
            for record in waiting.0.iter_mut().chain(behind) {
                record.wait_for(sequence, at_ns);
            }
            return;
        }
        let is_cut = has_gap && !self.server.has_begun();
        let (before, piece) = self.server.before(piece(records));
        if let Join::Tls(join) = &mut self.join {
            if is_cut && join.1.is_unsettled() {
                join.1.begin_apart();
            }
            let is_ok = match before {
                Before::Whole => true,
                Before::Missing(bytes) => {
                    join.1.miss_records(bytes.into());
                    true
                }
                Before::Behind => join.1.is_apart(),
            };
            self.server.take(piece, join.1.records_mut());
            if !is_ok || join.1.passed().is_err() {
                self.lose(Because::LostSync, news);
            }
            return;
        }
        if has_gap || before != Before::Whole {
            self.early.clear();
            self.is_early_cut = true;
        }
        self.server.take(piece, &mut self.early);
        if self.early.len() > MOST_EARLY {
            self.early.pop_front();
            self.is_early_cut = true;
        }
    }

    /// Takes the binding of a TLS object: the next segment of the client has a record that begins at this position.
    pub fn bind(&mut self, object: (u32, u64), position: u64, version: Option<TlsVersion>) {
        if matches!(self.join, Join::Lost(_) | Join::Clear(_)) {
            return;
        }
        if self.object.is_some_and(|known| known != object) {
            // Another object writes through the socket: one of the two is wrong.
            self.join = Join::Lost(Because::LostSync);
            return;
        }
        self.object = Some(object);
        if matches!(self.join, Join::None) {
            let overheads = overhead::candidates(version);
            let has_messages = version.is_none_or(|version| version == TlsVersion::TLS_1_3);
            let mut reads = Reads::new(overheads, has_messages);
            *reads.records_mut() = std::mem::take(&mut self.early);
            if self.is_early_cut {
                reads.begin_apart();
            }
            self.join = Join::Tls(Box::new((Writes::new(overheads), reads)));
        }
        if let Join::Tls(join) = &mut self.join {
            join.0.bind(position);
        }
    }

    /// Takes a call of the TLS library.
    pub fn call(&mut self, call: Call, news: &mut Vec<News>) {
        let (at_ns, is_freed) = (call.at_ns, call.has(frames::FREED));
        if let Some(whole) = self.whole(call) {
            self.take_call(whole, news);
        }
        self.join(at_ns, is_freed, news);
    }

    /// Call whose records are all there.
    fn whole(&mut self, call: Call) -> Option<Call> {
        let place = usize::from(match call.side {
            Side::Client => direction::EGRESS,
            Side::Server => direction::INGRESS,
        });
        let unfinished = &mut self.unfinished[place];
        let next = match unfinished {
            Some(before) => match before.join(call) {
                Some(other) => other,
                None => unfinished.take()?,
            },
            None => call,
        };
        if next.has(frames::MORE) {
            *unfinished = Some(next);
            return None;
        }
        Some(next)
    }

    fn take_call(&mut self, call: Call, news: &mut Vec<News>) {
        if call.side == Side::Client && call.has(frames::MIDDLE) {
            self.streams.begin_in_middle();
        }
        if call.has(frames::LOST) {
            return self.lose(Because::LostSync, news);
        }
        let taken = match &mut self.join {
            Join::Tls(join) => match call.side {
                Side::Client => join.0.wrote(call),
                Side::Server => {
                    if call.has(frames::MIDDLE) {
                        join.1.begin_apart();
                    }
                    join.1.read(call)
                }
            },
            _ => Ok(()),
        };
        if taken.is_err() {
            self.lose(Because::LostSync, news);
        }
    }

    /// Takes a segment in clear. `asks_h2c`: the first request was sent in HTTP/1.1.
    pub fn segment(&mut self, call: Call, asks_h2c: bool, news: &mut Vec<News>) {
        let Some(call) = self.whole(call) else { return };
        if call.has(frames::LOST) {
            return self.lose(Because::LostSync, news);
        }
        if matches!(self.join, Join::None) {
            self.join = Join::Clear(Box::default());
            self.is_joined = true;
        }
        if call.side == Side::Client && call.has(frames::MIDDLE) {
            self.streams.begin_in_middle();
        }
        if call.side == Side::Client && call.has(frames::BEGINS) && asks_h2c {
            self.streams.upgraded(news);
        }
        let Join::Clear(clear) = &mut self.join else {
            return;
        };
        let (side, mut happenings) = (call.side, Vec::new());
        if clear.take(call, &mut happenings).is_err() {
            return self.lose(Because::LostSync, news);
        }
        self.tell(side, happenings, news);
        self.streams.reset_before(u64::MAX, news);
    }

    /// Joins frames and records at `now_ns`. `is_over`: no more will come.
    pub fn join(&mut self, now_ns: u64, is_over: bool, news: &mut Vec<News>) {
        let Join::Tls(join) = &mut self.join else {
            return;
        };
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        let joined = join.0.join(&mut sent).and_then(|()| {
            // The client's first frames show whether anything fits at all.
            match join.0.is_sure() {
                true => join.1.join(now_ns, is_over, &mut received),
                false => Ok(()),
            }
        });
        let (is_sure, told_until) = (join.0.is_sure(), join.1.told_until());
        if is_sure && !self.is_joined {
            self.is_joined = true;
            if self.inferred.is_out() {
                self.inferred.close(0, Outcome::Unknown, news);
            }
        }
        self.tell(Side::Client, sent, news);
        self.tell(Side::Server, received, news);
        self.streams.reset_before(told_until, news);
        if let Err(LostSync) = joined {
            self.lose_here(news);
        }
    }

    fn tell(&mut self, side: Side, happenings: Vec<Happening>, news: &mut Vec<News>) {
        for happening in happenings {
            self.streams.take(side, happening, news);
        }
    }

    fn lose_here(&mut self, news: &mut Vec<News>) {
        let because = match &self.join {
            Join::Tls(join) if join.1.is_unsettled() && join.1.is_apart() => Because::AttachedLate,
            _ => Because::LostSync,
        };
        self.lose(because, news);
    }

    /// Gives up on the frames. Requests under way were made, and nothing more is known of them.
    fn lose(&mut self, because: Because, news: &mut Vec<News>) {
        self.streams.end_all(0, Outcome::Unknown, news);
        self.join = Join::Lost(because);
    }

    /// Ends the connection.
    pub fn close(&mut self, at_ns: u64, news: &mut Vec<News>) {
        self.join(at_ns, true, news);
        match self.join {
            Join::None => self.inferred.close(at_ns, Outcome::Closed, news),
            Join::Tls(_) | Join::Clear(_) => self.streams.end_all(at_ns, Outcome::Closed, news),
            Join::Lost(_) => {}
        }
    }

    /// Gives up on the connection, of which nothing more is known.
    pub fn abandon(&mut self, news: &mut Vec<News>) {
        self.inferred.close(0, Outcome::Unknown, news);
        self.lose(Because::LostSync, news);
    }

    /// Tells what can be told at the end of the trace: answers under way, and requests that wait for more records.
    pub fn finish(&mut self, now_ns: u64, news: &mut Vec<News>) {
        self.join(now_ns, true, news);
        match self.join {
            Join::None => self.inferred.tell_first(news),
            _ => self.streams.end_answered(news),
        }
    }
}

/// Records of one segment, with their place.
fn piece<'a>(records: &Records<'a>) -> Piece<'a> {
    Piece {
        at_ns: records.at_ns(),
        sequence: records.sequence(),
        entries: records.passed,
    }
}

/// TLS records of a segment that look like data.
fn events<'a>(records: &Records<'a>) -> impl Iterator<Item = Event> + use<'a> {
    const DATA: u8 = 23;
    let (side, at_ns) = (records.side(), records.at_ns());
    let unacknowledged = records.has(records::UNACKNOWLEDGED);
    let data = records.passed.iter().filter(|one| one.kind == DATA);
    data.map(move |one| Event {
        side,
        at_ns,
        length: one.length,
        begins: one.flags & passed::BEGINS != 0,
        ends: one.flags & passed::ENDS != 0,
        unacknowledged,
    })
}
