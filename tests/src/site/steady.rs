//! A site for a long crawl: the number of known pages that wait is about the same all the time.

use super::answer::{Answer, Manner};
use super::links::Body;
use super::plan::Plan;
use super::sockets::Sockets;

/// Number of chains of each host, which is the number of its pages that wait at a time.
const CHAINS: u64 = 24;

/// Makes hosts with chains of `length` pages. Pages link forward, back and across; some are compressed, redirect, are
/// missing, or end their connection.
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

/// Number of requests of a whole crawl: pages, redirects, front pages and robots.txt of the hosts, and those of the portal.
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

/// Answer for `/c/CHAIN/LEFT`, where LEFT is the number of pages that follow.
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
