//! A site for a long crawl: however much of it has been fetched, about as much is known and waits.

use super::answer::{Answer, Manner};
use super::links::Body;
use super::plan::Plan;
use super::server::Sockets;

/// Chains of each host: so many pages of it wait at a time.
const CHAINS: u64 = 24;

/// Hosts with chains of pages, each of this length. Pages link on, back and across; some are compressed, lead on by a redirect, are
/// not there, or end their connection.
pub fn steady(sockets: &Sockets, hosts: u32, length: u64) -> Plan {
    let mut plan = Plan::new(sockets);
    for number in 0..hosts {
        let name = format!("steady-{number}");
        let mut host = match number % 8 {
            5 => plan.tls_host(&name),
            _ => plan.host(&name),
        };
        let links: Vec<String> = (0..CHAINS)
            .map(|chain| format!("/c/{chain}/{length}"))
            .collect();
        host.home(&links.iter().map(String::as_str).collect::<Vec<_>>());
        host.plan.endless.insert(host.base.clone(), page);
    }
    plan.close();
    plan
}

/// Requests of a whole crawl: pages, redirects, front pages, files of rules, and the portal with its own.
pub fn steady_requests(hosts: u32, length: u64) -> u64 {
    let redirects = (1..=length).filter(|left| is_redirect(*left)).count() as u64;
    let missing = (1..=length).filter(|left| is_missing(*left)).count() as u64;
    u64::from(hosts) * (CHAINS * (length + redirects + missing) + 2) + 2
}

fn is_redirect(left: u64) -> bool {
    left % 50 == 7
}

fn is_missing(left: u64) -> bool {
    left % 20 == 3
}

/// `/c/CHAIN/LEFT`: so many pages follow it.
fn page(path: &str) -> Option<Answer> {
    let rest = path.strip_prefix("/c/")?;
    let (chain, left) = rest.split_once('/')?;
    let (left, is_moved) = match left.strip_suffix("/moved") {
        Some(left) => (left, true),
        None => (left, false),
    };
    let left: u64 = left.parse().ok()?;
    if is_redirect(left) && !is_moved {
        return Some(Answer::redirect(302, format!("{path}/moved")));
    }
    let mut body = Body::new("steady");
    if left > 1 {
        body.link(&format!("/c/{chain}/{}", left - 1));
    }
    if is_missing(left) {
        body.link(&format!("/missing/{chain}/{left}"));
    }
    body.link("/");
    body.link(&format!("/c/{chain}/{left}"));
    body.prose(left % 30);
    let answer = Answer::html(body.end().0);
    Some(match left % 40 {
        1 => answer.sent(Manner::Last),
        2..=9 => answer.gzip(),
        10 => answer.sent(Manner::Chunked),
        _ => answer,
    })
}
