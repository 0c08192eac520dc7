//! The rules, a file each. They do not know each other, but for a sign that two faults share and that tells them apart.

mod client_timeout_cluster;
mod close_wait_leak;
mod concurrency_capped;
mod connect_retries;
mod connection_leak;
mod dns_not_cached;
mod dns_slow_or_failing;
mod ephemeral_ports_running_out;
mod no_connection_reuse;
mod no_http_compression;
mod packet_loss;
mod pool_too_small;
mod proxy_not_reused;
mod proxy_slow;
mod reuse_fails_here;
mod server_slow;
mod slow_pickup;
mod stale_reuse;
mod time_wait_pileup;
mod tls_dominates;
mod tls_not_resumed;

use super::{page::Definition, rule::Rule};

/// Definition of a rule.
pub fn definition(rule: Rule) -> &'static Definition {
    match rule {
        Rule::NoConnectionReuse => &no_connection_reuse::RULE,
        Rule::PoolTooSmall => &pool_too_small::RULE,
        Rule::TimeWaitPileup => &time_wait_pileup::RULE,
        Rule::EphemeralPortsRunningOut => &ephemeral_ports_running_out::RULE,
        Rule::ConnectionLeak => &connection_leak::RULE,
        Rule::CloseWaitLeak => &close_wait_leak::RULE,
        Rule::StaleReuse => &stale_reuse::RULE,
        Rule::ReuseFailsHere => &reuse_fails_here::RULE,
        Rule::DnsNotCached => &dns_not_cached::RULE,
        Rule::DnsSlowOrFailing => &dns_slow_or_failing::RULE,
        Rule::TlsNotResumed => &tls_not_resumed::RULE,
        Rule::TlsDominates => &tls_dominates::RULE,
        Rule::ConnectRetries => &connect_retries::RULE,
        Rule::PacketLoss => &packet_loss::RULE,
        Rule::ServerSlow => &server_slow::RULE,
        Rule::SlowPickup => &slow_pickup::RULE,
        Rule::ClientTimeoutCluster => &client_timeout_cluster::RULE,
        Rule::ConcurrencyCapped => &concurrency_capped::RULE,
        Rule::ProxySlow => &proxy_slow::RULE,
        Rule::ProxyNotReused => &proxy_not_reused::RULE,
        Rule::NoHttpCompression => &no_http_compression::RULE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_complete() {
        for rule in Rule::ALL {
            let definition = definition(rule);
            let page = definition.page;
            let texts = [
                page.what,
                page.cost,
                page.told,
                page.doubts,
                page.provoke,
                page.cured,
                page.advice,
            ];
            assert!(
                texts.iter().all(|text| text.ends_with(['.', '`'])),
                "{rule:?}"
            );
            assert!(!definition.kinds.is_empty());
            for threshold in definition.thresholds {
                assert!(
                    !threshold.why.is_empty() && threshold.value > 0.0,
                    "{rule:?}"
                );
            }
        }
    }
}
