use proptest::prelude::*;
use tracer_core::{host::Host, phase::Phase, process::Process, snapshot::Snapshot};

use super::*;
use crate::tui::model::{figure::Pair, look::Look};

/// Changes until the next moment: seconds, and requests by host and time in ms.
type Change = (u64, Vec<(u64, u64)>);

fn key(host: u64) -> Arc<HostKey> {
    Arc::new(HostKey::sni(&format!("host-{host}.example"), 443))
}

fn host(key: Arc<HostKey>) -> Host {
    Host {
        key,
        addresses: Arc::default(),
        via: Arc::default(),
        users: Arc::default(),
        group: Arc::default(),
    }
}

fn process() -> Process {
    Process {
        pid: 7,
        comm: "crawler".into(),
        exe: None,
        container: None,
        cgroup: 1,
        client_sign: None,
        group: Arc::default(),
    }
}

fn name(name: &str) -> NameFigures {
    NameFigures {
        name: name.into(),
        ..NameFigures::nothing().clone()
    }
}

fn request(snapshot: &mut Snapshot, to: u64, ms: u64) {
    let key = key(to);
    let row = snapshot.hosts.iter().position(|row| row.key == key);
    let row = row.unwrap_or_else(|| {
        snapshot.hosts.push(host(key));
        snapshot.dns_names.push(name(&to.to_string()));
        snapshot.hosts.len() - 1
    });
    let count = |group: &mut Arc<Group>| {
        let group = Arc::make_mut(group);
        group.requests.count += 1;
        group.phases.ttfb.record(ms * 1_000_000);
        group.tcp.bytes_sent += 100 + ms;
    };
    count(&mut snapshot.totals);
    count(&mut snapshot.hosts[row].group);
    count(&mut snapshot.processes[0].group);
    snapshot.dns_names[row].queries += 1;
    snapshot.dns_names[row].answered.record(ms * 1_000_000);
}

/// Moments of a trace, numbered from 1 on; the first one has no figures.
fn play(changes: &[Change]) -> Vec<Arc<Moment>> {
    let mut moment = Moment {
        number: 1,
        snapshot: Snapshot {
            processes: vec![process()],
            ..Snapshot::default()
        },
        ..Moment::default()
    };
    let mut moments = vec![Arc::new(moment.clone())];
    for (seconds, requests) in changes {
        moment.number += 1;
        moment.elapsed_ns += seconds * SECOND_NS;
        for &(host, ms) in requests {
            request(&mut moment.snapshot, host, ms);
        }
        moments.push(Arc::new(moment.clone()));
    }
    moments
}

fn changes(seconds: std::ops::Range<u64>) -> impl Strategy<Value = Vec<Change>> {
    let requests = prop::collection::vec((0..5u64, 1..500u64), 0..8);
    prop::collection::vec((seconds, requests), 1..50)
}

/// Checks that a mark has the figures of a moment.
fn check_mark(mark: &Mark, then: &Moment, now: &Moment) -> Result<(), TestCaseError> {
    let snapshot = &then.snapshot;
    prop_assert_eq!(&mark.totals, &snapshot.totals);
    prop_assert_eq!(mark.elapsed_ns, then.elapsed_ns);
    for ((key, _), at) in hosts(&now.snapshot.hosts).zip(0..) {
        let before = snapshot.hosts.get(at).map(|host| &host.group);
        let before = before.unwrap_or(Figures::nothing());
        prop_assert_eq!(mark.hosts.get(&key), Some(before));
    }
    for (key, before) in processes(snapshot) {
        prop_assert_eq!(mark.processes.get(&key), Some(before));
    }
    for (key, before) in names(snapshot) {
        let marked = mark.names.get(&key);
        prop_assert!(marked.is_some_and(|marked| marked.is_same(before)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_window_begins_with_the_figures_of_that_moment(changes in changes(0..9)) {
        let moments = play(&changes);
        let mut steps = Steps::default();
        for now in &moments {
            steps.take(now);
            for window in [Window::Seconds, Window::Minute] {
                let length_ns = window.length_ns().unwrap_or(0);
                let Some(number) = steps.begin(window, now.elapsed_ns) else {
                    prop_assert!(now.elapsed_ns < length_ns);
                    continue;
                };
                let then = &moments[number as usize - 1];
                let longest_ns = length_ns + 2 * STEP_NS + 9 * SECOND_NS;
                let span_ns = now.elapsed_ns - then.elapsed_ns;
                prop_assert!((length_ns..longest_ns).contains(&span_ns));
                let mark = steps.mark(number);
                prop_assert!(mark.is_some());
                check_mark(&mark.unwrap(), then, now)?;
            }
        }
    }

    #[test]
    fn the_window_of_the_whole_time_has_the_totals(changes in changes(0..2)) {
        let moments = play(&changes);
        let mut steps = Steps::default();
        moments.iter().for_each(|now| steps.take(now));
        let now = moments.last().unwrap();
        let mark = steps.mark(1);
        prop_assume!(now.elapsed_ns < 60 * SECOND_NS);
        let mark = mark.unwrap();
        let window = Look { moment: now, mark: Some(&mark) };
        let whole = Look { moment: now, mark: None };
        prop_assert_eq!(window.span_ns(), now.elapsed_ns);
        let equal = |one: &Pair<'_>, two: &Pair<'_>| {
            one.count(|group| group.requests.count) == two.count(|group| group.requests.count)
                && one.count(|group| group.tcp.bytes_sent) == two.count(|group| group.tcp.bytes_sent)
                && one.window(Phase::Ttfb) == two.window(Phase::Ttfb)
                && one.quantile(Phase::Ttfb, 1.0) == two.quantile(Phase::Ttfb, 1.0)
        };
        prop_assert!(equal(&window.totals(), &whole.totals()));
        prop_assert!(equal(&window.process(0).unwrap(), &whole.process(0).unwrap()));
        for row in 0..now.snapshot.hosts.len() {
            prop_assert!(equal(&window.host(row).unwrap(), &whole.host(row).unwrap()));
        }
        prop_assert_eq!(window.cost(), whole.cost());
    }
}

/// Moments with so many hosts, of which each has one more request per moment, and host 0 two.
fn busy(count: u64, moments: usize) -> Vec<Arc<Moment>> {
    let all: Vec<(u64, u64)> = (0..count).chain([0]).map(|host| (host, 10)).collect();
    let mut moment = play(&[]).remove(0);
    let mut made = vec![Arc::clone(&moment)];
    let hosts = (0..count).map(|at| host(key(at))).collect();
    Arc::make_mut(&mut moment).snapshot.hosts = hosts;
    for _ in 0..moments {
        let next = Arc::make_mut(&mut moment);
        next.number += 1;
        next.elapsed_ns += STEP_NS;
        for &(host, _) in &all {
            let group = &mut next.snapshot.hosts[host as usize].group;
            Arc::make_mut(group).requests.count += 1;
        }
        made.push(Arc::clone(&moment));
    }
    made
}

#[test]
fn only_the_busiest_rows_have_a_window() {
    let moments = busy(MOST as u64 + 500, 3);
    let mut steps = Steps::default();
    moments.iter().for_each(|moment| steps.take(moment));
    for step in &steps.steps {
        assert_eq!((step.hosts.kept.len(), step.hosts.cut.len()), (MOST, 500));
    }
    let now = moments.last().unwrap();
    let number = steps.begin(Window::Seconds, now.elapsed_ns).unwrap();
    let mark = steps.mark(number).unwrap();
    assert!(mark.is_cut());
    let look = Look {
        moment: now,
        mark: Some(&mark),
    };
    let requests = |row| {
        let pair = look.host(row)?;
        pair.count(|group| group.requests.count).value
    };
    assert_eq!(requests(0), Some(4.0), "the busiest one");
    let known = (0..now.snapshot.hosts.len()).filter_map(requests);
    assert!(known.count() <= MOST, "the others are left out, not wrong");
}

#[test]
fn a_minute_is_kept_and_no_more() {
    let moments = busy(3, 100);
    let mut steps = Steps::default();
    for moment in &moments {
        steps.take(moment);
        assert!(steps.steps.len() <= 13);
    }
    let now = moments.last().unwrap();
    let number = steps.begin(Window::Minute, now.elapsed_ns).unwrap();
    assert_eq!(now.number - number, 12, "steps of five seconds");
}

#[test]
fn a_reset_and_a_gap() {
    let moments = play(&[(20, vec![(1, 5)]), (300, vec![(1, 5)]), (20, vec![(2, 5)])]);
    let mut steps = Steps::default();
    steps.take(&moments[1]);
    assert_eq!(steps.begin(Window::Seconds, 25 * SECOND_NS), None);
    assert_eq!(steps.begin(Window::Seconds, 30 * SECOND_NS), Some(2));
    steps.take(&moments[2]);
    let now_ns = moments[2].elapsed_ns;
    assert_eq!(steps.begin(Window::Minute, now_ns), Some(2), "a long step");
    steps.take(&moments[3]);
    assert_eq!(steps.begin(Window::Whole, now_ns), None);
    steps.take(&moments[1]);
    assert_eq!(steps.begin(Window::Minute, now_ns), Some(2));
    assert!(steps.steps.is_empty(), "nothing is left of earlier figures");
}
