//! A made-up web site for crawlers: many hosts, all habits of the real web, and the expected result of every URL.
//!
//! The plan follows from the site's own definition, without any code of the crawler. The server counts requests, so
//! there are two witnesses: the output of the crawler and the log of the server.

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
mod sockets;
mod statuses;
mod steady;
mod traps;

pub use answer::{Answer, Manner};
pub use compare::{Line, lines};
pub use many::{LINK_PAGES, many};
pub use plan::{Fate, Host, Plan};
pub use server::Server;
pub use sockets::Sockets;
pub use steady::{steady, steady_requests};

/// Size of the plain part; all other parts have a fixed size.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Number of hosts of the plain part.
    pub hosts: u32,
    /// Number of pages of each host.
    pub pages: u32,
    /// True if slow parts are included: slow servers, and delays that robots.txt and Retry-After ask for.
    pub slow: bool,
}

/// Makes the whole site. The same seed makes the same site.
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
