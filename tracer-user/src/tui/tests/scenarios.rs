//! Every screen in four sizes for crawlers of one fault each, and the sentence that names the fault.

use tracer_core::group::Group;

use super::{fixture::*, *};

const MS: u64 = 1_000_000;
const SIZES: [(u16, u16); 4] = [(40, 12), (80, 24), (120, 40), (200, 60)];
/// Keys that lead to each screen.
const SCREENS: [&str; 11] = [
    "1", "1<Enter>", "2", "2<Enter>", "3", "4", "5", "6", "7", "7<Enter>", "8",
];

/// Crawl of a site with one host, as far as the screen shows it.
struct Crawl {
    requests: u64,
    connections: u64,
    at_once: u64,
    tls_ns: u64,
    ttfb_ns: u64,
    pickup_ns: u64,
}

const HEALTHY: Crawl = Crawl {
    requests: 2_674,
    connections: 12,
    at_once: 12,
    tls_ns: 52 * MS,
    ttfb_ns: 30 * MS,
    pickup_ns: 8_000,
};

impl Crawl {
    fn group(&self) -> Group {
        let mut group = Group::default();
        let (requests, connections) = (self.requests, self.connections);
        group.requests.count = requests;
        group.requests.connections = connections;
        group.requests.in_flight_now = self.at_once;
        group.connections.opened = connections;
        group.connections.established = connections;
        group.connections.peak_open = self.at_once;
        group.connections.open_now = self.at_once.min(connections);
        group.connections.closed_by.client = connections.saturating_sub(self.at_once);
        group.tcp.time_wait_entered = connections.saturating_sub(self.at_once);
        group.tls.full = connections;
        group.phases.connect.record_n(26 * MS, connections);
        group.phases.tls.record_n(self.tls_ns, connections);
        group.phases.ttfb_first.record_n(self.ttfb_ns, connections);
        let reused = requests.saturating_sub(connections);
        group.phases.ttfb_reused.record_n(self.ttfb_ns, reused);
        group.phases.ttfb.record_n(self.ttfb_ns, requests);
        group.phases.transfer.record_n(MS, requests);
        group.phases.pickup.record_n(self.pickup_ns, requests);
        for _ in 0..requests {
            group.requests.pick_up(self.pickup_ns, self.pickup_ns / 20);
        }
        group.phases.idle.record_n(3 * MS, reused);
        group.phases.lifetime.record_n(90 * MS, connections);
        group
    }

    fn moment(&self) -> Moment {
        self.changed(|_| {})
    }

    fn changed(&self, change: impl Fn(&mut Group)) -> Moment {
        let mut group = self.group();
        change(&mut group);
        let group = Arc::new(group);
        let mut only = host("www.example.org", 1);
        only.group = Arc::clone(&group);
        let mut moment = moment_of(vec![only]);
        moment.elapsed_ns = 12_000_000_000;
        let snapshot = &mut moment.snapshot;
        snapshot.totals = Arc::clone(&group);
        snapshot.processes.truncate(1);
        snapshot.processes[0].group = group;
        judged(moment)
    }
}

/// Checks all screens of a scenario, and that the overview has this sentence.
#[track_caller]
fn check(name: &str, moment: &Moment, headline: &str) {
    let mut frames = String::new();
    for size in SIZES {
        for keys in SCREENS {
            let mut model = model(size, moment.clone());
            press(&mut model, keys);
            let shown = frame(&model);
            if keys == "1" && size == (80, 24) {
                assert!(shown.contains(headline), "{name}: {shown}");
            }
            let (width, height) = size;
            frames.push_str(&format!("==== {keys} at {width}x{height}\n{shown}"));
        }
    }
    insta::assert_snapshot!(format!("scenario-{name}"), frames);
}

#[test]
fn no_reuse() {
    let crawl = Crawl {
        connections: 2_674,
        ..HEALTHY
    };
    let headline = "avoidable 71%: connect and tls, 2,674 of 2,674 requests opened a connection";
    check("no-reuse", &crawl.moment(), headline);
}

#[test]
fn pool_too_small() {
    let crawl = Crawl {
        connections: 1_600,
        at_once: 64,
        ..HEALTHY
    };
    let headline = "connect and tls, 1,600 of 2,674 requests opened a connection";
    check("pool-too-small", &crawl.moment(), headline);
}

#[test]
fn loop_blocked() {
    let crawl = Crawl {
        requests: 82,
        pickup_ns: 1_080 * MS,
        ..HEALTHY
    };
    let moment = crawl.moment();
    let headline = "A request takes 1.12s, 1.08s of it unread: the crawler is slow to read";
    check("loop-blocked", &moment, headline);
    let shown = frame(&model((120, 40), moment));
    let cause = "slow reads, unread for 1.08 s, 5.0% of it waiting for a CPU";
    assert!(shown.contains(cause), "{shown}");
}

#[test]
fn healthy() {
    check("healthy", &HEALTHY.moment(), "avoidable: none of it");
}

#[test]
fn failing() {
    let moment = HEALTHY.changed(|group| {
        group.connections.failed.refused = 40;
        group.connections.failed.timed_out = 3;
        group.connections.opened += 43;
        group.phases.connect_failed.record_n(90 * MS, 43);
        group.tls.failed = 7;
        group.requests.failed = 12;
        group.dns.queries = 60;
        group.dns.answered = 40;
        group.dns.failed.nxdomain = 20;
        group.phases.dns.record_n(2 * MS, 40);
    });
    let headline = "failed 82: 43 connects, 7 handshakes, 12 requests, 20 lookups";
    check("failing", &moment, headline);
}

#[test]
fn lossy() {
    let mut moment = HEALTHY.moment();
    moment.snapshot.events.lost = 1_234;
    check("lossy", &moment, "LOST 1234");
}

#[test]
fn behind_a_proxy() {
    let mut moment = through_proxies();
    moment.elapsed_ns = 12_000_000_000;
    check("proxy", &judged(moment), "tunnel");
}

#[test]
fn http2() {
    let moment = HEALTHY.changed(|group| {
        group.connections.http2 = 12;
        group.requests.http2 = group.requests.count;
        group.http2.source.frames = 12;
        group.http2.in_flight_peak = 40;
        group.http2.max_concurrent_streams = Some(100);
    });
    check("http2", &moment, "avoidable: none of it");
}

#[test]
fn the_costliest_phase_is_chosen_first() {
    #[track_caller]
    fn check(moment: Moment, expected: &str) {
        let mut model = model((80, 24), moment);
        let phase = |model: &Model| tracer_core::phase::Phase::ON_SCREEN[model.chosen_phase()];
        assert_eq!(phase(&model).title(), expected);
        press(&mut model, "<Home>");
        assert_eq!(phase(&model).title(), "dns", "a choice of the user stays");
    }
    check(HEALTHY.moment(), "ttfb reused");
    let naive = Crawl {
        connections: 2_674,
        ..HEALTHY
    };
    check(naive.moment(), "tls full");
    let blocked = Crawl {
        pickup_ns: 1_080 * MS,
        ..HEALTHY
    };
    check(blocked.moment(), "pickup");
}

#[test]
fn low_reuse_and_slow_reads_stand_out() {
    use ratatui::style::Color;
    let worse = Theme::new(Colors::Many, true).style(crate::tui::theme::Role::Worse);
    #[track_caller]
    fn is_in(moment: &Moment, color: Option<Color>, text: &str) -> bool {
        let mut model = model((120, 40), moment.clone());
        press(&mut model, "2");
        let buffer = draw(&model, &Theme::new(Colors::Many, true));
        let width = usize::from(buffer.area.width);
        let mut rows = buffer.content().chunks(width);
        rows.any(|row| {
            let painted: String = row
                .iter()
                .map(|cell| {
                    if Some(cell.fg) == color {
                        cell.symbol()
                    } else {
                        " "
                    }
                })
                .collect();
            painted.contains(text)
        })
    }
    let fault = Crawl {
        connections: 2_674,
        pickup_ns: 1_080 * MS,
        ..HEALTHY
    };
    // The chosen row has one colour only, so the first row is another host.
    let with_another = |crawl: &Crawl| {
        let mut moment = crawl.moment();
        let busier = Arc::new(
            Crawl {
                requests: 9_999,
                ..HEALTHY
            }
            .group(),
        );
        let mut other = host("busier.example.org", 1);
        other.group = busier;
        moment.snapshot.hosts.push(other);
        moment
    };
    let (bad, good) = (with_another(&fault), with_another(&HEALTHY));
    for text in ["0%", "1.08s"] {
        assert!(is_in(&bad, worse.fg, text), "{text}");
    }
    assert!(!is_in(&good, worse.fg, "99.6%"));
}
