//! Frames, compared character by character.

use ratatui::style::{Color, Modifier};

use super::{fixture::*, *};
use crate::trace::live::{Notice, Stage};

const LARGE: (u16, u16) = (120, 40);
const USUAL: (u16, u16) = (80, 24);
const SMALL: (u16, u16) = (40, 12);

/// Keys that lead to each view.
const VIEWS: [(&str, &str); 15] = [
    ("overview", "1"),
    ("hosts", "2"),
    ("host", "2<Enter>"),
    ("host-histogram", "2<Enter><Home><Down><Enter>"),
    ("processes", "3"),
    ("process", "3<Enter>"),
    ("connections", "4"),
    ("names", "5"),
    ("ports", "6"),
    ("findings", "7"),
    ("output", "8"),
    ("help", "9"),
    ("help-end", "9G"),
    ("histogram", "1<Home><Down><Down><Down><Enter>"),
    ("comparison", "1<Home><Down><Down><Down><Enter>c"),
];

fn check(name: &str, size: (u16, u16), moment: Moment, script: &str) {
    let mut model = model(size, moment);
    press(&mut model, script);
    insta::assert_snapshot!(name, frame(&model));
}

#[test]
fn every_view() {
    for (name, way) in VIEWS {
        check(&format!("{name}-80x24"), USUAL, usual(), way);
        check(&format!("{name}-40x12"), SMALL, usual(), way);
        check(&format!("{name}-120x40"), LARGE, usual(), way);
    }
}

#[test]
fn every_view_without_anything_to_show() {
    for (name, way) in VIEWS {
        check(&format!("{name}-empty"), USUAL, Moment::default(), way);
    }
}

#[test]
fn faults() {
    let views = [
        ("faults-overview", "1"),
        ("faults", "7"),
        ("faults-further", "7<End>"),
        ("fault", "7<Enter>"),
        ("fault-scrolled", "7<Enter><PageDown>"),
        ("no-fault", "7<End><Enter>"),
        ("faults-again", "7<Enter><Esc><Down>"),
    ];
    for (name, way) in views {
        check(&format!("{name}-80x24"), USUAL, faulty(), way);
        check(&format!("{name}-40x12"), SMALL, faulty(), way);
        check(&format!("{name}-120x40"), LARGE, faulty(), way);
    }
}

#[test]
fn one_row_and_thousands() {
    let one = || moment_of(vec![host("only.example", 1)]);
    check("hosts-one", USUAL, one(), "2");
    check("overview-one", USUAL, one(), "1");
    check("hosts-thousands", USUAL, thousands(5000), "2");
    check("hosts-thousands-end", USUAL, thousands(5000), "2<End>");
    check(
        "hosts-thousands-filtered",
        USUAL,
        thousands(5000),
        "2/host:*77.example requests<gt>9<Enter>",
    );
    check(
        "hosts-columns-shifted",
        SMALL,
        usual(),
        "2<Right><Right><Right>",
    );
}

#[test]
fn hostile_long_and_wide_names() {
    for (name, way) in [
        ("hosts", "2"),
        ("host", "2<Enter>"),
        ("processes", "3"),
        ("output", "8"),
    ] {
        check(&format!("{name}-hostile"), USUAL, hostile(), way);
    }
    let mut model = model(USUAL, hostile());
    press(&mut model, "2");
    for at in 0..7 {
        press(&mut model, "<Enter>");
        let shown = frame(&model);
        assert!(
            !shown.contains(|c: char| c.is_control() && c != '\n'),
            "host {at}"
        );
        assert!(!shown.contains('\u{202e}'), "host {at}");
        press(&mut model, "<Esc><Down>");
    }
}

#[test]
fn what_goes_through_proxies() {
    for (name, way) in [
        ("overview", "1"),
        ("hosts", "2"),
        ("host", "2<Enter>"),
        ("connections", "4"),
    ] {
        check(&format!("{name}-proxies"), LARGE, through_proxies(), way);
    }
    check(
        "hosts-proxies-filtered",
        LARGE,
        through_proxies(),
        "2/via:*two*<Enter>",
    );
    for (name, way) in [
        ("proxies", "2x"),
        ("proxy", "2x<Enter>"),
        ("proxies-left", "2xx"),
    ] {
        check(name, LARGE, through_proxies(), way);
    }
    check("proxies-none", USUAL, usual(), "2x");
}

#[test]
fn losses_a_pause_an_end_and_an_answer() {
    let mut lossy = usual();
    lossy.snapshot.events.lost = 1234;
    check("overview-loss", USUAL, lossy.clone(), "1");
    check("overview-loss-small", SMALL, lossy, "1");
    check("overview-paused", USUAL, usual(), "1p");
    let mut over = usual();
    over.stage = Stage::Over("the command has ended: exit status: 0".into());
    check("overview-over", USUAL, over, "1");
    let mut answered = usual();
    answered.notice = Some(Notice {
        number: 1,
        text: "cannot write /x: no such directory".into(),
        failed: true,
    });
    check("overview-answer", USUAL, answered, "");
    check("hosts-bad-filter", USUAL, usual(), "2/color:red");
}

#[test]
fn changes_against_the_mark() {
    for (name, way) in [
        ("overview", "1"),
        ("hosts", "2"),
        ("names", "5"),
        ("host", "2<Enter>"),
    ] {
        let mut model = model(USUAL, usual());
        press(&mut model, &format!("{way}m"));
        model.take(Input::Moment(Arc::new(later(&usual(), 3))));
        press(&mut model, "<Home>");
        insta::assert_snapshot!(format!("{name}-marked"), frame(&model));
    }
    let mut model = model(LARGE, usual());
    press(
        &mut model,
        "1m<Home><Down><Down><Down><Down><Down><Down><Enter>cc",
    );
    model.take(Input::Moment(Arc::new(later(&usual(), 3))));
    model.arrange();
    insta::assert_snapshot!("histogram-marked", frame(&model));
}

#[test]
fn without_colours_nothing_is_coloured() {
    let theme = Theme::new(Colors::None, true);
    for (name, way) in VIEWS {
        let mut model = model(USUAL, usual());
        press(&mut model, way);
        let buffer = draw(&model, &theme);
        let colored = buffer
            .content()
            .iter()
            .filter(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset));
        assert_eq!(colored.count(), 0, "{name}");
    }
    let model = model(USUAL, usual());
    insta::assert_snapshot!("overview-without-colours", text(&draw(&model, &theme)));
}

#[test]
fn ascii_terminals_get_nothing_else() {
    let theme = Theme::new(Colors::Sixteen, false);
    for moment in [usual(), hostile()] {
        for (name, way) in VIEWS {
            let mut model = model(LARGE, moment.clone());
            press(&mut model, way);
            let shown = text(&draw(&model, &theme));
            let odd: String = shown.chars().filter(|c| !c.is_ascii()).collect();
            assert_eq!(odd, "", "{name}");
        }
    }
    let mut model = model(USUAL, usual());
    insta::assert_snapshot!("overview-ascii", text(&draw(&model, &theme)));
    press(&mut model, "<Home><Down><Enter>");
    insta::assert_snapshot!("histogram-ascii", text(&draw(&model, &theme)));
}

#[test]
fn sixteen_colours_do() {
    let theme = Theme::new(Colors::Sixteen, true);
    for (name, way) in VIEWS {
        let mut model = model(USUAL, usual());
        press(&mut model, way);
        let buffer = draw(&model, &theme);
        let odd = |color: Color| matches!(color, Color::Indexed(_) | Color::Rgb(..));
        let cells = buffer.content().iter();
        assert_eq!(
            cells.filter(|cell| odd(cell.fg) || odd(cell.bg)).count(),
            0,
            "{name}"
        );
    }
}

#[test]
fn no_size_is_too_odd() {
    for (name, way) in VIEWS {
        for moment in [Moment::default(), usual(), hostile()] {
            let mut model = model(USUAL, moment);
            press(&mut model, way);
            for width in [0, 1, 7, 19, 20, 21, 33, 41, 69, 70, 71, 200] {
                for height in [0, 1, 4, 5, 6, 7, 11, 15, 16, 17, 25, 60] {
                    model.take(Input::Resize(width, height));
                    model.arrange();
                    let buffer = draw(&model, &Theme::new(Colors::Many, true));
                    assert_eq!(
                        (buffer.area.width, buffer.area.height),
                        (width, height),
                        "{name}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_terminal_that_has_become_smaller() {
    for (name, way) in VIEWS {
        let mut model = model(LARGE, usual());
        press(&mut model, way);
        let mut terminal = Terminal::new(TestBackend::new(30, 9)).unwrap();
        let theme = Theme::new(Colors::Many, true);
        let drawn = terminal.draw(|frame| view::draw(frame, &model, &theme));
        assert!(drawn.is_ok(), "{name}");
    }
}

#[test]
fn drawing_changes_nothing() {
    for (name, way) in VIEWS {
        let mut model = model(USUAL, usual());
        press(&mut model, way);
        let first = frame(&model);
        assert_eq!(first, frame(&model), "{name}");
        assert!(!model.arrange(), "{name}: nothing to draw again");
    }
}

#[test]
fn the_chosen_row_and_losses_stand_out_without_colour() {
    let mut lossy = usual();
    lossy.snapshot.events.lost = 7;
    let mut model = model(USUAL, lossy);
    press(&mut model, "2<Down>");
    let buffer = draw(&model, &Theme::new(Colors::None, true));
    let reversed = |y: u16| {
        (0..80)
            .filter(|&x| buffer[(x, y)].modifier.contains(Modifier::REVERSED))
            .count()
    };
    assert_eq!((reversed(3), reversed(4)), (0, 80), "the second host");
    assert_eq!(reversed(0), " LOST 7 ".len());
}
