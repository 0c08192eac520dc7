//! Tests of all rules together.

pub(super) mod fixture;

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::host::users::Use;
use fixture::{host, process};

/// A crawler without connection reuse, one with a slow server, and one that does nothing.
fn naive(requests: u64) -> impl Fn(&mut Group) {
    move |group| {
        group.requests.count = requests;
        group.requests.connections = requests;
        group.connections.opened = requests;
        group.connections.established = requests;
        group.connections.peak_open = 1;
        group.connections.closed_by.client = requests;
        (0..requests).for_each(|_| group.phases.connect.record(85_000_000));
    }
}

fn snapshot(change: impl Fn(&mut Group)) -> Snapshot {
    let mut snapshot = Snapshot {
        processes: vec![process(7, "crawler", &change)],
        hosts: vec![host("a.example", &change)],
        ..Snapshot::default()
    };
    change(Arc::make_mut(&mut snapshot.totals));
    snapshot
}

#[test]
fn every_rule_says_something() {
    let findings = evaluate(&Snapshot::default(), 0);
    assert_eq!(findings.len(), Rule::COUNT);
    assert!(findings.iter().all(|finding| finding.found().is_none()));
    let open = |finding: &&Finding| finding.status == Status::Clear;
    // Nothing was pending anywhere, which three rules can tell without any figure.
    let clear: Vec<Rule> = findings.iter().filter(open).map(|it| it.rule).collect();
    assert_eq!(clear, [Rule::TimeWaitPileup, Rule::ClientTimeoutCluster]);
}

#[test]
fn the_fault_has_its_scope_and_its_worst() {
    let findings = evaluate(&snapshot(naive(100)), 5);
    let top = first(&findings).unwrap();
    assert_eq!(top.rule, Rule::NoConnectionReuse);
    let found = top.found().unwrap();
    assert_eq!((found.scope.kind, &*found.scope.name), (Kind::All, ""));
    let worst: Vec<&str> = found.worst.iter().map(|scope| &*scope.name).collect();
    assert_eq!(worst, ["7 crawler", "a.example:443"]);
    assert_eq!((found.since_ns, found.last_true_ns), (5, 5));
}

#[test]
fn a_host_names_the_worst_of_its_processes() {
    let mut snapshot = snapshot(naive(100));
    let by = |snapshot: &Snapshot| {
        let findings = evaluate(snapshot, 5);
        let worst = first(&findings).unwrap().found().unwrap().worst.clone();
        let host = worst.into_iter().find(|scope| scope.kind == Kind::Host);
        host.unwrap().by
    };
    assert_eq!(by(&snapshot), None);
    let users = Arc::make_mut(&mut snapshot.hosts[0].users);
    for (process, requests, carriers) in [(1, 900, 1), (2, 90, 90)] {
        let figures = Use {
            requests,
            carriers,
            connections: carriers,
        };
        let name = || (process, format!("p{process}").into());
        users.add(process, &Use::default(), &figures, name);
    }
    assert_eq!(by(&snapshot).as_deref(), Some("2 p2"));
}

#[test]
fn the_bad_one_of_two_processes() {
    let reusing = |group: &mut Group| {
        naive(10)(group);
        group.requests.count = 10_000;
    };
    let mut snapshot = snapshot(|group| {
        reusing(group);
        group.requests.connections += 1000;
        group.requests.count += 1000;
    });
    snapshot.processes = vec![process(1, "good", reusing), process(2, "bad", naive(1000))];
    let findings = evaluate(&snapshot, 5);
    let of_reuse = findings
        .iter()
        .find(|it| it.rule == Rule::NoConnectionReuse);
    let found = of_reuse.unwrap().found().unwrap();
    assert_eq!(
        (found.scope.kind, &*found.scope.name),
        (Kind::Process, "2 bad")
    );
}

#[test]
fn the_order_is_by_severity_and_savings() {
    let slow = |group: &mut Group| {
        naive(100)(group);
        (0..100).for_each(|_| group.phases.ttfb.record(900_000_000));
        group.dns.queries = 100;
        group.dns.failed.timeout = 50;
    };
    let findings = evaluate(&snapshot(slow), 5);
    let found: Vec<Rule> = findings
        .iter()
        .filter(|finding| finding.found().is_some())
        .map(|finding| finding.rule)
        .collect();
    let expected = [
        Rule::DnsSlowOrFailing,
        Rule::ServerSlow,
        Rule::NoConnectionReuse,
    ];
    assert_eq!(found, expected);
}

#[test]
fn information_alone_is_nothing_to_change_first() {
    let by_server = |group: &mut Group| {
        naive(100)(group);
        group.connections.closed_by.client = 0;
        group.connections.closed_by.server = 100;
    };
    let findings = evaluate(&snapshot(by_server), 5);
    assert!(findings[0].found().is_some());
    assert!(first(&findings).is_none());
}

#[test]
fn http2_is_named_as_the_reason() {
    let http2 = |group: &mut Group| {
        group.http2.source.none = 3;
        group.connections.opened = 30;
    };
    let findings = evaluate(&snapshot(http2), 5);
    let of_reuse = findings
        .iter()
        .find(|it| it.rule == Rule::NoConnectionReuse);
    let Status::NotEvaluated(reason) = of_reuse.unwrap().status else {
        panic!("{of_reuse:?}");
    };
    let text =
        "0 requests beside 3 connections of HTTP/2, whose requests are not readable: 50 are needed";
    assert_eq!(reason.to_string(), text);
}

/// A hundred thousand hosts, of which a hundred have a fault.
#[test]
fn many_hosts_are_judged() {
    let mut all = snapshot(naive(100));
    all.hosts = (0..100_000)
        .map(|at| {
            host(
                &format!("{at}.example"),
                naive(if at % 1000 == 0 { 60 } else { 3 }),
            )
        })
        .collect();
    let findings = evaluate(&all, 5);
    let found = findings[0].found().unwrap();
    assert_eq!(found.worst.len(), WORST);
}

prop_compose! {
    fn any_group()(
        counts in prop::array::uniform24(0..2000u64),
        times in prop::array::uniform8((0..200u64, 0..1u64 << 36)),
    ) -> Group {
        let mut group = Group::default();
        let requests = &mut group.requests;
        (requests.count, requests.connections, requests.failed) = (counts[0], counts[1], counts[2]);
        (requests.stale, requests.aborted, requests.slow_pickups) = (counts[3], counts[4], counts[5]);
        let connections = &mut group.connections;
        (connections.opened, connections.established, connections.peak_open) = (counts[6], counts[7], counts[8]);
        (connections.closed_by.client, connections.closed_by.server) = (counts[9], counts[10]);
        (connections.http2, connections.not_sent, connections.asks_close) = (counts[11] % 3, counts[12], counts[13]);
        (connections.close_wait_peak, connections.close_wait_now) = (counts[14], counts[15]);
        (group.tls.full, group.tls.resumed, group.tls.versions.v1_2) = (counts[16], counts[17], counts[16]);
        (group.dns.queries, group.dns.repeated_within_ttl, group.dns.failed.nxdomain) = (counts[18], counts[19], counts[20]);
        (group.tcp.syn_retransmits, group.tcp.retransmits) = (counts[21], counts[22]);
        group.tunnels.opened = counts[23];
        let phases = &mut group.phases;
        let each = [
            &mut phases.connect, &mut phases.tls, &mut phases.ttfb, &mut phases.pickup, &mut phases.aborted,
            &mut phases.idle_at_close, &mut phases.idle_at_server_close, &mut phases.tunnel,
        ];
        for (phase, (count, value)) in each.into_iter().zip(times) {
            phase.record_n(value, count);
        }
        group
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No figures, however they contradict each other or those of earlier moments, make a rule panic, and every rule says
    /// something.
    #[test]
    fn no_panic_on_any_figures(
        before in any_group(),
        group in any_group(),
        marks in prop::collection::vec(any::<u64>(), 0..3),
        elapsed_ns: u64,
    ) {
        let of = |group: &Group| {
            let mut all = snapshot(|own| *own = group.clone());
            all.proxies = vec![host("proxy.example", |own| *own = group.clone())];
            all
        };
        let mut all = of(&group);
        let history = Arc::make_mut(&mut all.history);
        for at_ns in marks {
            history.mark(window::mark(&of(&before), at_ns));
        }
        let findings = evaluate(&all, elapsed_ns);
        prop_assert_eq!(findings.len(), Rule::COUNT);
        for finding in findings {
            if let Some(found) = finding.found() {
                prop_assert!(!found.fault.summary.is_empty());
                prop_assert!(found.fault.evidence.iter().all(|it| it.value.is_finite()), "{:?}", found);
                let saves = found.fault.saves.as_ref();
                prop_assert!(saves.is_none_or(|saves| saves.total_ns.is_finite()));
            }
        }
    }
}
