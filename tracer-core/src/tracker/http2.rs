//! Assigns TLS records and frames of HTTP/2 to connections, and counts their requests.

pub(super) mod objects;

use tracer_common::{
    http2::{BindRecord, frames},
    record::{CloseRecord, close, closer},
};

use super::Tracker;
use crate::{
    connection::Connection,
    elapsed::Timed,
    group::{Connect, Group},
    http2::{
        call::Call,
        lengths::Circumstances,
        news::{Ended, News},
        record::{Frames, Records},
        source::Source,
    },
    stream::{self, Carrier},
};

/// Names of clients that send each request in a record of its own, as was measured.
const APART: [&str; 4] = ["curl", "java", "chrome", "chromium"];
/// Names of the processes of Node.
const NODE: [&str; 2] = ["node", "MainThread"];

impl Tracker {
    /// Takes the TLS records of a segment.
    pub(super) fn http2_records(&mut self, records: &Records<'_>) {
        let cookie = records.cookie();
        let Some(mut connection) = self.take_connection(cookie) else {
            return;
        };
        if connection.may_follow_http2() {
            let is_http2 = connection.http2 == Some(true);
            let known = is_http2.then(|| self.circumstances(&connection));
            let mut news = Vec::new();
            let follow = connection.follow.get_or_insert_default();
            follow.records(records, known, &mut news);
            self.tell_http2(&mut connection, &news);
        } else {
            connection.follow = None;
        }
        self.connections.insert(cookie, connection);
    }

    /// Takes the binding of a TLS object.
    pub(super) fn http2_bind(&mut self, record: &BindRecord) {
        let (cookie, key) = (record.header.cookie, (record.tgid, record.object));
        let calls = self.objects.bind(key, cookie);
        let Some(mut connection) = self.take_connection(cookie) else {
            return;
        };
        let version = connection.tls.and_then(|tls| tls.version);
        let mut news = Vec::new();
        let follow = connection.follow.get_or_insert_default();
        follow.bind(key, record.position, version);
        for call in calls {
            follow.call(call, &mut news);
        }
        self.tell_http2(&mut connection, &news);
        self.connections.insert(cookie, connection);
    }

    /// Takes the frames of a call, or of a segment in clear.
    pub(super) fn http2_frames(&mut self, record: &Frames<'_>) {
        let call = Call::of(record);
        match record.cookie() {
            0 => self.http2_call(record.object(), call),
            cookie => self.http2_segment(cookie, call),
        }
    }

    fn http2_call(&mut self, key: objects::ObjectKey, call: Call) {
        let is_freed = call.has(frames::FREED);
        let cookie = self.objects.cookie(key);
        let known = cookie.and_then(|cookie| self.connections.remove(&cookie));
        match (cookie, known) {
            (Some(cookie), Some(mut connection)) => {
                let follow = connection.follow.get_or_insert_default();
                if call.begins() && follow.has_calls(call.side) {
                    // The address belongs to a new object now.
                    self.objects.keep(key, call);
                } else {
                    let mut news = Vec::new();
                    follow.call(call, &mut news);
                    self.tell_http2(&mut connection, &news);
                }
                self.connections.insert(cookie, connection);
            }
            // The connection is not followed, or closed already.
            (Some(_), None) if !call.begins() => {}
            _ => self.objects.keep(key, call),
        }
        if is_freed {
            self.objects.forget(key);
        }
    }

    fn http2_segment(&mut self, cookie: u64, call: Call) {
        let Some(mut connection) = self.take_connection(cookie) else {
            return;
        };
        let (mut news, asks_h2c) = (Vec::new(), connection.asks_h2c);
        let follow = connection.follow.get_or_insert_default();
        follow.segment(call, asks_h2c, &mut news);
        self.tell_http2(&mut connection, &news);
        self.connections.insert(cookie, connection);
    }

    /// Counts news about the requests of a connection, and notes the source that it has now.
    fn tell_http2(&mut self, connection: &mut Connection, news: &[News]) {
        let Some(follow) = &connection.follow else {
            return;
        };
        let is_older = connection.opening.connect == Connect::Before;
        let source = match follow.source() {
            Source::Inferred if !is_older && follow.shows_no_request() => Source::NeverUsed,
            source => source,
        };
        if source == Source::Frames && connection.http2 != Some(true) {
            self.take_back_turns(connection);
            self.release_turn(connection, true);
            self.speaks_http2(connection);
        }
        self.settle_host(connection);
        self.set_source(connection, source);
        for one in news {
            self.tell_one(connection, one, closer::UNKNOWN);
        }
    }

    fn tell_one(&mut self, connection: &mut Connection, news: &News, closer: u8) {
        match news {
            News::Ended(ended) => self.count_stream(connection, ended, false, closer),
            News::Inferred(ended) => self.count_stream(connection, ended, true, closer),
            News::MoreAtOnce => self.of_http2(connection, |group| group.http2.beyond_one += 1),
            News::Limit(streams) => self.of_http2(connection, |group| group.http2.limit(*streams)),
            News::GoAway => self.of_http2(connection, |group| group.http2.goaway += 1),
            News::Before(streams) => self.count_before(connection, *streams),
            News::AtOnce(most) => self.note_at_once(connection, *most),
            News::AtLeast => self.set_at_least(connection),
        }
    }

    fn of_http2(&mut self, connection: &Connection, change: impl Fn(&mut Group)) {
        if connection.counted {
            self.of_connection(connection, change);
        }
    }

    fn note_at_once(&mut self, connection: &Connection, most: u64) {
        self.of_http2(connection, |group| {
            let peak = &mut group.http2.in_flight_peak;
            *peak = (*peak).max(most);
        });
    }

    fn count_stream(
        &mut self,
        connection: &mut Connection,
        ended: &Ended,
        is_inferred: bool,
        closer: u8,
    ) {
        let Some(follow) = connection.follow.as_mut().filter(|_| connection.counted) else {
            return;
        };
        let carrier = Carrier {
            is_new: !std::mem::replace(&mut follow.is_counted, true),
            is_adopted: connection.opening.connect == Connect::Before,
            is_inferred,
            closer,
        };
        let most = match is_inferred {
            true => None,
            false => follow.add_at_once(ended),
        };
        self.of_connection(connection, |group| stream::apply(ended, carrier, group));
        self.sample_stream(connection, ended);
        if let Some(most) = most {
            self.note_at_once(connection, most);
        }
    }

    /// Counts the streams that had begun before any frames were seen, if the connection was opened in the trace.
    fn count_before(&mut self, connection: &mut Connection, streams: u64) {
        let has_inferred = connection
            .follow
            .as_ref()
            .is_some_and(|follow| follow.has_inferred());
        if has_inferred || !matches!(connection.opening.connect, Connect::Seen(_)) {
            return;
        }
        for number in 0..streams.min(u64::from(u16::MAX)) {
            let ended = Ended::untimed(number == 0);
            self.count_stream(connection, &ended, false, closer::UNKNOWN);
        }
    }

    /// Notes the source of the requests of a connection.
    pub(super) fn set_source(&mut self, connection: &mut Connection, source: Source) {
        let before = connection.opening.content;
        if before.source == source {
            return;
        }
        connection.opening.content.source = source;
        if source != Source::Inferred {
            connection.opening.content.at_least = false;
        }
        let after = connection.opening.content;
        self.change_content(connection, before, after);
    }

    fn set_at_least(&mut self, connection: &mut Connection) {
        let before = connection.opening.content;
        if before.source == Source::Inferred && !before.at_least {
            connection.opening.content.at_least = true;
            self.change_content(connection, before, connection.opening.content);
        }
    }

    fn change_content(
        &mut self,
        connection: &Connection,
        before: crate::group::Content,
        after: crate::group::Content,
    ) {
        if !connection.counted || !before.http2 {
            return;
        }
        self.of_connection(connection, |group| {
            group.http2.take_back(before.source, before.at_least);
            group.http2.open(after.source, after.at_least);
        });
    }

    /// Ends the streams of a connection that has closed.
    pub(super) fn close_http2(&mut self, connection: &mut Connection, record: &CloseRecord) {
        let is_http2 = connection.http2 == Some(true);
        let is_older = connection.opening.connect == Connect::Before;
        let is_unused = !is_older && record.flags & close::USED == 0;
        let Some(follow) = connection.follow.as_mut() else {
            if is_http2 && is_unused {
                self.set_source(connection, Source::NeverUsed);
            }
            return;
        };
        if let Some(key) = follow.object() {
            self.objects.forget(key);
        }
        if !is_http2 {
            return;
        }
        let mut news = Vec::new();
        follow.close(record.closing_ns.max(1), &mut news);
        let source = match is_unused && follow.shows_no_request() {
            true => Source::NeverUsed,
            false => follow.source(),
        };
        let idle_since = follow.idle_since();
        self.set_source(connection, source);
        for one in news {
            self.tell_one(connection, &one, record.closer);
        }
        self.end_http2(connection);
        if let Some(since_ns) = idle_since {
            let idle = Timed::between(since_ns, record.closing_ns);
            self.of_http2(connection, |group| {
                let idle_ns = idle.known_ns().unwrap_or(0);
                group.phases.idle_at_close.record(idle_ns);
            });
        }
    }

    /// Ends the streams of a connection whose end no record has told.
    pub(super) fn lose_http2(&mut self, connection: &mut Connection) {
        let is_http2 = connection.http2 == Some(true);
        let Some(follow) = connection.follow.as_mut().filter(|_| is_http2) else {
            return;
        };
        let mut news = Vec::new();
        follow.abandon(&mut news);
        for one in news {
            self.tell_one(connection, &one, closer::UNKNOWN);
        }
        self.end_http2(connection);
    }

    /// Notes the most streams that a connection had at once.
    fn end_http2(&mut self, connection: &Connection) {
        let most = connection.follow.as_ref().map_or(0, |follow| follow.peak());
        self.note_at_once(connection, most);
    }

    /// Tells what can be told of a connection's streams at `now_ns`; at the end of the trace also of those under way.
    pub(super) fn settle_http2(&mut self, cookie: u64, now_ns: u64, is_last: bool) {
        let has_streams = |connection: &Connection| connection.follow.is_some();
        if !self
            .connections
            .get(&cookie)
            .is_some_and(|one| has_streams(one))
        {
            return;
        }
        let Some(mut connection) = self.connections.remove(&cookie) else {
            return;
        };
        if let Some(follow) = &mut connection.follow {
            let mut news = Vec::new();
            match is_last && connection.http2 == Some(true) {
                true => follow.finish(now_ns, &mut news),
                false => follow.join(now_ns, false, &mut news),
            }
            self.tell_http2(&mut connection, &news);
            self.end_http2(&connection);
        }
        self.connections.insert(cookie, connection);
    }

    fn circumstances(&self, connection: &Connection) -> Circumstances {
        let connect_ns = connection.opening.round_trip_ns();
        let comm = self.processes.comm(connection.process).unwrap_or_default();
        Circumstances {
            version: connection.tls.and_then(|tls| tls.version),
            is_middle: connection.opening.connect == Connect::Before,
            // Behind a proxy the answer of a handshake takes much longer than that of a connect.
            is_near_proxy: connection.path.is_some()
                || connect_ns.is_none()
                || connection.round_trip_ns > connect_ns,
            is_node: NODE.contains(&comm),
            is_apart: APART.contains(&comm),
            round_trip_ns: connect_ns,
        }
    }
}
