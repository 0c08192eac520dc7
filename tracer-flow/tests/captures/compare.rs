//! Comparison of what was found with the truth.

use crate::connection::Connection;
use crate::play::Found;
use crate::truth::{Capture, Truth, captures};

/// Segments in which data is played.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Segments {
    /// Segments as they were captured.
    Captured,
    /// Other segments. HTTP/2 is not always recognised in them: only an acknowledgement of SETTINGS that fills a segment
    /// is.
    Others,
    /// Other segments, out of order.
    Reordered,
}

/// Plays each connection of the captures by `play`, and compares.
pub(crate) fn check(segments: Segments, mut play: impl FnMut(&Connection) -> Found) {
    let captures = captures();
    let faults: Vec<String> = captures
        .iter()
        .filter_map(|capture| fault(capture, segments, &mut play))
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn fault(
    capture: &Capture,
    segments: Segments,
    play: &mut impl FnMut(&Connection) -> Found,
) -> Option<String> {
    let found: Vec<Found> = capture.connections.iter().map(play).collect();
    let differences = differences(capture, segments, &found);
    let has_some = !differences.is_empty();
    has_some.then(|| format!("{}: {}", capture.name, differences.join("; ")))
}

fn differences(capture: &Capture, segments: Segments, found: &[Found]) -> Vec<String> {
    let mut differences = Differences(Vec::new());
    let opened = capture.truth.connections;
    let losses = sum(found, |it| it.counted.len() as u64);
    differences.equal("connections", found.len() as u64, opened);
    differences.equal("losses", losses, 0);
    let refusals = sum(found, |it| it.refusals.len() as u64);
    differences.equal(
        "tunnels",
        sum(found, |it| it.tunnels),
        capture.truth.tunnels,
    );
    differences.equal("tunnels that were not opened", refusals, 0);
    differences.equal("notes", sum(found, |it| it.notes.len() as u64), 0);
    compare_handshakes(&capture.truth, found, &mut differences);
    if capture.truth.is_h2() {
        compare_h2(&capture.truth, segments, found, &mut differences);
    } else {
        compare_turns(capture, found, &mut differences);
    }
    differences.0
}

fn sum(found: &[Found], count: fn(&Found) -> u64) -> u64 {
    found.iter().map(count).sum()
}

fn compare_handshakes(truth: &Truth, found: &[Found], differences: &mut Differences) {
    let unfollowed = sum(found, |it| it.others.len() as u64);
    differences.equal("unfollowed handshakes", unfollowed, 0);
    let (full, resumed) = (sum(found, |it| it.full), sum(found, |it| it.resumed));
    if !truth.is_tls() {
        differences.equal("handshakes", full + resumed, 0);
    } else if truth.site_connections == truth.site_connections_used {
        differences.equal("full handshakes", full, truth.full_handshakes);
        differences.equal("resumed handshakes", resumed, truth.resumed_handshakes);
    } else {
        // nginx does not log the handshakes of connections without a request.
        let known = truth.full_handshakes + truth.resumed_handshakes;
        let possible = (full + resumed).clamp(known, truth.site_connections);
        differences.equal("handshakes", full + resumed, possible);
    }
}

fn compare_h2(truth: &Truth, segments: Segments, found: &[Found], differences: &mut Differences) {
    if segments == Segments::Captured {
        let h2 = sum(found, |it| u64::from(it.is_h2));
        differences.equal("connections of HTTP/2", h2, truth.site_connections_used);
    }
}

fn compare_turns(capture: &Capture, found: &[Found], differences: &mut Differences) {
    let requests = capture.truth.requests;
    // tinyproxy closes its connections without notice, so a request may be sent to it in vain.
    let in_vain = capture.requests_in_clear().saturating_sub(requests);
    let h2 = sum(found, |it| u64::from(it.is_h2));
    let unanswered = sum(found, |it| it.unanswered);
    differences.equal("connections of HTTP/2", h2, 0);
    differences.equal("turns", sum(found, |it| it.turns), requests + in_vain);
    differences.equal("unanswered turns", unanswered, in_vain);
}

struct Differences(Vec<String>);

impl Differences {
    fn equal(&mut self, what: &str, found: u64, expected: u64) {
        if found != expected {
            self.0.push(format!("{what}: {found}, not {expected}"));
        }
    }
}
