//! Faults of expressions: what is said, and where the caret is.

use crate::{Gate, Subject};

#[track_caller]
fn check(text: &str, marked: &str, expected: &str) {
    let fault = Gate::parse(text, Subject::Export).unwrap_err();
    assert!(fault.message.contains(expected), "{fault}");
    assert_eq!(fault.text.get(fault.at.clone()), Some(marked), "{fault}");
}

#[test]
fn misspelled_names() {
    check(
        "requests.reuse_ration<0.9",
        "reuse_ration",
        "did you mean `reuse_ratio`?",
    );
    check(
        "request.reuse_ratio<0.9",
        "request",
        "did you mean `requests`?",
    );
    check(
        "reuse_ratio<0.9",
        "reuse_ratio",
        "did you mean `requests.reuse_ratio`?",
    );
    check("phases.tls.p99>200ms", "p99", "did you mean `p99_ns`?");
    check(
        "phases.nap.p99_ns>200ms",
        "nap",
        "no figure `nap` here; there are ",
    );
    check("findings.warnings>0", "warnings", "`findings.warning`");
    check("zzzzzzzzz>0", "zzzzzzzzz", "docs/user/export.md");
}

#[test]
fn places_without_a_figure() {
    check("requests>5", "requests", "several: aborted, ");
    check("hosts>5", "hosts", "add [*] for any element, or [\"NAME\"]");
    check("hosts[*]>5", "[*]", "several: ");
    check("hosts.requests.count>5", "requests", "[*]");
    check("series.open>5", "open", "add [*] for any element");
    check("series.open[\"x\"]>5", "[\"x\"]", "have no names");
    check("requests.count.more>5", "more", "nothing below");
    check("requests[*]>5", "[*]", "an object has names");
}

#[test]
fn limits_that_do_not_fit() {
    check("phases.tls.p99_ns>200q", "200q", "a time: write 200ms");
    check("phases.tls.p99_ns>5%", "5%", "a time");
    check("requests.count>5ms", "5ms", "a count: write 5000 or 5k");
    check("requests.count>5m", "5m", "a count");
    check("requests.reuse_ratio<90", "90", "0.9 or 90%");
    check("tcp.bytes_sent<5s", "5s", "10MB");
    check("requests.count>\"5\"", "\"5\"", "a count");
    check("tracer.version>\"5\"", "\"5\"", "compared by == or !=");
    check("tracer.version==5", "5", "write it in quotes");
    check("filter.include_loopback==5", "5", "true or false");
    check("requests.count>+5%", "+5%", "tracer diff --fail-on");
    check("requests.count<-5", "-5", "write the number alone");
}

#[test]
fn broken_grammar() {
    check("", "", "expected a figure");
    check("requests.count", "", "expected `>`");
    check("requests.count>", "", "expected a number");
    check("requests.count=5", "=", "equality is `==`");
    check("requests.count>5 and", "", "expected a figure");
    check("requests.count>5 && tls.full>1", "&", "write `and`");
    check("requests.count>5 || tls.full>1", "|", "write `or`");
    check("(requests.count>5", "", "expected `and`, `or` or `)`");
    check("requests.count>5)", ")", "expected `and`, `or` or the end");
    check("requests.>5", ">", "expected a name");
    check(
        "hosts[>5",
        ">",
        "expected `*`, a name in quotes, or a number",
    );
    check("hosts[\"a].requests.count>5", "", "closing quote");
    check("hosts[*.requests.count>5", ".", "expected `]`");
    check(
        "5 < requests.count",
        "5",
        "expected a figure, as in requests.count",
    );
    check(
        "requests.count>5 requests.count>5",
        "r",
        "`and`, `or` or the end",
    );
    check(&"(".repeat(65), "(", "more than 64 parentheses");
}

#[test]
fn a_caret_is_under_the_place() {
    let fault = Gate::parse("hosts['bücher.*'].reqests.count>5", Subject::Export).unwrap_err();
    let expected = "no figure `reqests` here; did you mean `requests`?\n  hosts['bücher.*'].reqests.count>5\n                    ^^^^^^^";
    assert_eq!(fault.to_string(), expected);
}

#[test]
fn what_does_not_print_in_a_line_is_refused() {
    let fault = Gate::parse("requests.count\u{1b}[2J>5", Subject::Export).unwrap_err();
    assert!(!fault.to_string().contains('\u{1b}'), "{fault}");
    let long = format!("requests.count>{}", "1".repeat(5000));
    let fault = Gate::parse(&long, Subject::Export).unwrap_err();
    assert!(fault.message.contains("longer than 4096"), "{fault}");
}
