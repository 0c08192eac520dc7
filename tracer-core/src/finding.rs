//! Findings: faults that the figures show, what to change, and what that would save.
//!
//! Every rule is evaluated always, and says `found`, `clear`, or why it cannot tell. A rule is a small pure function
//! (`finding/rules`), whose inputs are a snapshot with its history and whose numbers are thresholds with reasons.

pub mod advice;
pub mod allow;
pub mod case;
pub mod guess;
pub mod history;
pub mod page;
pub mod rule;
pub mod rules;
pub mod subject;
pub mod sums;
pub mod threshold;
pub mod trend;
pub mod verdict;
pub mod window;

use std::cmp::Ordering;

use case::Case;
use guess::Guess;
use history::Sight;
use rule::Rule;
use subject::{Kind, Subject};
use sums::Sums;
use verdict::{Fault, NotEvaluated, Severity, Verdict};

use crate::{elapsed::elapsed, group::Group, snapshot::Snapshot};

/// Limit of the subjects listed for one fault.
pub const WORST: usize = 5;
/// Number of requests, connects, handshakes or lookups below which no rule can find anything in a host or process.
const BUSY: u64 = 10;

/// Subject of a fault, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Kind of the subject.
    pub kind: Kind,
    /// Name of the subject; empty for all.
    pub name: String,
    /// Process that has most of the fault at a host, if several use it and the fault is one of their connections.
    pub by: Option<String>,
}

/// Fault with its scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The fault, with the figures of its scope.
    pub fault: Fault,
    /// Widest subject that has the fault.
    pub scope: Scope,
    /// Narrower subjects with the fault, the worst first, at most [`WORST`].
    pub worst: Vec<Scope>,
    /// Client that has the fault.
    pub client: Guess,
    /// Length of the time in which the figures behind it were taken, ns.
    pub window_ns: u64,
    /// Time at which the fault was found first, since the figures began, ns.
    pub since_ns: u64,
    /// Time at which the fault was seen last, ns.
    pub last_true_ns: u64,
}

/// Fault that was there and is not found any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// Time at which it was found first, since the figures began, ns.
    pub since_ns: u64,
    /// Time at which it was seen last, ns.
    pub last_true_ns: u64,
}

/// Result of a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// The fault is there.
    Found(Box<Found>),
    /// The fault is not there.
    Clear,
    /// The rule cannot tell.
    NotEvaluated(NotEvaluated),
}

/// Rule with its result.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Result of the rule.
    pub status: Status,
    /// Fault that the rule had found before, if it finds none now.
    pub gone: Option<Gone>,
    /// Time at which the figures behind the result begin, ns.
    began_ns: u64,
    /// Permission that covers the fault, as it was given.
    pub suppressed_by: Option<String>,
    /// Reason that was given with the permission.
    pub suppressed_because: Option<String>,
}

impl Finding {
    /// The fault, if it is there.
    pub fn found(&self) -> Option<&Found> {
        match &self.status {
            Status::Found(found) => Some(found),
            _ => None,
        }
    }

    /// Sight of the fault for the history, if one was found.
    pub fn sight(&self) -> Option<Sight> {
        let events = self.found()?.fault.events;
        Some(Sight {
            events,
            began_ns: self.began_ns,
        })
    }

    /// Notes the fault that was there before, if none is found now.
    fn note_gone(&mut self, snapshot: &Snapshot) {
        let past = snapshot.history.of(self.rule);
        if self.found().is_none()
            && let (Some(since_ns), Some(last_true_ns)) = (past.since_ns, past.last_true_ns)
        {
            self.gone = Some(Gone {
                since_ns,
                last_true_ns,
            });
        }
    }

    /// True if the fault is not there.
    pub fn is_clear(&self) -> bool {
        self.status == Status::Clear
    }
}

/// Evaluates every rule, on the whole trace and on its last minutes. Faults come first, those most worth a change at the
/// top; the other rules follow in their order. `elapsed_ns` is the time since the figures began.
pub fn evaluate(snapshot: &Snapshot, elapsed_ns: u64) -> Vec<Finding> {
    let whole = Court::new(snapshot, 0, elapsed_ns);
    let recent = window::recent(snapshot, elapsed_ns, whole.sums);
    let mut findings = whole.judge_all();
    if let Some(recent) = &recent {
        let mut court = Court::new(&recent.snapshot, recent.began_ns, elapsed_ns);
        court.sums = recent.sums;
        let both = findings.into_iter().zip(court.judge_all());
        findings = both
            .map(|(of_all, lately)| window::combine(of_all, lately, recent))
            .collect();
    }
    for finding in &mut findings {
        finding.note_gone(snapshot);
    }
    findings.sort_by(rank);
    findings
}

/// Order of two findings: severe faults before others and faults before the rest, then by what they would save.
fn rank(a: &Finding, b: &Finding) -> Ordering {
    let (a_fault, b_fault) = (a.found().map(|it| &it.fault), b.found().map(|it| &it.fault));
    let severity = |fault: Option<&Fault>| fault.map(|fault| fault.severity);
    let saves_ns = |fault: Option<&Fault>| {
        let saves = fault.and_then(|fault| fault.saves.as_ref());
        saves.map_or(0.0, |saves| saves.total_ns)
    };
    severity(b_fault)
        .cmp(&severity(a_fault))
        .then(saves_ns(b_fault).total_cmp(&saves_ns(a_fault)))
        .then(a.rule.cmp(&b.rule))
}

/// Inputs that all rules share.
struct Court<'a> {
    snapshot: &'a Snapshot,
    /// Time at which the figures begin, ns.
    began_ns: u64,
    now_ns: u64,
    sums: Sums,
    /// Client of the process with the most requests.
    client: Guess,
    /// Processes and hosts that have enough figures for any rule.
    processes: Vec<(Subject<'a>, &'a Group, Guess)>,
    hosts: Vec<(Subject<'a>, &'a Group)>,
    proxies: Vec<(Subject<'a>, &'a Group)>,
}

impl<'a> Court<'a> {
    fn new(snapshot: &'a Snapshot, began_ns: u64, now_ns: u64) -> Self {
        let processes = snapshot.processes.iter();
        let main = processes.max_by_key(|process| {
            let group = &process.group;
            (
                group.requests.count,
                group.connections.opened,
                group.dns.queries,
            )
        });
        let busy = snapshot.processes.iter().filter(|it| is_busy(&it.group));
        let mut sums = Sums::default();
        // One pass: the figures of many hosts lie far apart in memory, which takes most of the time.
        let hosts = snapshot.hosts.iter().filter(|host| {
            sums.add(host);
            is_busy(&host.group)
        });
        let hosts = hosts.map(|it| (Subject::Host(it), &*it.group)).collect();
        let proxies = snapshot.proxies.iter().filter(|it| is_busy(&it.group));
        Self {
            snapshot,
            began_ns,
            now_ns,
            sums,
            client: main.map_or(Guess::UNKNOWN, Guess::of),
            processes: busy
                .map(|it| (Subject::Process(it), &*it.group, Guess::of(it)))
                .collect(),
            hosts,
            proxies: proxies.map(|it| (Subject::Proxy(it), &*it.group)).collect(),
        }
    }

    /// Time in which the figures were taken, ns.
    fn window_ns(&self) -> u64 {
        elapsed(self.now_ns, self.began_ns).unwrap_or(0)
    }

    /// Results of all rules, in their order. Every subject is given to all rules in turn, since the figures of many
    /// hosts do not fit into the processor's caches.
    fn judge_all(&self) -> Vec<Finding> {
        let mut tallies: [Tally; Rule::COUNT] = Default::default();
        for kind in Kind::ALL {
            self.judge_kind(kind, &mut tallies);
        }
        let tallies = Rule::ALL.into_iter().zip(tallies);
        tallies
            .map(|(rule, tally)| Finding {
                rule,
                status: tally.status(self, rule, rules::definition(rule).kinds),
                gone: None,
                began_ns: self.began_ns,
                suppressed_by: None,
                suppressed_because: None,
            })
            .collect()
    }

    /// Lets every rule that judges subjects of this kind judge them.
    fn judge_kind(&self, kind: Kind, tallies: &mut [Tally; Rule::COUNT]) {
        let rules = Rule::ALL.into_iter().map(|rule| {
            let was_found = self.snapshot.history.of(rule).found;
            (rule, rules::definition(rule), was_found)
        });
        let rules = rules.filter(|(_, definition, _)| definition.kinds.contains(&kind));
        let rules: Vec<_> = rules.collect();
        let elapsed_ns = self.window_ns();
        self.each(kind, |subject, group, client| {
            for &(rule, definition, was_found) in &rules {
                let case = Case {
                    subject,
                    group,
                    snapshot: self.snapshot,
                    elapsed_ns,
                    sums: &self.sums,
                    client,
                    was_found,
                };
                tallies[rule as usize].take(rule, &case, (definition.judge)(&case));
            }
        });
    }

    fn each(&self, kind: Kind, mut judge: impl FnMut(Subject<'a>, &'a Group, Guess)) {
        match kind {
            Kind::All => judge(Subject::All, &self.snapshot.totals, self.client),
            Kind::Process => {
                let processes = self.processes.iter();
                processes.for_each(|&(subject, group, client)| judge(subject, group, client));
            }
            Kind::Host => {
                let hosts = self.hosts.iter();
                hosts.for_each(|&(subject, group)| judge(subject, group, self.client));
            }
            Kind::Proxy => {
                let proxies = self.proxies.iter();
                proxies.for_each(|&(subject, group)| judge(subject, group, self.client));
            }
        }
    }
}

/// True if a group has enough figures for any rule.
fn is_busy(group: &Group) -> bool {
    counts(group).into_iter().any(|count| count >= BUSY)
}

/// True if a group has got enough figures for any rule since an earlier moment.
fn is_busy_since(now: &Group, before: &Group) -> bool {
    let mut counts = counts(now).into_iter().zip(counts(before));
    counts.any(|(now, before)| now.saturating_sub(before) >= BUSY)
}

/// Numbers of things that rules want a few of.
fn counts(group: &Group) -> [u64; 7] {
    [
        group.requests.count,
        group.connections.opened,
        group.connections.established + group.connections.adopted,
        group.tls.full + group.tls.resumed,
        group.dns.queries,
        group.tunnels.total(),
        group.phases.pickup.count(),
    ]
}

/// Name of the process that opens most connections to a host without need, for a rule about that.
fn worst_process(rule: Rule, subject: Subject<'_>) -> Option<String> {
    let Subject::Host(host) = subject else {
        return None;
    };
    let user = host.users.worst().filter(|_| rule.is_about_reuse())?;
    Some(format!("{} {}", user.pid, user.comm))
}

/// Results of one rule for all its subjects.
#[derive(Default)]
struct Tally {
    found: Vec<(Scope, Fault, Guess)>,
    is_clear: bool,
    /// Reason of the first subject that could not be judged, and its number of requests.
    reason: Option<(u64, NotEvaluated)>,
}

impl Tally {
    fn take(&mut self, rule: Rule, case: &Case<'_>, judgement: verdict::Judgement) {
        match judgement {
            Ok(Verdict::Clear) => self.is_clear = true,
            Ok(Verdict::Found(fault)) => {
                let scope = Scope {
                    kind: case.subject.kind(),
                    name: case.subject.name(),
                    by: worst_process(rule, case.subject),
                };
                self.found.push((scope, *fault, case.client));
            }
            Err(reason) => {
                let requests = case.group.requests.count;
                if self.reason.is_none_or(|(most, _)| requests > most) {
                    self.reason = Some((requests, reason));
                }
            }
        }
    }

    fn status(mut self, court: &Court<'_>, rule: Rule, kinds: &[Kind]) -> Status {
        if self.found.is_empty() {
            return match (self.is_clear, self.reason) {
                (true, _) => Status::Clear,
                (false, Some((_, reason))) => Status::NotEvaluated(reason),
                (false, None) => {
                    let kind = kinds.first().map_or("subject", |kind| kind.as_str());
                    Status::NotEvaluated(NotEvaluated::Nothing(kind))
                }
            };
        }
        let widest = |kind: Kind| kinds.iter().position(|other| *other == kind);
        self.found.sort_by(|(a, a_fault, _), (b, b_fault, _)| {
            let weight = |fault: &Fault| {
                let saves_ns = fault.saves.as_ref().map_or(0.0, |saves| saves.total_ns);
                (fault.severity, saves_ns, fault.events)
            };
            let (a_weight, b_weight) = (weight(a_fault), weight(b_fault));
            widest(a.kind)
                .cmp(&widest(b.kind))
                .then(b_weight.partial_cmp(&a_weight).unwrap_or(Ordering::Equal))
        });
        let mut found = self.found.into_iter();
        let Some((scope, fault, client)) = found.next() else {
            return Status::Clear;
        };
        let past = court.snapshot.history.of(rule);
        let sight = Sight {
            events: fault.events,
            began_ns: court.began_ns,
        };
        Status::Found(Box::new(Found {
            fault,
            scope,
            worst: found.take(WORST).map(|(scope, ..)| scope).collect(),
            client,
            window_ns: court.window_ns(),
            since_ns: past.since(court.now_ns),
            last_true_ns: past.last_true(court.now_ns, sight),
        }))
    }
}

/// The finding to change first: the one at the top, if it is more than information and not allowed.
pub fn first(findings: &[Finding]) -> Option<&Finding> {
    let top = findings.first().filter(|top| top.suppressed_by.is_none())?;
    let is_fault = top.found()?.fault.severity > Severity::Info;
    is_fault.then_some(top)
}

#[cfg(test)]
mod tests;
