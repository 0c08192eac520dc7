//! Windows: what the key shows, and what it leaves as it is.

use std::sync::LazyLock;

use super::{fixture::*, *};

/// The usual moment, which takes a while to make.
static USUAL: LazyLock<Moment> = LazyLock::new(usual);

const SIZE: (u16, u16) = (80, 24);
const S: u64 = 1_000_000_000;

/// A moment so many seconds after the usual one, with one more request per second to the first host.
fn after(seconds: u64) -> Arc<Moment> {
    let mut moment = USUAL.clone();
    moment.number += seconds;
    moment.elapsed_ns += seconds * S;
    let snapshot = &mut moment.snapshot;
    let groups = [
        &mut snapshot.totals,
        &mut snapshot.hosts[0].group,
        &mut snapshot.processes[0].group,
    ];
    for group in groups {
        let group = Arc::make_mut(group);
        group.requests.count += seconds;
        for at in 0..seconds {
            group.phases.ttfb.record((60 + at) * 1_000_000);
            group.phases.ttfb_reused.record((60 + at) * 1_000_000);
        }
    }
    Arc::new(moment)
}

/// A model that has seen so many seconds.
fn model_after(seconds: u64) -> Model {
    let mut model = model(SIZE, USUAL.clone());
    for second in 1..=seconds {
        model.take(Input::Moment(after(second)));
    }
    model.arrange();
    model
}

fn requests(model: &Model) -> Option<f64> {
    model
        .look()
        .totals()
        .count(|group| group.requests.count)
        .value
}

fn header(model: &Model) -> String {
    frame(model).lines().next().unwrap().to_owned()
}

#[test]
fn a_key_goes_through_the_windows() {
    let mut model = model_after(100);
    let all = 481.0 + 100.0;
    assert_eq!(requests(&model), Some(all));
    press(&mut model, "t");
    assert_eq!(requests(&model), Some(10.0));
    assert!(header(&model).contains("last 0:10"), "{}", header(&model));
    press(&mut model, "t");
    assert_eq!(requests(&model), Some(60.0));
    assert!(header(&model).contains("last 1:00"), "{}", header(&model));
    press(&mut model, "t");
    assert_eq!(requests(&model), Some(all));
    assert!(!header(&model).contains("last"));
}

#[test]
fn a_window_goes_on_with_the_time() {
    let mut model = model_after(20);
    press(&mut model, "t");
    for second in 21..60 {
        model.take(Input::Moment(after(second)));
        let count = requests(&model).unwrap();
        assert!((10.0..15.0).contains(&count), "{second}: {count}");
    }
}

#[test]
fn a_trace_shorter_than_the_window_is_shown_whole() {
    let mut young = usual();
    young.elapsed_ns = 4 * S;
    let mut model = model(SIZE, young);
    press(&mut model, "t");
    assert_eq!(requests(&model), Some(481.0));
    assert!(header(&model).contains("last 0:04"), "{}", header(&model));
}

#[test]
fn a_mark_outlives_a_window() {
    let mut model = model_after(20);
    press(&mut model, "m");
    for second in 21..=40 {
        model.take(Input::Moment(after(second)));
    }
    assert_eq!(requests(&model), Some(20.0));
    press(&mut model, "t");
    assert_eq!(requests(&model), Some(10.0));
    assert!(!model.look().compares());
    press(&mut model, "tt");
    assert_eq!(requests(&model), Some(20.0));
    assert!(model.look().compares());
    press(&mut model, "tm");
    assert_eq!(requests(&model), Some(521.0), "the mark is taken away");
    press(&mut model, "tm");
    assert!(model.look().compares(), "a new mark ends the window");
}

#[test]
fn a_pause_keeps_its_windows() {
    let mut model = model_after(100);
    press(&mut model, "tp");
    for second in 101..=300 {
        model.take(Input::Moment(after(second)));
    }
    assert_eq!(requests(&model), Some(10.0));
    press(&mut model, "t");
    assert_eq!(requests(&model), Some(60.0));
    press(&mut model, "pt");
    assert_eq!(requests(&model), Some(781.0));
    press(&mut model, "t");
    assert_eq!(requests(&model), Some(10.0));
}

#[test]
fn a_reset_begins_anew() {
    let mut model = model_after(100);
    press(&mut model, "t");
    let mut anew = usual();
    (anew.number, anew.elapsed_ns) = (200, 3 * S);
    model.take(Input::Moment(Arc::new(anew)));
    assert_eq!(requests(&model), Some(481.0));
    assert!(header(&model).contains("last 0:03"));
}

#[test]
fn rows_follow_the_window() {
    let mut model = model_after(100);
    press(&mut model, "2t");
    let shown = frame(&model);
    let row = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(2).unwrap().to_owned()
    };
    assert_eq!(row("www.example.org"), "10");
    assert_eq!(row("cdn.example.net"), "0");
}

#[test]
fn rows_beyond_the_busiest_have_none() {
    let mut moment = thousands(1200);
    let mut model = model(SIZE, moment.clone());
    for _ in 0..2 {
        moment.number += 1;
        moment.elapsed_ns += 5 * S;
        for host in &mut moment.snapshot.hosts {
            Arc::make_mut(&mut host.group).requests.count += 1;
        }
        model.take(Input::Moment(Arc::new(moment.clone())));
    }
    press(&mut model, "2t");
    let (message, failed) = model.message.clone().unwrap();
    assert!(message.ends_with("only the 1000 busiest rows have some"));
    assert!(message.len() <= 80 && !failed, "{message}");
    let look = model.look();
    let unknown = (0..1200).filter(|&row| look.host(row).is_none()).count();
    assert!((200..=400).contains(&unknown), "{unknown}");
    press(&mut model, "<End>");
    insta::assert_snapshot!("hosts-window-cut", frame(&model));
    press(&mut model, "<Enter>");
    assert!(frame(&model).contains("not known here"));
    press(&mut model, "tt");
    assert!(!frame(&model).contains("not known here"));
}

#[test]
fn frames_of_a_window() {
    for (name, way) in [
        ("overview", "1t"),
        ("hosts", "2t"),
        ("names", "5t"),
        ("host", "2t<Enter>"),
        (
            "histogram",
            "t1<Home><Down><Down><Down><Down><Down><Down><Enter>",
        ),
    ] {
        let mut model = model_after(100);
        press(&mut model, way);
        insta::assert_snapshot!(format!("{name}-window"), frame(&model));
    }
}
