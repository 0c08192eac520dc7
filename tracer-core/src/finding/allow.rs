//! Findings that the user has allowed, for all connections or for some hosts: they are shown as allowed, never hidden.

use tracer_text::{glob::Glob, nearest::nearest};

use super::{Finding, Found, rule::Rule, subject::Kind};

/// Permission for a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Allow {
    rule: Rule,
    host: Option<Glob>,
    text: String,
    /// Reason that the user has given for it.
    because: Option<String>,
}

impl Allow {
    /// Reads `ID` or `ID=HOST`, where the host may have `*` and `?`.
    ///
    /// The error says what is wrong, and how to find out what is right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (id, host) = match text.split_once('=') {
            Some((id, host)) => (id, Some(host)),
            None => (text, None),
        };
        let rule = Rule::by_id(id).ok_or_else(|| unknown(id))?;
        if host == Some("") {
            return Err(format!(
                "no host behind `{id}=`; leave `=` out for all hosts"
            ));
        }
        Ok(Self {
            rule,
            host: host.map(Glob::new),
            text: text.to_owned(),
            because: None,
        })
    }

    /// Reads a file with one permission a line. What follows a `#` is the reason of its line; comments that fill the
    /// lines right above a permission are the reason where its own line has none.
    ///
    /// The error has the number of the line.
    pub fn parse_file(text: &str) -> Result<Vec<Self>, String> {
        let mut allowed = Vec::new();
        let mut above: Vec<&str> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let (permission, comment) = match line.split_once('#') {
                Some((permission, comment)) => (permission.trim(), comment.trim()),
                None => (line.trim(), ""),
            };
            if permission.is_empty() {
                match comment {
                    "" => above.clear(),
                    comment => above.push(comment),
                }
                continue;
            }
            let parsed = Self::parse(permission).map_err(|why| format!("line {number}: {why}"))?;
            let because = match comment {
                "" => above.join(" "),
                own => own.to_owned(),
            };
            above.clear();
            allowed.push(Self {
                because: (!because.is_empty()).then_some(because),
                ..parsed
            });
        }
        Ok(allowed)
    }

    /// True if the permission holds for a fault: with a host, if every host that has it matches.
    fn covers(&self, rule: Rule, found: &Found) -> bool {
        if rule != self.rule {
            return false;
        }
        let Some(glob) = &self.host else {
            return true;
        };
        let scopes = [&found.scope].into_iter().chain(&found.worst);
        let mut hosts = scopes.filter(|scope| matches!(scope.kind, Kind::Host | Kind::Proxy));
        let matches = |name: &str| {
            let without_port = name.rsplit_once(':').map_or(name, |(host, _)| host);
            glob.matches(name) || glob.matches(without_port)
        };
        let first = hosts.next();
        first.is_some_and(|scope| matches(&scope.name)) && hosts.all(|scope| matches(&scope.name))
    }
}

/// Error for a name that no finding has.
fn unknown(id: &str) -> String {
    let known = Rule::ALL.iter().map(|rule| rule.id());
    let advice = match nearest(id, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`tracer explain` lists all of them".to_owned(),
    };
    format!("no finding `{}`; {advice}", id.escape_debug())
}

/// Marks the faults that are allowed, and puts them behind the others.
pub fn allow(findings: &mut [Finding], allowed: &[Allow]) {
    for finding in findings.iter_mut() {
        let covering = finding.found().and_then(|found| {
            let covers = |permission: &&Allow| permission.covers(finding.rule, found);
            allowed.iter().find(covers)
        });
        finding.suppressed_by = covering.map(|permission| permission.text.clone());
        finding.suppressed_because = covering.and_then(|permission| permission.because.clone());
    }
    // Sorting is stable: within each group the order stays.
    findings.sort_by_key(|finding| match (finding.found(), &finding.suppressed_by) {
        (Some(_), None) => 0,
        (Some(_), Some(_)) => 1,
        (None, _) => 2,
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::finding::{evaluate, first, tests::fixture::host};
    use crate::{group::Group, snapshot::Snapshot};

    /// Findings of a trace with SYN segments sent again toward two hosts, and slow lookups.
    fn findings() -> Vec<Finding> {
        let again = |group: &mut Group| {
            group.connections.opened = 100;
            group.tcp.syn_retransmits = 50;
        };
        let mut snapshot = Snapshot {
            hosts: vec![host("a.example", again), host("b.example", again)],
            ..Snapshot::default()
        };
        let totals = Arc::make_mut(&mut snapshot.totals);
        again(totals);
        totals.dns.queries = 100;
        (0..100).for_each(|_| totals.phases.dns.record(200_000_000));
        evaluate(&snapshot, 5)
    }

    #[track_caller]
    fn check(allowed: &[&str], expected: &[(&str, bool)]) {
        let allowed: Vec<Allow> = allowed
            .iter()
            .map(|text| Allow::parse(text).unwrap())
            .collect();
        let mut findings = findings();
        allow(&mut findings, &allowed);
        let found = findings.iter().filter(|finding| finding.found().is_some());
        let got: Vec<(&str, bool)> = found
            .map(|finding| (finding.rule.id(), finding.suppressed_by.is_some()))
            .collect();
        assert_eq!(got, expected);
        let is_open = expected.first().is_some_and(|(_, suppressed)| !suppressed);
        assert_eq!(first(&findings).is_some(), is_open);
    }

    #[test]
    fn what_is_allowed_is_shown_behind_the_rest() {
        let (again, slow) = ("connect-retries", "dns-slow-or-failing");
        check(&[], &[(again, false), (slow, false)]);
        check(&[again], &[(slow, false), (again, true)]);
        check(&[again, slow], &[(again, true), (slow, true)]);
        check(
            &["connect-retries=a.example"],
            &[(again, false), (slow, false)],
        );
        check(
            &["connect-retries=*.example"],
            &[(slow, false), (again, true)],
        );
        check(&["dns-slow-or-failing=*"], &[(again, false), (slow, false)]);
    }

    #[test]
    fn a_file_with_reasons() {
        let text = "# The proxy of the company\n# closes each connection.\nproxy-not-reused\n\n\
                    # About nothing.\n\n  dns-slow-or-failing=*.example  # asked for\nserver-slow\n";
        let allowed = Allow::parse_file(text).unwrap();
        let got: Vec<_> = allowed
            .iter()
            .map(|allow| (allow.rule.id(), &*allow.text, allow.because.as_deref()))
            .collect();
        let expected = [
            (
                "proxy-not-reused",
                "proxy-not-reused",
                Some("The proxy of the company closes each connection."),
            ),
            (
                "dns-slow-or-failing",
                "dns-slow-or-failing=*.example",
                Some("asked for"),
            ),
            ("server-slow", "server-slow", None),
        ];
        assert_eq!(got, expected);
        let all = Allow::parse_file("connect-retries # known\n").unwrap();
        let mut findings = findings();
        allow(&mut findings, &all);
        let suppressed = findings.iter().find(|it| it.suppressed_by.is_some());
        let because = suppressed.and_then(|it| it.suppressed_because.as_deref());
        assert_eq!(because, Some("known"));
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        let wrong = |text| Allow::parse_file(text).unwrap_err();
        assert_eq!(
            wrong("server-slow\n\nserver-slwo=a # x\n"),
            "line 3: no finding `server-slwo`; did you mean `server-slow`?"
        );
        assert!(wrong("a\u{1b}[2Jb").contains("a\\u{1b}[2Jb"));
        assert!(wrong("server-slow=\n").starts_with("line 1: no host"));
        assert_eq!(Allow::parse_file(""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(
            Allow::parse("no-such-rule")
                .unwrap_err()
                .contains("tracer explain")
        );
        assert!(
            Allow::parse("server-slow=")
                .unwrap_err()
                .contains("no host")
        );
    }
}
