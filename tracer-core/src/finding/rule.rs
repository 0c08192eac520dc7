//! The list of rules, the only one: their names are stable, and none is used for another rule later.

/// Makes the list. A line is: variant, name, title.
macro_rules! rules {
    ($($rule:ident $id:literal $title:literal;)*) => {
        /// Rule that judges figures.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = concat!("`", $id, "`: ", $title, ".")] $rule,)*
        }

        impl Rule {
            /// Every rule, in the order of the documentation.
            pub const ALL: [Self; [$(Self::$rule),*].len()] = [$(Self::$rule),*];

            /// Name in exports and on the command line; stable.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$rule => $id,)*
                }
            }

            /// Fault that the rule looks for, in a few words.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$rule => $title,)*
                }
            }
        }
    };
}

rules! {
    NoConnectionReuse "no-connection-reuse" "a new connection for each request";
    PoolTooSmall "pool-too-small" "the pool throws connections away that are needed again at once";
    TimeWaitPileup "time-wait-pileup" "closed connections pile up in TIME_WAIT";
    EphemeralPortsRunningOut "ephemeral-ports-running-out" "local ports toward one destination run out";
    ConnectionLeak "connection-leak" "connections are opened and never closed";
    CloseWaitLeak "close-wait-leak" "connections that the server has closed are never closed here";
    StaleReuse "stale-reuse" "requests are sent on connections that the server is closing";
    ReuseFailsHere "reuse-fails-here" "a host breaks reused connections";
    DnsNotCached "dns-not-cached" "names are looked up again although their answer still holds";
    DnsSlowOrFailing "dns-slow-or-failing" "lookups are slow, fail, or try many names";
    TlsNotResumed "tls-not-resumed" "each handshake is a full one";
    TlsDominates "tls-dominates" "handshakes take far longer than their round trips";
    ConnectRetries "connect-retries" "connects wait for a second SYN";
    PacketLoss "packet-loss" "segments are lost and sent again";
    ServerSlow "server-slow" "the server thinks for a long time";
    SlowPickup "slow-pickup" "responses wait for the client to read them";
    ClientTimeoutCluster "client-timeout-cluster" "the client gives up after the same time, again and again";
    ConcurrencyCapped "concurrency-capped" "a default of the client caps the requests at once";
    ProxySlow "proxy-slow" "a proxy takes long to make a tunnel";
    ProxyNotReused "proxy-not-reused" "a new tunnel for each request";
    NoHttpCompression "no-http-compression" "responses are not compressed";
}

impl Rule {
    /// Number of rules.
    pub const COUNT: usize = Self::ALL.len();

    /// True for rules about connections that a process opens without need.
    pub const fn is_about_reuse(self) -> bool {
        matches!(self, Self::NoConnectionReuse | Self::PoolTooSmall)
    }

    /// The rule of that name.
    pub fn by_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.id() == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for rule in Rule::ALL {
            assert_eq!(Rule::by_id(rule.id()), Some(rule));
            assert!(!rule.title().ends_with('.'));
        }
        assert_eq!(Rule::by_id("no-such-rule"), None);
    }
}
