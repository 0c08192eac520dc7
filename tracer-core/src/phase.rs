//! The list of phases, the only one: what is measured as a distribution, what it is called, where it begins and
//! ends, and where it is shown. Figures, series, export, summary, screen, comparison and the tables of the
//! documentation are made from it. A new phase is one line here, and its measurement.

use crate::latency::Latency;

/// Unit of the values of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds of CLOCK_MONOTONIC.
    Nanoseconds,
}

impl Unit {
    /// End of the names of such figures in the export, as in `p50_ns`.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
        }
    }
}

/// Meaning of long values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A duration that somebody waits for: longer is worse.
    Wait,
    /// The age of a state: longer is neither worse nor better.
    State,
}

/// Places where people see a phase; each has what the ones after it have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Live screen and comparison, summary, export.
    Screen,
    /// Summary at the end, export.
    Summary,
    /// The export alone.
    Export,
}

/// A line of the list.
struct Entry {
    key: &'static str,
    title: &'static str,
    kind: Kind,
    shown: Shown,
    in_series: bool,
    from: &'static str,
    to: &'static str,
}

/// Makes the list. A line is: name, key, title, [`Kind`], [`Shown`], whether it is in the series of the export, and
/// from where to where it is measured; both are read as one, "SYN sent until ESTABLISHED".
macro_rules! phases {
    ($($phase:ident $key:ident $title:literal $kind:ident $shown:ident $series:literal $from:literal => $to:literal;)*) => {
        /// A distribution that is measured of each set of connections, in the order of the export.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Phase {
            $(#[doc = concat!("`", $title, "`: ", $from, " until ", $to, ".")] $phase,)*
        }

        impl Phase {
            /// Every phase, in order.
            pub const ALL: [Self; [$(Self::$phase),*].len()] = [$(Self::$phase),*];

            const fn entry(self) -> &'static Entry {
                match self {
                    $(Self::$phase => &Entry {
                        key: stringify!($key),
                        title: $title,
                        kind: Kind::$kind,
                        shown: Shown::$shown,
                        in_series: $series,
                        from: $from,
                        to: $to,
                    },)*
                }
            }
        }

        /// The samples of each phase.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Phases {
            $(#[doc = concat!("Samples of [`Phase::", stringify!($phase), "`].")] pub $key: Latency,)*
        }

        impl Phases {
            /// The samples of a phase.
            pub const fn get(&self, phase: Phase) -> &Latency {
                match phase {
                    $(Phase::$phase => &self.$key,)*
                }
            }

            /// The samples of a phase, to add to them.
            pub const fn get_mut(&mut self, phase: Phase) -> &mut Latency {
                match phase {
                    $(Phase::$phase => &mut self.$key,)*
                }
            }
        }
    };
}

phases! {
    Dns dns "dns" Wait Screen true "first query of a lookup" => "its answer, when that was no error";
    DnsFailed dns_failed "dns failed" Wait Summary false "first query of a lookup" => "an answer that is an error, or the moment it was given up";
    Connect connect "connect" Wait Screen true "SYN sent" => "ESTABLISHED";
    ConnectFailed connect_failed "connect failed" Wait Summary false "SYN sent" => "failure";
    Tunnel tunnel "tunnel" Wait Screen false "first byte sent to ask a proxy for a tunnel" => "the last byte of its consent";
    TunnelFailed tunnel_failed "tunnel failed" Wait Summary false "first byte sent to ask a proxy for a tunnel" => "the end of its refusal, or the close";
    Tls tls "tls full" Wait Screen true "ClientHello sent" => "the end of a full handshake";
    TlsResumed tls_resumed "tls resumed" Wait Screen false "ClientHello sent" => "the end of a resumed handshake";
    Ttfb ttfb "ttfb" Wait Export true "first byte of a request sent" => "the first byte of its response";
    TtfbFirst ttfb_first "ttfb first" Wait Screen false "first request of a connection" => "the first byte of its response";
    TtfbReused ttfb_reused "ttfb reused" Wait Screen false "later request of a connection" => "the first byte of its response";
    Transfer transfer "transfer" Wait Screen true "first byte of a response" => "its last byte";
    Pickup pickup "pickup" Wait Screen false "response data ready in the socket" => "the application reads it";
    PickupCpu pickup_cpu "pickup cpu" Wait Export false "thread of a slow pickup ready to run" => "it has a CPU";
    Idle idle "idle" State Screen false "last byte of a response" => "the next request on the connection";
    IdleAtClose idle_at_close "idle at close" State Export false "last byte of a response" => "the end of its connection";
    IdleAtServerClose idle_at_server_close "idle at server close" State Export false "last byte of a response" => "the server ends the connection";
    Aborted aborted "aborted" State Export false "first byte of a request sent" => "the client gives it up";
    Lifetime lifetime "lifetime" State Screen false "ESTABLISHED" => "closed";
}

/// A selection of phases.
#[derive(Clone, Copy)]
enum Part {
    Screen,
    Summary,
    Series,
    Sampled,
}

impl Phase {
    /// Number of phases.
    pub const COUNT: usize = Self::ALL.len();
    /// Phases of the live screen and of comparisons.
    pub const ON_SCREEN: [Self; count(Part::Screen)] = select(Part::Screen);
    /// Phases of the summary at the end.
    pub const IN_SUMMARY: [Self; count(Part::Summary)] = select(Part::Summary);
    /// Phases with a percentile of each interval in the export.
    pub const IN_SERIES: [Self; count(Part::Series)] = select(Part::Series);
    /// Phases with a percentile of each interval: those that the export or the screen shows.
    pub const SAMPLED: [Self; count(Part::Sampled)] = select(Part::Sampled);

    /// Name in the export; stable.
    pub const fn key(self) -> &'static str {
        self.entry().key
    }

    /// Name for people, everywhere.
    pub const fn title(self) -> &'static str {
        self.entry().title
    }

    /// Unit of its values.
    pub const fn unit(self) -> Unit {
        Unit::Nanoseconds
    }

    /// Meaning of long values.
    pub const fn kind(self) -> Kind {
        self.entry().kind
    }

    /// Event with which a sample begins.
    pub const fn from(self) -> &'static str {
        self.entry().from
    }

    /// Event with which a sample ends.
    pub const fn to(self) -> &'static str {
        self.entry().to
    }

    /// The phase of that name in the export.
    pub fn by_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.key() == key)
    }

    const fn is_in(self, part: Part) -> bool {
        let entry = self.entry();
        match part {
            Part::Screen => matches!(entry.shown, Shown::Screen),
            Part::Summary => matches!(entry.shown, Shown::Screen | Shown::Summary),
            Part::Series => entry.in_series,
            Part::Sampled => entry.in_series || matches!(entry.shown, Shown::Screen),
        }
    }
}

const fn count(part: Part) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < Phase::COUNT {
        count += Phase::ALL[at].is_in(part) as usize;
        at += 1;
    }
    count
}

const fn select<const N: usize>(part: Part) -> [Phase; N] {
    let mut selected = [Phase::ALL[0]; N];
    let (mut at, mut next) = (0, 0);
    while at < Phase::COUNT {
        if Phase::ALL[at].is_in(part) {
            selected[next] = Phase::ALL[at];
            next += 1;
        }
        at += 1;
    }
    selected
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_told_apart() {
        let keys: HashSet<&str> = Phase::ALL.into_iter().map(Phase::key).collect();
        let titles: HashSet<&str> = Phase::ALL.into_iter().map(Phase::title).collect();
        assert_eq!((keys.len(), titles.len()), (Phase::COUNT, Phase::COUNT));
        for phase in Phase::ALL {
            assert_eq!(Phase::by_key(phase.key()), Some(phase));
        }
        assert_eq!(Phase::by_key("nap"), None);
    }

    #[test]
    fn each_has_samples_of_its_own() {
        let mut phases = Phases::default();
        for (at, phase) in Phase::ALL.into_iter().enumerate() {
            phases.get_mut(phase).record_n(1, at as u64 + 1);
        }
        for (at, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phases.get(phase).count(), at as u64 + 1);
        }
    }

    #[test]
    fn selections_keep_the_order() {
        assert!(Phase::ON_SCREEN.is_sorted() && Phase::SAMPLED.is_sorted());
        assert!(Phase::IN_SUMMARY.is_sorted() && Phase::IN_SERIES.is_sorted());
        let is_shown = |phase| Phase::IN_SUMMARY.contains(&phase);
        assert!(Phase::ON_SCREEN.into_iter().all(is_shown));
        assert_eq!(
            Phase::IN_SERIES.map(Phase::key),
            ["dns", "connect", "tls", "ttfb", "transfer"]
        );
    }
}
