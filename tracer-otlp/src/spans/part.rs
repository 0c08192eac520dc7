//! Single spans with their identifiers and times.

use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::SpanKind, status::StatusCode};
use tracer_core::sample::Times;

use super::Anchor;
use crate::attribute;

/// Flags of a span: the trace is sampled (W3C Trace Context 3.2.2.5.1), and the parent is known to be local.
const FLAGS: u32 = 0x101;

/// Identifiers of a trace and of the span that is the parent of further ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
}

impl Identity {
    /// Makes identifiers of random numbers.
    pub(super) fn new(random: &mut dyn FnMut() -> u64) -> Self {
        let mut trace = [0; 16];
        trace[..8].copy_from_slice(&nonzero(random));
        trace[8..].copy_from_slice(&nonzero(random));
        Self {
            trace,
            span: nonzero(random),
        }
    }
}

/// Identifiers must not be zero.
fn nonzero(random: &mut dyn FnMut() -> u64) -> [u8; 8] {
    random().max(1).to_be_bytes()
}

/// The two clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(pub(super) Anchor);

impl Clock {
    /// Time of day of a kernel time, ns since 1970.
    fn at(self, monotonic_ns: u64) -> u64 {
        let Anchor {
            monotonic_ns: then,
            since_1970_ns,
        } = self.0;
        match monotonic_ns.checked_sub(then) {
            Some(after) => since_1970_ns.saturating_add(after),
            None => since_1970_ns.saturating_sub(then.abs_diff(monotonic_ns)),
        }
    }
}

/// Span of a phase, as a child of what the identity says.
pub(super) fn part(
    name: &str,
    times: Times,
    parent: Identity,
    clock: Clock,
    random: &mut dyn FnMut() -> u64,
) -> Span {
    Span {
        trace_id: parent.trace.to_vec(),
        span_id: nonzero(random).to_vec(),
        parent_span_id: parent.span.to_vec(),
        flags: FLAGS,
        name: name.to_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: clock.at(times.start_ns),
        // Times of two processors may differ a little.
        end_time_unix_nano: clock.at(times.end_ns.max(times.start_ns)),
        ..Span::default()
    }
}

/// Marks a span as failed.
pub(super) fn failed(span: &mut Span, reason: &str) {
    span.attributes.push(attribute::text("error.type", reason));
    span.status = Some(Status {
        code: StatusCode::Error.into(),
        ..Status::default()
    });
}
