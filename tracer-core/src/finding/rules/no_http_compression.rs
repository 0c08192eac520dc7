//! No HTTP compression: a rule whose figures do not exist yet.

use crate::finding::{
    case::Case,
    page::{Definition, Page},
    subject::Kind,
    verdict::{Judgement, NotEvaluated},
};

pub(in crate::finding) const RULE: Definition = Definition {
    kinds: &[Kind::All],
    thresholds: &[],
    page: Page {
        what: "Responses of text are sent without compression, because the client does not ask for it (Accept-Encoding), or the server does not do it.",
        cost: "Three to five times the bytes on the link, and the time that they take there.",
        told: "It is not told yet: this version of tracer does not read the heads of responses. Bytes for each request alone would accuse pictures and archives, so there is no guess either.",
        doubts: "Inside TLS the heads cannot be read at all.",
        provoke: "`curl URL` without `--compressed`.",
        cured: "`tcp.bytes_received` in the export, for each request, falls.",
        advice: "Let the client ask for gzip, and decode it.",
    },
    judge,
};

fn judge(_: &Case<'_>) -> Judgement {
    let text = "the heads of responses are not read, so whether they are compressed is not known";
    Err(NotEvaluated::Because(text))
}

#[cfg(test)]
mod tests {
    use crate::finding::{rule::Rule, tests::fixture::Look};

    #[test]
    fn it_says_that_it_does_not_know() {
        Look::of(Rule::NoHttpCompression).not(
            |group| group.requests.count = 1000,
            "the heads of responses are not read",
        );
    }
}
