//! Explanations of a change, for each figure one line in plain words.

use tracer_export::Phase;

/// Words for a figure that grew, shrank, or did neither.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) more: &'static str,
    pub(super) less: &'static str,
    pub(super) same: &'static str,
}

const fn say(more: &'static str, less: &'static str, same: &'static str) -> Words {
    Words { more, less, same }
}

/// Words of the two rows of a phase. A phase without special words gets general ones.
pub(super) fn of_phase(phase: Phase) -> Words {
    match phase {
        Phase::Dns => say(
            "names take longer",
            "names are answered sooner",
            "one lookup takes as long",
        ),
        Phase::Connect => say(
            "connects slower: distance or loss",
            "a connect takes less",
            "as long: a round trip",
        ),
        Phase::Tunnel => say(
            "proxies open a tunnel later",
            "proxies open a tunnel sooner",
            "proxies open a tunnel as fast",
        ),
        Phase::Tls => say(
            "a full handshake takes longer",
            "a full handshake takes less",
            "one full handshake takes as long",
        ),
        Phase::TlsResumed => say(
            "resuming takes longer",
            "resuming takes less",
            "resuming takes as long",
        ),
        Phase::TtfbFirst => say(
            "answers later on new connections",
            "answers sooner on new connections",
            "answers as fast on new connections",
        ),
        Phase::TtfbReused => say(
            "answers later on kept ones",
            "answers sooner on kept ones",
            "answers as fast on kept ones",
        ),
        Phase::Transfer => say(
            "larger bodies, or a smaller window",
            "smaller bodies, or a grown window",
            "bodies take as long",
        ),
        Phase::Pickup => say(
            "the crawler reads later: it is busy",
            "data waits less for the crawler",
            "data waits as long for the crawler",
        ),
        Phase::Idle => say(
            "connections wait longer for work",
            "connections wait less for work",
            "connections wait as long for work",
        ),
        Phase::Lifetime => say(
            "connections are kept longer",
            "connections are closed sooner",
            "connections live as long",
        ),
        _ => say("it takes longer", "it takes less", "it takes as long"),
    }
}

/// Words of the rows about the amount of work and its speed.
fn speed(id: &str) -> Option<Words> {
    let words = match id {
        "requests_per_second" => say(
            "more pages in the same time",
            "fewer pages in the same time",
            "as many pages in the same time",
        ),
        "requests_per_second_steady" => say(
            "more pages without begin and end",
            "fewer pages without begin and end",
            "as many pages without begin and end",
        ),
        "requests" => say(
            "more was fetched",
            "less was fetched",
            "as much was fetched",
        ),
        "requests_http2" => say(
            "more share connections as streams",
            "fewer share connections as streams",
            "as many over HTTP/2",
        ),
        "requests_inferred" => say(
            "more told by record lengths alone",
            "fewer told by record lengths alone",
            "as many told by lengths alone",
        ),
        "duration" => say(
            "the trace is longer",
            "the trace is shorter",
            "both traces are as long",
        ),
        "first_byte_all" => say(
            "a page waits longer",
            "a page waits less",
            "a page waits as long",
        ),
        _ => return None,
    };
    Some(words)
}

/// Words of the rows about tunnels through proxies.
fn tunnels(id: &str) -> Option<Words> {
    let words = match id {
        "tunnels" => say(
            "more tunnels to pay for",
            "fewer tunnels to pay for",
            "as many tunnels",
        ),
        "tunnels_failed" => say(
            "proxies refuse more, or fail",
            "proxies refuse less",
            "proxies refuse as often",
        ),
        _ => return None,
    };
    Some(words)
}

/// Words of a row that does not show a phase, by its id.
pub(super) fn words(id: &str) -> Words {
    if let Some(words) = speed(id).or_else(|| tunnels(id)) {
        return words;
    }
    match id {
        "connections" => say(
            "more connects to pay for",
            "fewer connects to pay for",
            "as many connects",
        ),
        "connections_per_request" => say(
            "connections carry fewer pages each",
            "each connection carries more pages",
            "connections carry as many pages",
        ),
        "reuse" => say(
            "more find a connection open",
            "fewer find a connection open",
            "as many find a connection open",
        ),
        "connect_total" => say(
            "more time spent on connecting",
            "less time spent on connecting",
            "as much time on connecting",
        ),
        "handshakes_full" => say(
            "more round trips and CPU for keys",
            "round trips and CPU for keys saved",
            "as many key exchanges",
        ),
        "handshakes_resumed" => say(
            "more of the cheap handshakes",
            "fewer handshakes by ticket",
            "as many handshakes by ticket",
        ),
        "dns_queries" => say(
            "names are asked more often",
            "names are asked less often",
            "names are asked as often",
        ),
        "time_wait" => say(
            "more local ports held for a minute",
            "fewer local ports held for a minute",
            "as many local ports held",
        ),
        "time_wait_peak" => say(
            "closer to the end of local ports",
            "farther from the end of local ports",
            "as near to the end of local ports",
        ),
        "failures" => say(
            "more went wrong",
            "less went wrong",
            "nothing new went wrong",
        ),
        "losses" => say(
            "the second trace misses records",
            "the second trace misses less",
            "nothing new is missing",
        ),
        "cpu" => say(
            "more CPU, all together",
            "less CPU, all together",
            "as much CPU",
        ),
        _ => say(
            "each page costs more CPU",
            "each page costs less CPU",
            "each page costs as much CPU",
        ),
    }
}
