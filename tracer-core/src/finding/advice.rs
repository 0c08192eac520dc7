//! Advice for a fault: which setting of which client to change, from what to what, in the words of that client's users.

mod table;

use tracer_text::number;

use super::guess::Guess;
use super::{
    rule::Rule,
    rules::definition,
    verdict::{Fault, Proposal},
};
use crate::client::Client;

/// Advice of the table: a setting, or the reason why the client has none.
#[derive(Debug, Clone, Copy)]
pub enum Entry {
    /// Setting, its default, and lines of code in which `{n}`, `{s}` and `{ms}` stand for the proposed value.
    Set(&'static str, &'static str, &'static str),
    /// Sentence that says that the client cannot, and what to do instead.
    Cannot(&'static str),
}

/// Part of a client that a fault is about. Faults that are no client's have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// One client object for all requests, and bodies read to their end.
    Reuse,
    /// Number of idle connections kept.
    Pool,
    /// Responses and clients closed.
    Close,
    /// Time for which idle connections are kept.
    IdleTimeout,
    /// Cache of names.
    Names,
    /// TLS sessions kept.
    Sessions,
    /// Work beside reading.
    Busy,
    /// Timeouts of requests.
    Timeouts,
    /// Requests at once.
    Cap,
    /// Compression asked for.
    Compression,
}

impl Topic {
    /// Topic of a rule; None when no client's setting helps.
    pub const fn of(rule: Rule) -> Option<Self> {
        Some(match rule {
            Rule::NoConnectionReuse | Rule::ProxyNotReused => Self::Reuse,
            Rule::PoolTooSmall | Rule::TimeWaitPileup | Rule::EphemeralPortsRunningOut => {
                Self::Pool
            }
            Rule::ConnectionLeak | Rule::CloseWaitLeak => Self::Close,
            Rule::StaleReuse => Self::IdleTimeout,
            Rule::DnsNotCached => Self::Names,
            Rule::TlsNotResumed => Self::Sessions,
            Rule::SlowPickup => Self::Busy,
            Rule::ClientTimeoutCluster => Self::Timeouts,
            Rule::ConcurrencyCapped => Self::Cap,
            Rule::NoHttpCompression => Self::Compression,
            Rule::ReuseFailsHere
            | Rule::DnsSlowOrFailing
            | Rule::TlsDominates
            | Rule::ConnectRetries
            | Rule::PacketLoss
            | Rule::ServerSlow
            | Rule::ProxySlow => return None,
        })
    }
}

/// Advice for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// Client; [`Client::Unknown`] for advice that holds for any.
    pub client: Client,
    /// Setting to change.
    pub setting: Option<&'static str>,
    /// Default of the setting.
    pub default: Option<&'static str>,
    /// Value that the figures propose.
    pub proposed: Option<String>,
    /// Code, or a sentence.
    pub text: String,
}

impl Advice {
    /// Advice in one line: the client with its setting, the proposed value and the default, or the sentence.
    pub fn headline(&self) -> String {
        let (Some(setting), Some(default)) = (self.setting, self.default) else {
            let first = self.text.split(". ").next().unwrap_or_default();
            return first.trim_end_matches('.').to_owned();
        };
        let proposed = self.proposed.as_ref();
        let proposed = proposed.map_or(String::new(), |value| format!(" to {value}"));
        format!(
            "{}: {setting}{proposed} (default: {default})",
            self.client.name()
        )
    }
}

/// Advice for a fault of a client: the remedy of this form of the fault, or first what the clients in question can do,
/// then what holds for any.
pub fn advise(rule: Rule, guess: Guess, fault: &Fault) -> Vec<Advice> {
    match fault.remedy {
        Some(remedy) => vec![for_any(remedy)],
        None => of_rule(rule, guess, &fault.proposal),
    }
}

fn of_rule(rule: Rule, guess: Guess, proposal: &Proposal) -> Vec<Advice> {
    let known = guess.clients.iter();
    let mut all: Vec<Advice> = known
        .filter_map(|&client| for_client(rule, client, proposal))
        .collect();
    all.push(for_any(definition(rule).page.advice));
    all
}

fn for_any(text: &str) -> Advice {
    Advice {
        client: Client::Unknown,
        setting: None,
        default: None,
        proposed: None,
        text: text.to_owned(),
    }
}

/// Advice of the table for one client.
pub fn for_client(rule: Rule, client: Client, proposal: &Proposal) -> Option<Advice> {
    let entry = table::entry(Topic::of(rule)?, client)?;
    Some(match entry {
        Entry::Set(setting, default, code) => Advice {
            client,
            setting: Some(setting),
            default: Some(default),
            proposed: proposed(code, proposal),
            text: fill(code, proposal),
        },
        Entry::Cannot(text) => Advice {
            client,
            setting: None,
            default: None,
            proposed: None,
            text: (*text).to_owned(),
        },
    })
}

/// Text of the proposed value, if the code has a place for it and the figures give it.
fn proposed(code: &str, proposal: &Proposal) -> Option<String> {
    if code.contains("{n}") {
        return proposal.count.map(number::count);
    }
    let is_time = code.contains("{s}") || code.contains("{ms}");
    proposal.time_ns.filter(|_| is_time).map(number::time)
}

/// Puts the proposed value into code; a value that the figures do not give is a capital letter.
fn fill(code: &str, proposal: &Proposal) -> String {
    let count = proposal.count.map_or("N".to_owned(), |n| n.to_string());
    let time = |unit_ns: f64, digits: usize| match proposal.time_ns {
        Some(ns) => format!("{:.digits$}", ns / unit_ns),
        None => "T".to_owned(),
    };
    code.replace("{n}", &count)
        .replace("{s}", &time(1e9, 1))
        .replace("{ms}", &time(1e6, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_advice_for_every_client() {
        for rule in Rule::ALL {
            for client in Client::ALL {
                let known = for_client(rule, client, &Proposal::default());
                let needs = Topic::of(rule).is_some() && client != Client::Unknown;
                assert_eq!(known.is_some(), needs, "{rule:?} {client:?}");
                let all = of_rule(rule, Guess::sure(client), &Proposal::default());
                assert!(!all.last().unwrap().text.is_empty());
            }
        }
    }

    #[test]
    fn code_is_short_and_plain() {
        for rule in Rule::ALL {
            for client in Client::ALL {
                let Some(advice) = for_client(rule, client, &Proposal::default()) else {
                    continue;
                };
                assert!(advice.text.lines().count() <= 3, "{advice:?}");
                assert!(advice.text.is_ascii(), "{advice:?}");
                if advice.setting.is_none() {
                    assert!(advice.text.ends_with('.'), "{advice:?}");
                }
            }
        }
    }

    #[test]
    fn the_figures_are_in_the_code() {
        let proposal = Proposal {
            count: Some(50),
            time_ns: Some(4e9),
        };
        let advice = for_client(Rule::PoolTooSmall, Client::Go, &proposal).unwrap();
        assert_eq!(advice.setting, Some("Transport.MaxIdleConnsPerHost"));
        assert_eq!(advice.default, Some("2"));
        assert_eq!(advice.proposed.as_deref(), Some("50"));
        assert!(advice.text.contains("MaxIdleConnsPerHost = 50"));
        let advice = for_client(Rule::StaleReuse, Client::Aiohttp, &proposal).unwrap();
        assert_eq!(advice.proposed.as_deref(), Some("4.00 s"));
        assert!(advice.text.contains("keepalive_timeout=4.0"));
        let none = for_client(Rule::PoolTooSmall, Client::Go, &Proposal::default()).unwrap();
        assert_eq!(none.proposed, None);
        assert!(none.text.contains("MaxIdleConnsPerHost = N"));
    }

    #[test]
    fn clients_that_cannot() {
        let advice = for_client(Rule::TlsNotResumed, Client::Requests, &Proposal::default());
        let text = advice.unwrap().text;
        assert!(text.contains("cannot resume"), "{text}");
    }
}
