//! Pages with a million links, to a few or to a million hosts.

use super::answer::Answer;
use super::links::Body;
use super::plan::Plan;
use super::sockets::Sockets;

/// Number of pages with links. Each has a host of its own, so that they are fetched first.
pub const LINK_PAGES: u64 = 100;
/// Number of links of each page.
const LINKS: u64 = 10_000;

/// Makes pages whose links lead to this number of hosts in turn, where nobody answers.
pub fn many(sockets: &Sockets, hosts: u64) -> Plan {
    let mut plan = Plan::new(sockets);
    for page in 0..LINK_PAGES {
        let mut body = Body::new("many");
        for number in page * LINKS..(page + 1) * LINKS {
            let host = number % hosts;
            body.link(&format!(
                "http://host-{host}.many.site.test/section/page-{number}.html?view=full"
            ));
        }
        let (html, counts) = body.end();
        let mut host = plan.host(&format!("links-{page}"));
        host.page("/", Answer::html(html), counts);
        host.enter("/");
    }
    plan.close();
    plan
}
