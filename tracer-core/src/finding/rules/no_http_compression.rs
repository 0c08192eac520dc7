//! No HTTP compression: responses of text come as they are, because the client does not ask or the server does not
//! compress.

use tracer_text::number;

use crate::{
    finding::{
        case::{CLEAR, Case, found, mean_ns, percent, share},
        page::{Definition, Page},
        subject::Kind,
        threshold::Threshold,
        verdict::{
            Confidence, Evidence, Fault, Judgement, NotEvaluated, Proposal, Saves, Severity,
        },
    },
    group::Group,
};

const TEXT: Threshold = Threshold::count(
    "text_responses_read",
    20,
    "of fewer, one page of another kind changes the share by more than 5 %",
);
const PLAIN: Threshold = Threshold::percent(
    "uncompressed_ratio",
    50.0,
    "servers leave short responses as they are, and a few types; below half that is what is seen",
);
const BYTES: Threshold = Threshold::count(
    "uncompressed_bytes_mean",
    1400,
    "a response that fits into one segment is not there earlier when it is shorter",
);
const TRANSFER: Threshold = Threshold::ms(
    "transfer_mean",
    10,
    "a response that arrives within less is on a link so fast that to pack and unpack it takes as long",
);
const ROUND_TRIP: Threshold = Threshold::ms(
    "round_trip",
    2,
    "a server that is nearer is in the same house, where bytes cost next to nothing, whatever else makes its responses slow",
);
/// Most of its bytes that compression can save, as a share: gzip leaves a fourth to a third of HTML and JSON.
const SAVED: f64 = 0.75;

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All, Kind::Process, Kind::Host],
    thresholds: &[TEXT, PLAIN, BYTES, TRANSFER, ROUND_TRIP],
    page: Page {
        what: "Responses of text are sent without compression, because the client does not ask for it (Accept-Encoding), or the server does not do it.",
        cost: "Three to four times the bytes on the link, and the time that they take there.",
        told: "In clear, from the heads of the first four responses of each connection and of every 64th: Content-Type, Content-Encoding and Content-Length, and Accept-Encoding of the connection's first request. Only whole responses (200 to 203) of text count: text/*, JSON, XML, JavaScript. Pictures, archives and event streams accuse nobody. A client that does not ask is told to; if it asks and the server does not compress, or if the server is so near or its responses arrive so fast that it hardly matters, the finding is for information.",
        doubts: "Inside TLS and over HTTP/2 the heads are not read. A head longer than 640 bytes, or one that comes in two segments, is left out unless it has said enough by then. A client that asks for compression in some of its requests only is judged by the first of each connection. Text that is random, or too short each, gains less than is promised.",
        provoke: "`curl URL` without `--compressed`, for 20 pages and more of a server that is spoken to in clear.",
        cured: "In the export `responses.plain_unasked` is near 0, and `tcp.bytes_received` for each request falls.",
        advice: "Let the client ask for gzip, and decode it.",
    },
    judge,
};

/// Remedy when the client asks in vain.
const AT_THE_SERVER: &str = "The client asks already. If the server is yours, turn compression on there for these types (nginx: gzip on, gzip_types).";

fn judge(case: &Case<'_>) -> Judgement {
    let responses = &case.group.responses;
    if responses.read == 0 {
        return Err(NotEvaluated::Because(why_unread(case.group)));
    }
    case.needs(responses.text, &TEXT)?;
    let (plain, uncompressed) = (responses.plain(), share(responses.plain(), responses.text));
    if !case.reached(uncompressed, &PLAIN) {
        return CLEAR;
    }
    if responses.plain_sized == 0 {
        let text = "no response of text that came uncompressed says how long it is";
        return Err(NotEvaluated::Because(text));
    }
    let bytes = responses.plain_bytes as f64 / responses.plain_sized as f64;
    if !case.reached(bytes, &BYTES) {
        return CLEAR;
    }
    let is_unasked = responses.plain_unasked >= responses.plain_asked;
    let transfer_ns = mean_ns(&case.group.phases.transfer);
    let is_far = case.reached(case.round_trip_ns(), &ROUND_TRIP);
    let is_slow = is_far && case.reached(transfer_ns, &TRANSFER);
    let reason = match is_unasked {
        true => "the client does not ask for compression",
        false => "the client asks for compression and the server does none",
    };
    found(Fault {
        severity: match is_unasked && is_slow && is_all_in_clear(case.group) {
            true => Severity::Warning,
            false => Severity::Info,
        },
        summary: format!(
            "{} of {} text responses that were read, of {} bytes on average, came uncompressed: {reason}",
            number::count(plain),
            number::count(responses.text),
            number::count(bytes as u64)
        ),
        evidence: vec![
            Evidence::count("text_responses_read", responses.text),
            Evidence::count("uncompressed_asked", responses.plain_asked),
            Evidence::count("uncompressed_unasked", responses.plain_unasked),
            Evidence::share("uncompressed_ratio", uncompressed),
            Evidence::count("uncompressed_bytes_mean", bytes as u64),
            Evidence::time("transfer_mean", transfer_ns),
            Evidence::time("round_trip", case.round_trip_ns()),
        ],
        samples: responses.text,
        confidence: Confidence::Measured,
        saves: saves(case.group).filter(|_| is_slow && is_all_in_clear(case.group)),
        proposal: Proposal::default(),
        remedy: (!is_unasked).then_some(AT_THE_SERVER),
        events: plain,
    })
}

/// True if no response was inside TLS or HTTP/2, so that those that were read stand for all.
fn is_all_in_clear(group: &Group) -> bool {
    group.tls.full + group.tls.resumed + group.requests.http2 == 0
}

/// Time that the bytes take which compression would leave out: their share of all bytes, of the time of all transfers.
fn saves(group: &Group) -> Option<Saves> {
    let responses = &group.responses;
    let part = share(responses.plain_bytes, responses.bytes) * SAVED;
    let (count, transfer) = (group.requests.count, &group.phases.transfer);
    let basis = format!(
        "{} of the bytes would not have been sent, nor their part of {} of transfers",
        percent(part),
        number::time(transfer.sum_ns())
    );
    Saves::of(
        count,
        transfer.sum_ns() * part / count.max(1) as f64,
        count,
        basis,
    )
}

/// Reason why no head was read.
fn why_unread(group: &Group) -> &'static str {
    if group.responses.cut != 0 {
        "the heads of all responses that were looked at are longer than what is read of them"
    } else if group.tls.full + group.tls.resumed != 0 {
        "the heads of responses are inside TLS, where they are not read"
    } else if group.http2.source.frames + group.connections.http2 != 0 {
        "the heads of responses over HTTP/2 are not read"
    } else {
        "no response in clear whose head could be read"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{rule::Rule, tests::fixture::Look};

    const LOOK: Look = Look::of(Rule::NoHttpCompression);

    /// Text responses of 20,000 bytes without compression, and so many with it, at this time for each transfer.
    fn read(plain: u64, packed: u64, asked: bool, transfer_ms: u64) -> impl Fn(&mut Group) {
        move |group| {
            let responses = &mut group.responses;
            responses.read = plain + packed;
            responses.text = plain + packed;
            match asked {
                true => responses.plain_asked = plain,
                false => responses.plain_unasked = plain,
            }
            responses.plain_sized = plain;
            responses.plain_bytes = 20_000 * plain;
            responses.bytes = 20_000 * plain + 5000 * packed;
            group.requests.count = 1000;
            group
                .phases
                .transfer
                .record_n(transfer_ms * 1_000_000, 1000);
            group.phases.connect.record_n(20_000_000, 10);
        }
    }

    #[test]
    fn a_client_that_does_not_ask() {
        let finding = LOOK.found(
            read(40, 0, false, 85),
            "40 of 40 text responses that were read, of 20,000 bytes on average, came uncompressed: the client does not ask",
        );
        assert_eq!(finding.severity, Severity::Warning);
        let saves = finding.saves.unwrap();
        assert!(
            (saves.total_ns / 1e9 - 85.0 * 0.75).abs() < 0.5,
            "{saves:?}"
        );
    }

    #[test]
    fn a_server_that_does_not_compress() {
        let finding = LOOK.found(read(40, 0, true, 85), "the server does none");
        assert_eq!(finding.severity, Severity::Info);
        assert!(finding.remedy.is_some());
    }

    #[test]
    fn limits() {
        LOOK.not(
            read(19, 0, false, 85),
            "19 text responses read: 20 are needed",
        );
        LOOK.found(read(10, 10, false, 85), "10 of 20");
        LOOK.clear(read(9, 11, false, 85));
        LOOK.again().found(read(8, 12, false, 85), "8 of 20");
        let finding = LOOK.found(read(20, 0, false, 9), "20 of 20");
        assert_eq!(finding.severity, Severity::Info, "the link is fast");
        // Two writes of a server nearby and a delayed acknowledgement between them take 40 ms.
        let finding = LOOK.found(
            |group| {
                read(20, 0, false, 43)(group);
                group.phases.connect = Default::default();
                group.phases.connect.record_n(50_000, 10);
            },
            "20 of 20",
        );
        assert_eq!((finding.severity, finding.saves), (Severity::Info, None));
        LOOK.clear(|group| {
            read(20, 0, false, 85)(group);
            group.responses.plain_bytes = 20 * 1399;
        });
    }

    #[test]
    fn pictures_accuse_nobody() {
        LOOK.not(
            |group| {
                group.responses.read = 1000;
                group.responses.bytes = 100_000_000;
                group.phases.transfer.record_n(85_000_000, 1000);
            },
            "0 text responses read: 20 are needed",
        );
    }

    #[test]
    fn what_is_not_known() {
        LOOK.not(|group| group.tls.full = 9, "inside TLS");
        LOOK.not(|group| group.connections.http2 = 9, "over HTTP/2");
        LOOK.not(|group| group.responses.cut = 9, "longer than");
        LOOK.not(|_| {}, "no response in clear");
        LOOK.not(
            |group| {
                read(20, 0, false, 85)(group);
                group.responses.plain_sized = 0;
            },
            "says how long",
        );
    }
}
