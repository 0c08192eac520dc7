use proptest::prelude::*;
use tracer_common::record::{
    CloseRecord, ConnectRecord, Header, TurnRecord, VERSION, closer, connect, kind, turn,
};
use tracer_core::{
    input::Input,
    tracker::{Tracker, TrackerOptions},
};
use tracer_export::{Export, Group, merge::Merger};
use zerocopy::{FromZeros, IntoBytes};

use super::*;
use crate::{
    sink::json,
    trace::{description::Machine, intake::Intake},
};

/// Step of a trace.
#[derive(Debug, Clone, Copy)]
enum Step {
    Open { cookie: u64, port: u16, fails: bool },
    Turn { cookie: u64, took_ns: u64 },
    Close { cookie: u64 },
    EndWindow,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cookie = 1u64..8;
    let step = prop_oneof![
        3 => (cookie.clone(), 440u16..444, any::<bool>())
            .prop_map(|(cookie, port, fails)| Step::Open { cookie, port, fails }),
        4 => (cookie.clone(), 1u64..1_000_000_000)
            .prop_map(|(cookie, took_ns)| Step::Turn { cookie, took_ns }),
        2 => cookie.prop_map(|cookie| Step::Close { cookie }),
        1 => Just(Step::EndWindow),
    ];
    proptest::collection::vec(step, 20..60)
}

fn header<T>(kind: u8, cookie: u64, time_ns: u64) -> Header {
    Header {
        kind,
        version: VERSION,
        pad: 0,
        size: size_of::<T>() as u32,
        time_ns,
        cookie,
    }
}

/// Takes a record, whose bytes have to begin at a word.
fn take(intake: &mut Intake, record: &[u8]) {
    let mut words = vec![0u64; record.len().div_ceil(8)];
    words.as_mut_bytes()[..record.len()].copy_from_slice(record);
    intake.input(&Input::Record(&words.as_bytes()[..record.len()]));
}

fn apply(intake: &mut Intake, step: Step, now_ns: u64) {
    match step {
        Step::Open {
            cookie,
            port,
            fails,
        } => {
            let mut record = ConnectRecord::new_zeroed();
            record.header = header::<ConnectRecord>(kind::CONNECT, cookie, now_ns);
            (record.endpoint.family, record.endpoint.tgid) = (2, u32::from(port) % 3 + 1);
            record.endpoint.remote_port = port;
            (record.start_ns, record.duration_ns) = (now_ns - 500, 500);
            record.outcome = match fails {
                true => connect::FAILED,
                false => connect::ESTABLISHED,
            };
            take(intake, record.as_bytes());
        }
        Step::Turn { cookie, took_ns } => {
            let mut record = TurnRecord::new_zeroed();
            record.header = header::<TurnRecord>(kind::TURN, cookie, now_ns + took_ns);
            (record.start_ns, record.first_ns) = (now_ns, now_ns + took_ns);
            record.last_ns = record.first_ns + 10;
            (record.number, record.ended) = (1, turn::NEXT);
            take(intake, record.as_bytes());
        }
        Step::Close { cookie } => {
            let mut record = CloseRecord::new_zeroed();
            record.header = header::<CloseRecord>(kind::CLOSE, cookie, now_ns);
            (record.established_ns, record.bytes_sent) = (1, 7);
            record.closer = closer::SERVER;
            take(intake, record.as_bytes());
        }
        Step::EndWindow => {}
    }
}

fn about() -> Description {
    Description {
        machine: Machine::this(),
        started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
        started_ns: 1000,
        as_of_ns: 1000,
        filter: Default::default(),
        command: None,
        command_cpu: None,
        http2: None,
    }
}

fn export(snapshot: Snapshot, about: &Description) -> Export {
    json::export(&Results::new(snapshot, about, &[]))
}

fn merged(exports: Vec<Export>) -> Export {
    let mut merger = Merger::default();
    for export in exports {
        // Through text, as `tracer merge` reads it.
        let text = export.to_text().unwrap();
        merger
            .add(tracer_export::read(text.as_bytes()).unwrap())
            .unwrap();
    }
    merger.finish(Default::default())
}

/// Figures that windows have to add up to: those of one moment are left out.
fn counted(group: &Group) -> Group {
    let mut group = group.clone();
    group.connections.open_now = None;
    group.connections.never_used = None;
    group.tcp.srtt_ns = None;
    group
}

proptest! {
    // Each case writes and reads many exports.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn windows_add_up_to_the_whole(steps in steps()) {
        let mut intake = Intake::new(Tracker::new(TrackerOptions::default()), None);
        let mut about = about();
        let mut windows = Windows::begin(Duration::from_secs(1), &about);
        let mut parts = Vec::new();
        let all = steps.iter().copied().chain([Step::EndWindow]);
        for (number, step) in all.enumerate() {
            about.as_of_ns = 2000 + 1_000_000_000 * number as u64;
            apply(&mut intake, step, about.as_of_ns);
            if matches!(step, Step::EndWindow) {
                let snapshot = intake.snapshot();
                parts.push(export(windows.figures(&snapshot, &about), &windows.about(&about)));
                windows.began = Beginning { ns: about.as_of_ns, at: about.started_at + Duration::from_nanos(about.elapsed_ns()) };
                windows.before = snapshot;
            }
        }
        let whole = merged(vec![export(intake.snapshot(), &about)]);
        let sum = merged(parts);
        prop_assert_eq!(counted(&sum.totals), counted(&whole.totals));
        prop_assert_eq!(&sum.events, &whole.events);
        let hosts = |export: &Export| -> Vec<_> {
            let hosts = export.hosts.iter();
            hosts.map(|host| (host.host.clone(), host.port, counted(&host.group))).collect()
        };
        prop_assert_eq!(hosts(&sum), hosts(&whole));
        let processes = |export: &Export| -> Vec<_> {
            let processes = export.processes.iter();
            processes.map(|process| (process.pid, counted(&process.group))).collect()
        };
        prop_assert_eq!(processes(&sum), processes(&whole));
        prop_assert_eq!(&sum.window.started_at, &whole.window.started_at);
        prop_assert_eq!(&sum.window.ended_at, &whole.window.ended_at);
    }
}

#[test]
fn windows_begin_at_multiples_of_their_length() {
    let wait = |now_ms| {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms);
        until_next(Duration::from_secs(60), now).as_millis()
    };
    assert_eq!(wait(120_000), 60_000);
    assert_eq!(wait(130_000), 50_000);
    assert_eq!(wait(179_999), 60_001, "a timer that fired early");
}
