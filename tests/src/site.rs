//! A web site made up for crawlers: many hosts, all habits of the real web, and for every URL what has to become of it.
//!
//! The plan says it from the site's own definition: no code of the crawler has a part in it. The server counts what it is
//! asked for, so there are two witnesses: what the crawler wrote and what the server saw.

mod answer;
mod bodies;
mod broken;
mod certificates;
mod charsets;
mod compare;
mod limits;
mod links;
mod log;
mod many;
mod markup;
mod plain;
mod plan;
mod random;
mod redirects;
mod robots;
mod secure;
mod server;
mod sitemaps;
mod statuses;
mod steady;
mod traps;

pub use answer::{Answer, Manner};
pub use compare::{Line, lines};
pub use many::{LINK_PAGES, many};
pub use plan::{Fate, Host, Plan};
pub use server::{Server, Sockets};
pub use steady::{steady, steady_requests};

/// How much of the plain part there is; all other parts are what they are.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Hosts of the plain part.
    pub hosts: u32,
    /// Pages of each.
    pub pages: u32,
    /// Also what takes its time: slow servers, delays that robots.txt and Retry-After ask for.
    pub slow: bool,
}

/// The whole site. The same seed makes the same site.
pub fn plan(sockets: &Sockets, size: Size, seed: u64) -> Plan {
    let mut plan = Plan::new(sockets);
    plain::add(&mut plan, size, seed);
    traps::add(&mut plan);
    redirects::add(&mut plan);
    robots::add(&mut plan);
    sitemaps::add(&mut plan);
    markup::add(&mut plan);
    charsets::add(&mut plan);
    bodies::add(&mut plan);
    broken::add(&mut plan);
    statuses::add(&mut plan);
    secure::add(&mut plan, sockets);
    if size.slow {
        robots::add_slow(&mut plan);
        bodies::add_slow(&mut plan);
        statuses::add_slow(&mut plan);
    }
    plan.close();
    plan
}
