//! Key scripts: what each key does to the model.

use super::{fixture::*, *};
use crate::{
    trace::live::{Command, Notice, Stage},
    tui::model::{Tab, plot::Against},
};

const SIZE: (u16, u16) = (80, 24);

fn usual_model() -> Model {
    model(SIZE, usual())
}

/// Names in the order shown.
fn shown(model: &Model) -> Vec<String> {
    let table = model.table().unwrap();
    let hosts = &model.shown.snapshot.hosts;
    table
        .order
        .iter()
        .map(|&row| hosts[row as usize].key.host.to_string())
        .collect()
}

fn chosen(model: &Model) -> String {
    let row = model.table().unwrap().chosen().unwrap();
    model.shown.snapshot.hosts[row].key.host.to_string()
}

#[test]
fn screens() {
    #[track_caller]
    fn check(script: &str, expected: Tab) {
        let mut model = usual_model();
        press(&mut model, script);
        assert_eq!(model.tab, expected, "{script}");
    }
    check("", Tab::Overview);
    check("2", Tab::Hosts);
    check("9", Tab::Help);
    check("?", Tab::Help);
    check("<Tab><Tab>", Tab::Processes);
    check("<BackTab>", Tab::Help);
    check("9<Tab>", Tab::Overview);
    check("4<Esc>", Tab::Overview);
    check("2<Enter><Esc>", Tab::Hosts);
    check("2<Enter><Enter><Esc><Esc><Esc>", Tab::Overview);
    check("2<Enter>3", Tab::Processes);
}

#[test]
fn commands() {
    #[track_caller]
    fn check(script: &str, expected: &[Ask]) {
        assert_eq!(press(&mut usual_model(), script), expected, "{script}");
    }
    let ask = Ask::Engine;
    check("e", &[ask(Command::Export)]);
    check("r", &[ask(Command::Reset)]);
    check("w", &[ask(Command::Record)]);
    check("q", &[]);
    check("qq", &[ask(Command::Quit)]);
    check("qjq", &[]);
    check("<C-c>", &[ask(Command::Quit)]);
    check("<C-z>", &[Ask::Suspend]);
    check("2/erq", &[]);
    check("2/erq<C-c>", &[ask(Command::Quit)]);
    let mut over = usual();
    over.stage = Stage::Over(String::new());
    assert_eq!(press(&mut model(SIZE, over), "q"), [ask(Command::Quit)]);
    let mut attached = Model::new(about(), SIZE, false);
    assert_eq!(press(&mut attached, "q"), [ask(Command::Quit)]);
}

#[test]
fn sorting() {
    let mut model = usual_model();
    press(&mut model, "2");
    assert_eq!(shown(&model)[0], "www.example.org");
    press(&mut model, "S");
    assert_eq!(shown(&model)[0], "tracker.example.com");
    model.take(Input::Click { x: 2, y: 2 });
    model.arrange();
    let mut sorted = shown(&model);
    sorted.sort();
    assert_eq!(shown(&model), sorted, "by name");
    model.take(Input::Click { x: 2, y: 2 });
    model.arrange();
    assert_eq!(shown(&model)[0], "www.example.org");
}

#[test]
fn filtering_while_typing() {
    let mut model = usual_model();
    press(&mut model, "2/org");
    assert_eq!(shown(&model), ["www.example.org", "api.example.org"]);
    press(&mut model, "<Back><Back><Back>requests<gt>1");
    assert_eq!(shown(&model).len(), 5);
    press(&mut model, "00");
    assert_eq!(shown(&model).len(), 2);
    press(&mut model, "<Enter>");
    assert!(model.prompt.is_none());
    press(&mut model, "3");
    assert_eq!(
        model.table().unwrap().order.len(),
        2,
        "a filter belongs to its table"
    );
    press(&mut model, "2<Esc>");
    assert_eq!(shown(&model).len(), 6);
    press(&mut model, "/nonsense:1");
    assert_eq!(
        shown(&model).len(),
        0,
        "as the last that was understood: `nonsense`"
    );
    assert!(model.table().unwrap().filter_error.is_some());
    press(&mut model, "<Esc>");
    assert!(model.table().unwrap().filter_error.is_none());
}

#[test]
fn the_cursor_follows_its_row() {
    let mut model = usual_model();
    press(&mut model, "2<Down><Down>");
    assert_eq!(chosen(&model), "images.example.com");
    let mut grown = usual();
    grown.number = 2;
    grown.snapshot.hosts[2] = host("images.example.com", 900);
    model.take(Input::Moment(Arc::new(grown)));
    model.arrange();
    assert_eq!(
        (chosen(&model).as_str(), model.table().unwrap().cursor),
        ("images.example.com", 0)
    );
    press(&mut model, "<End>");
    assert_eq!(chosen(&model), "tracker.example.com");
    press(&mut model, "<Home>k");
    assert_eq!(model.table().unwrap().cursor, 0);
}

#[test]
fn a_cursor_at_the_top_stays_there() {
    let mut model = usual_model();
    press(&mut model, "2");
    let mut grown = usual();
    grown.number = 2;
    grown.snapshot.hosts[3] = host("api.example.org", 900);
    model.take(Input::Moment(Arc::new(grown)));
    model.arrange();
    assert_eq!(chosen(&model), "api.example.org");
}

#[test]
fn the_cursor_is_always_on_the_screen() {
    let mut model = model(SIZE, thousands(500));
    press(&mut model, "2");
    let page = model.page();
    for script in [
        "<PageDown>",
        "<PageDown>j",
        "<End>",
        "<Up>",
        "<PageUp>",
        "<Home>",
        "G",
        "g",
    ] {
        press(&mut model, script);
        let table = model.table().unwrap();
        assert!(
            (table.offset..table.offset + page).contains(&table.cursor),
            "{script}"
        );
    }
    press(&mut model, "G");
    model.take(Input::Resize(80, 12));
    model.arrange();
    let table = model.table().unwrap();
    assert!((table.offset..table.offset + model.page()).contains(&table.cursor));
}

#[test]
fn pausing_freezes_what_is_shown() {
    let mut model = usual_model();
    press(&mut model, "p");
    model.take(Input::Moment(Arc::new(later(&usual(), 1))));
    assert_eq!(model.shown.number, 1);
    press(&mut model, "p");
    assert_eq!(model.shown.number, 2);
}

#[test]
fn a_mark_is_set_and_taken_away() {
    let mut model = usual_model();
    press(&mut model, "m");
    assert_eq!(model.origin.mark().map(|mark| mark.number), Some(1));
    model.take(Input::Moment(Arc::new(later(&usual(), 1))));
    let look = model.look();
    let requests = look.totals().count(|group| group.requests.count);
    assert_eq!(requests.value, Some(30.0));
    press(&mut model, "m");
    assert!(model.origin.mark().is_none());
}

#[test]
fn a_reset_takes_mark_and_pause_away() {
    let mut model = usual_model();
    press(&mut model, "mp");
    let mut anew = usual();
    (anew.number, anew.elapsed_ns) = (2, 5);
    model.take(Input::Moment(Arc::new(anew)));
    assert!(model.origin.mark().is_none() && !model.paused);
    assert_eq!(model.shown.number, 2);
}

#[test]
fn answers_are_heard_once() {
    let mut model = usual_model();
    let mut moment = usual();
    moment.notice = Some(Notice {
        number: 1,
        text: "wrote it".into(),
        failed: false,
    });
    model.take(Input::Moment(Arc::new(moment.clone())));
    assert_eq!(
        model.message.as_ref().map(|(text, _)| text.as_str()),
        Some("wrote it")
    );
    press(&mut model, "j");
    model.take(Input::Moment(Arc::new(moment)));
    assert!(model.message.is_none());
}

#[test]
fn clicks() {
    let mut model = usual_model();
    let tabs = frame(&model).lines().nth(1).unwrap().to_owned();
    let x = tabs.find("2 ").unwrap() as u16;
    model.take(Input::Click { x, y: 1 });
    model.arrange();
    assert_eq!(model.tab, Tab::Hosts);
    model.take(Input::Click { x: 1, y: 5 });
    model.arrange();
    assert_eq!(
        (chosen(&model).as_str(), model.detail.is_some()),
        ("images.example.com", false)
    );
    model.take(Input::Click { x: 1, y: 5 });
    assert!(model.detail.is_some(), "a click on the chosen row opens it");
    model.arrange();
    let rows = frame(&model);
    let y = rows
        .lines()
        .position(|line| line.starts_with("ttfb first"))
        .unwrap() as u16;
    model.take(Input::Click { x: 1, y });
    model.take(Input::Click { x: 1, y });
    assert!(model.plot.is_some());
    model.take(Input::Scroll { up: false });
    for y in 0..30 {
        model.take(Input::Click { x: 79, y });
        model.arrange();
    }
}

#[test]
fn the_wheel_scrolls() {
    let mut model = model(SIZE, thousands(100));
    press(&mut model, "2");
    model.take(Input::Scroll { up: false });
    assert_eq!(model.table().unwrap().cursor, 3);
    model.take(Input::Scroll { up: true });
    assert_eq!(model.table().unwrap().cursor, 0);
}

#[test]
fn histograms_compare_with_their_partner_and_with_before() {
    let mut model = usual_model();
    press(&mut model, "gjjj<Enter>");
    let against = |model: &Model| model.plot.as_ref().unwrap().against;
    assert_eq!(against(&model), Against::Nothing);
    press(&mut model, "c");
    assert!(matches!(against(&model), Against::Phase(_)));
    press(&mut model, "c");
    assert_eq!(against(&model), Against::Nothing);
    press(&mut model, "mcc");
    assert_eq!(against(&model), Against::Before);
    press(&mut model, "m");
    assert_eq!(against(&model), Against::Nothing);
    let cursor = model.plot.as_ref().unwrap().cursor;
    press(&mut model, "<Right>");
    assert_eq!(model.plot.as_ref().unwrap().cursor, cursor + 1);
    press(&mut model, "<End>");
    let plot = model.plot.as_ref().unwrap();
    assert_eq!(plot.cursor, plot.curves[0].bins.len() - 1);
    press(&mut model, "<Home>");
    assert_eq!(model.plot.as_ref().unwrap().cursor, 0);
}

#[test]
fn a_scrolled_output_stays_where_it_is() {
    let mut model = usual_model();
    let lines = |count: usize| {
        let mut all = output();
        let line = all.lines[0].clone();
        all.lines = vec![line; count].into();
        Input::Output(Arc::new(all))
    };
    model.take(lines(100));
    press(&mut model, "8<PageUp>");
    let scrolled = model.scrolled;
    assert_eq!(scrolled, model.page());
    model.take(lines(110));
    assert_eq!(model.scrolled, scrolled + 10);
    press(&mut model, "<End>");
    assert_eq!(model.scrolled, 0);
}

#[test]
fn any_keys_at_any_size() {
    use proptest::prelude::*;
    let key = prop_oneof![
        any::<char>().prop_map(|c| Input::Key(Key::Char(c))),
        prop::sample::select(vec![
            Key::Enter,
            Key::Escape,
            Key::Tab,
            Key::BackTab,
            Key::Backspace,
            Key::Up,
            Key::Down,
            Key::Left,
            Key::Right,
            Key::PageUp,
            Key::PageDown,
            Key::Home,
            Key::End,
            Key::Char('/'),
            Key::Char('s'),
            Key::Char('m'),
            Key::Char('p'),
            Key::Char('c'),
            Key::Char('2'),
            Key::Char('4'),
            Key::Char('8'),
        ])
        .prop_map(Input::Key),
        (0u16..100, 0u16..40).prop_map(|(x, y)| Input::Click { x, y }),
        (0u16..130, 0u16..50).prop_map(|(width, height)| Input::Resize(width, height)),
        any::<bool>().prop_map(|up| Input::Scroll { up }),
        Just(Input::Moment(Arc::new(Moment::default()))),
        Just(Input::Moment(Arc::new(later(&usual(), 2)))),
    ];
    let config = ProptestConfig::with_cases(64);
    proptest!(config, |(inputs in prop::collection::vec(key, 0..40))| {
        let mut model = usual_model();
        for input in inputs {
            model.take(input);
            model.arrange();
            draw(&model, &Theme::new(Colors::Sixteen, true));
        }
    });
}

#[test]
fn what_is_chosen_is_copied() {
    #[track_caller]
    fn check(moment: Moment, script: &str, expected: &[&str]) {
        let mut model = model(SIZE, moment);
        let asks = press(&mut model, script);
        let [Ask::Copy(text)] = asks.as_slice() else {
            panic!("{script}: {asks:?}");
        };
        for word in expected {
            assert!(text.contains(word), "{script}: {text}");
        }
        assert!(!text.contains('\x1b'), "{script}: {text}");
    }
    check(usual(), "2y", &["host www.example.org, port 443, reqs 240"]);
    check(hostile(), "2y", &["gone.example"]);
    check(usual(), "1y", &["ttfb reused count 320 p50 "]);
    check(faulty(), "7y", &["no-connection-reuse", "connections for"]);
    check(faulty(), "7<Enter>y", &["no-connection-reuse"]);
    let mut model = usual_model();
    assert_eq!(press(&mut model, "9y"), []);
}
