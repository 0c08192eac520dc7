//! Samples of single connections and requests, for traces.

use std::{net::SocketAddr, num::NonZeroU64, sync::Arc};

use tracer_common::{
    errno::{ECONNREFUSED, ECONNRESET, EHOSTDOWN, EHOSTUNREACH, ENETDOWN, ENETUNREACH, ETIMEDOUT},
    record::{CloseRecord, ConnectRecord, TlsRecord, TunnelRecord, TurnRecord, closer, turn},
};

use super::Tracker;
use crate::{
    connection::{Connection, Handshake},
    endpoint::comm,
    host::HostKey,
    http2::news::{Ended, Outcome},
    sample::{self, End, Request, Sample, Times},
    ticket::FirstByte,
    turns::Turns,
};

impl Tracker {
    /// Takes the samples that have ended since the last time, and the number of those that were dropped.
    pub fn take_samples(&mut self) -> (Vec<Sample>, u64) {
        let samples = self.samples.as_mut();
        samples.map(sample::Samples::take).unwrap_or_default()
    }

    /// Takes over the samples of the tracker before this one.
    pub fn keep_samples_of(&mut self, before: Self) {
        self.samples = before.samples;
    }

    /// Ends the samples of connections that are still open, at the end of the trace.
    pub fn finish_samples(&mut self, now_ns: u64) {
        let Some(samples) = &mut self.samples else {
            return;
        };
        for (cookie, connection) in &self.connections {
            if connection.sampled.is_some() && !connection.counted {
                samples.forget(*cookie);
            } else if connection.sampled.is_some() {
                let host = self.hosts.key(connection.host);
                samples.close(*cookie, host, now_ns, End::Unseen);
            }
        }
        samples.finish(now_ns);
    }

    /// Follows a connection that was established, if it is one of the share.
    pub(super) fn sample_opened(&mut self, record: &ConnectRecord, remote: SocketAddr) {
        let cookie = record.header.cookie;
        let Some(connection) = self.connections.get(&cookie) else {
            return;
        };
        let host = Arc::clone(self.hosts.key(connection.host));
        let Some(sample) = self.sample_of(record, remote, host, End::Unseen) else {
            return;
        };
        let is_open = self.samples.as_mut().is_some_and(|it| it.open(sample));
        if let Some(connection) = self.connections.get_mut(&cookie)
            && is_open
        {
            connection.sampled = NonZeroU64::new(cookie);
        }
    }

    /// Adds a connect that failed, if it is one of the share.
    pub(super) fn sample_failed(&mut self, record: &ConnectRecord, remote: SocketAddr, host: u32) {
        let host = Arc::clone(self.hosts.key(host));
        let end = End::Failed(reason(record.error));
        if let Some(sample) = self.sample_of(record, remote, host, end)
            && let Some(samples) = &mut self.samples
        {
            samples.add_failed(sample);
        }
    }

    fn sample_of(
        &mut self,
        record: &ConnectRecord,
        remote: SocketAddr,
        host: Arc<HostKey>,
        end: End,
    ) -> Option<Box<sample::Connection>> {
        let samples = self.samples.as_ref()?;
        let cookie = record.header.cookie;
        if record.start_ns == 0 || !samples.chooses(cookie) {
            return None;
        }
        let connect = Times {
            start_ns: record.start_ns,
            end_ns: record.header.time_ns,
        };
        let lookup = self.dns.take_lookup(record.endpoint.tgid, remote.ip());
        let lookup = lookup.map(|[start_ns, end_ns]| Times { start_ns, end_ns });
        let lookup = lookup.filter(|lookup| lookup.end_ns <= connect.start_ns);
        Some(Box::new(sample::Connection {
            cookie,
            host,
            remote,
            pid: record.endpoint.tgid,
            comm: comm(&record.endpoint.comm),
            times: Times {
                start_ns: lookup.map_or(connect.start_ns, |lookup| lookup.start_ns),
                ..connect
            },
            lookup,
            connect,
            tunnel: None,
            tls: None,
            requests: 0,
            end,
        }))
    }

    /// Notes the handshake of a followed connection.
    pub(super) fn sample_handshake(
        &mut self,
        connection: &Connection,
        record: &TlsRecord,
        handshake: Handshake,
    ) {
        let session = handshake.session();
        let failed = handshake == Handshake::Failed;
        if let Some(sample) = self.sampled(connection)
            && record.start_ns != 0
            && (session.is_some() || failed)
        {
            sample.tls = Some(sample::Handshake {
                times: Times {
                    start_ns: record.start_ns,
                    end_ns: record.header.time_ns,
                },
                version: session.and_then(|session| session.version),
                resumed: session.is_some_and(|session| session.resumed),
                failed,
            });
        }
    }

    /// Notes the exchange of a followed connection with a proxy.
    pub(super) fn sample_tunnel(&mut self, connection: &Connection, record: &TunnelRecord) {
        if let Some(sample) = self.sampled(connection)
            && record.start_ns != 0
        {
            sample.tunnel = Some(Times {
                start_ns: record.start_ns,
                end_ns: record.header.time_ns,
            });
        }
    }

    /// Adds a turn of a followed connection, which is a request.
    pub(super) fn sample_turn(
        &mut self,
        connection: &Connection,
        host: u32,
        record: &TurnRecord,
        answer: FirstByte,
    ) {
        let is_under_way = record.ended == turn::OPEN && answer == FirstByte::None;
        let Some(cookie) = connection.sampled.filter(|_| !is_under_way) else {
            return;
        };
        let end_ns = match record.last_ns {
            0 => record.header.time_ns,
            last_ns => last_ns,
        };
        let first_ns = match answer {
            FirstByte::Known(at) | FirstByte::Inferred(at) => Some(at),
            FirstByte::Unknown | FirstByte::None => None,
        };
        let request = Request {
            cookie: cookie.get(),
            host: Arc::clone(self.hosts.key(host)),
            times: Times {
                start_ns: record.start_ns,
                end_ns,
            },
            first_ns,
            failed: answer == FirstByte::None,
            http2: false,
        };
        if let Some(samples) = &mut self.samples {
            samples.request(request);
        }
    }

    /// Adds turns of a followed connection, which are requests.
    pub(super) fn sample_turns(&mut self, connection: &Connection, turns: Turns<'_>) {
        if connection.sampled.is_none() {
            return;
        }
        for record in turns.records() {
            let answer = FirstByte::Known(record.first_ns);
            self.sample_turn(connection, connection.host, &record, answer);
        }
    }

    /// Adds a stream of a followed connection.
    pub(super) fn sample_stream(&mut self, connection: &Connection, ended: &Ended) {
        let Some(cookie) = connection.sampled else {
            return;
        };
        let is_unanswered = ended.first_ns.is_none() && ended.outcome != Outcome::Unknown;
        let request = Request {
            cookie: cookie.get(),
            host: Arc::clone(self.hosts.key(connection.host)),
            times: Times {
                start_ns: ended.begin_ns,
                end_ns: ended.last_ns,
            },
            first_ns: ended.first_ns.filter(|at| *at != 0),
            failed: is_unanswered,
            http2: true,
        };
        if let Some(samples) = &mut self.samples {
            samples.request(request);
        }
    }

    /// Ends a followed connection.
    pub(super) fn sample_closed(&mut self, connection: &Connection, record: &CloseRecord) {
        let end = End::Closed(side(record.closer));
        if let (Some(cookie), Some(samples)) = (connection.sampled, &mut self.samples) {
            if !connection.counted {
                return samples.forget(cookie.get());
            }
            let host = self.hosts.key(connection.host);
            samples.close(cookie.get(), host, record.header.time_ns, end);
        }
    }

    /// Ends a followed connection whose end was not seen, with its last response.
    pub(super) fn sample_lost(&mut self, connection: &Connection) {
        let last_ns = connection.last_turn.map_or(0, |turn| turn.last_ns);
        if let (Some(cookie), Some(samples)) = (connection.sampled, &mut self.samples) {
            if !connection.counted {
                return samples.forget(cookie.get());
            }
            let connected = samples.get_mut(cookie.get());
            let connected_ns = connected.map_or(0, |sample| sample.connect.end_ns);
            let host = self.hosts.key(connection.host);
            let end_ns = last_ns.max(connected_ns);
            samples.close(cookie.get(), host, end_ns, End::Unseen);
        }
    }

    fn sampled(&mut self, connection: &Connection) -> Option<&mut sample::Connection> {
        let cookie = connection.sampled?;
        self.samples.as_mut()?.get_mut(cookie.get())
    }
}

/// Name of the reason of a failed connect in the export.
fn reason(error: u32) -> &'static str {
    match error {
        ECONNREFUSED => "refused",
        ETIMEDOUT => "timed_out",
        ECONNRESET => "reset",
        ENETDOWN | ENETUNREACH | EHOSTDOWN | EHOSTUNREACH => "unreachable",
        _ => "other",
    }
}

/// Name of the side that has ended a connection, in the export.
fn side(by: u8) -> &'static str {
    match by {
        closer::CLIENT => "client",
        closer::SERVER => "server",
        closer::CLIENT_RESET => "client_reset",
        closer::SERVER_RESET => "server_reset",
        closer::TIMEOUT => "timeout",
        _ => "unknown",
    }
}
