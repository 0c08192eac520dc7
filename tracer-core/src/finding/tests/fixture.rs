//! Snapshots made by hand, for the tests of rules.

use std::sync::Arc;

use crate::finding::{
    Finding, Status, evaluate,
    history::{Moment, Past},
    rule::Rule,
    verdict::Fault,
};
use crate::{
    client::Sign,
    group::Group,
    host::{Host, HostKey},
    process::Process,
    snapshot::Snapshot,
};

/// Length of the trace, ns.
const ELAPSED_NS: u64 = 10_000_000_000;

/// Look of one rule at a snapshot.
#[derive(Clone, Copy)]
pub(in crate::finding) struct Look {
    rule: Rule,
    was_found: bool,
    sign: Option<Sign>,
}

pub(in crate::finding) fn process(pid: u32, comm: &str, change: impl Fn(&mut Group)) -> Process {
    let mut group = Group::default();
    change(&mut group);
    Process {
        pid,
        comm: comm.into(),
        exe: Some(format!("/usr/bin/{comm}")),
        container: None,
        cgroup: 1,
        client_sign: None,
        group: Arc::new(group),
    }
}

pub(in crate::finding) fn host(name: &str, change: impl Fn(&mut Group)) -> Host {
    let mut group = Group::default();
    change(&mut group);
    Host {
        key: Arc::new(HostKey::sni(name, 443)),
        addresses: Arc::new([]),
        via: Arc::default(),
        users: Arc::default(),
        group: Arc::new(group),
    }
}

/// Adds moments, one a second, counted from 1.
pub(in crate::finding) fn grow(snapshot: &mut Snapshot, count: u64, make: impl Fn(u64) -> Moment) {
    let history = Arc::make_mut(&mut snapshot.history);
    for at in 1..=count {
        let open = make(at).open.max(1);
        history.push(Moment {
            at_ns: at * 1_000_000_000,
            open,
            ..make(at)
        });
    }
}

impl Look {
    pub(in crate::finding) const fn of(rule: Rule) -> Self {
        Self {
            rule,
            was_found: false,
            sign: None,
        }
    }

    /// Repetition of the look after one that has found the fault.
    pub(in crate::finding) const fn again(self) -> Self {
        Self {
            was_found: true,
            ..self
        }
    }

    pub(in crate::finding) const fn of_client(self, sign: Sign) -> Self {
        Self {
            sign: Some(sign),
            ..self
        }
    }

    /// Looks at one process, one host and one proxy with these figures, which are the totals, too.
    pub(in crate::finding) fn with(
        self,
        group: impl Fn(&mut Group),
        snapshot: impl Fn(&mut Snapshot),
    ) -> Scene {
        let mut all = Snapshot::default();
        group(Arc::make_mut(&mut all.totals));
        let mut one = process(1, "crawler", &group);
        one.client_sign = self.sign;
        all.processes = vec![one];
        all.hosts = vec![host("a.example", &group)];
        all.proxies = vec![host("proxy.example", &group)];
        snapshot(&mut all);
        self.at(all)
    }

    fn at(self, mut snapshot: Snapshot) -> Scene {
        let past = Past {
            found: self.was_found,
            ..Past::default()
        };
        Arc::make_mut(&mut snapshot.history).set(self.rule, past);
        let findings = evaluate(&snapshot, ELAPSED_NS);
        let of_rule = |finding: &Finding| finding.rule == self.rule;
        Scene(findings.into_iter().find(of_rule).unwrap())
    }

    /// Looks at so many hosts with these figures each.
    pub(in crate::finding) fn hosts(self, count: usize, change: impl Fn(&mut Group)) -> Finding {
        let mut all = Snapshot {
            hosts: (0..count)
                .map(|at| host(&format!("{at}.example"), &change))
                .collect(),
            ..Snapshot::default()
        };
        let totals = Arc::make_mut(&mut all.totals);
        for host in &all.hosts {
            totals.requests.count += host.group.requests.count;
            totals.requests.connections += host.group.requests.connections;
            totals.connections.established += host.group.connections.established;
            totals.connections.closed_by.client += host.group.connections.closed_by.client;
        }
        totals.connections.peak_open = 1;
        let totals = Arc::clone(&all.totals);
        all.processes = vec![Process {
            group: totals,
            ..process(1, "crawler", |_| {})
        }];
        self.at(all).0
    }

    #[track_caller]
    pub(in crate::finding) fn found(self, group: impl Fn(&mut Group), text: &str) -> Fault {
        self.with(group, |_| {}).found(text)
    }

    #[track_caller]
    pub(in crate::finding) fn clear(self, group: impl Fn(&mut Group)) {
        self.with(group, |_| {}).clear();
    }

    #[track_caller]
    pub(in crate::finding) fn not(self, group: impl Fn(&mut Group), reason: &str) {
        self.with(group, |_| {}).not(reason);
    }

    #[track_caller]
    pub(in crate::finding) fn found_in(
        self,
        snapshot: impl Fn(&mut Snapshot),
        text: &str,
    ) -> Fault {
        self.with(|_| {}, snapshot).found(text)
    }

    #[track_caller]
    pub(in crate::finding) fn clear_in(self, snapshot: impl Fn(&mut Snapshot)) {
        self.with(|_| {}, snapshot).clear();
    }

    #[track_caller]
    pub(in crate::finding) fn not_in(self, snapshot: impl Fn(&mut Snapshot), reason: &str) {
        self.with(|_| {}, snapshot).not(reason);
    }
}

/// Finding of a look.
pub(in crate::finding) struct Scene(Finding);

impl Scene {
    #[track_caller]
    pub(in crate::finding) fn found(self, text: &str) -> Fault {
        let Status::Found(found) = self.0.status else {
            panic!("not found: {:?}", self.0);
        };
        let summary = &found.fault.summary;
        assert!(summary.contains(text), "{summary}");
        found.fault
    }

    #[track_caller]
    pub(in crate::finding) fn clear(self) {
        assert!(self.0.is_clear(), "{:?}", self.0);
    }

    #[track_caller]
    pub(in crate::finding) fn not(self, reason: &str) {
        let Status::NotEvaluated(why) = &self.0.status else {
            panic!("evaluated: {:?}", self.0);
        };
        assert!(why.to_string().contains(reason), "{why}");
    }
}
