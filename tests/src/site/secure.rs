//! Hosts whose certificate must not be trusted, and hosts that cannot be reached.

use super::certificates;
use super::plan::{Fate, Plan};
use super::sockets::Sockets;

pub(super) fn add(plan: &mut Plan, sockets: &Sockets) {
    for name in certificates::WRONG {
        let mut host = plan.bare_host("https", name, plan.tls_port());
        host.enter("/");
        host.expect("/", Fate::Failed("tls_certificate", None), 0..=0);
    }
    // There is no certificate for that name, so the handshake is refused.
    let mut host = plan.bare_host("https", certificates::NONE, plan.tls_port());
    host.enter("/");
    host.expect("/", Fate::Failed("tls_handshake", None), 0..=0);
    let mut host = plan.bare_host("http", "refused", sockets.dead_port());
    host.enter("/");
    host.expect("/", Fate::Failed("connect_refused", None), 0..=0);
    let mut host = plan.bare_host("http", "unknown-name", plan.clear_port());
    host.enter("/");
    host.expect("/", Fate::Failed("dns_not_found", None), 0..=0);
    plan.forget_name("unknown-name.site.test");
}
