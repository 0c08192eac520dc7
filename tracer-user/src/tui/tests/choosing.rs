//! The list of columns to sort by.

use super::{fixture::*, *};

const SIZE: (u16, u16) = (80, 24);

fn usual_model() -> Model {
    model(SIZE, usual())
}

/// Key of the column that the table is sorted by.
fn sorted_by(model: &Model) -> &'static str {
    let table = model.table().unwrap();
    table.table.columns[table.sort].key
}

fn first_row(model: &Model) -> String {
    let row = model.table().unwrap().order[0] as usize;
    model.shown.snapshot.hosts[row].key.host.to_string()
}

#[test]
fn a_column_is_chosen() {
    #[track_caller]
    fn check(script: &str, expected: &str) {
        let mut model = usual_model();
        press(&mut model, script);
        assert_eq!(sorted_by(&model), expected, "{script}");
        assert!(model.chooser.is_none(), "{script}");
    }
    check("2", "requests");
    check("2sj<Enter>", "opened");
    check("2s<Down><Down><Up><Enter>", "opened");
    check("2sss<Enter>", "reuse");
    check("2s<Home><Enter>", "host");
    check("2sG<Enter>", "via");
    check("2sGs<Enter>", "host");
    check("2s<End><PageUp><Enter>", "port");
    check("2s<Enter>", "requests");
    check("2sj<Esc>", "requests");
    check("2sjq", "requests");
    check("2xs<Enter>", "tunnels");
    check("3sjj<Enter>", "reuse");
    check("4sk<Enter>", "age");
}

#[test]
fn rows_are_sorted_by_it() {
    let mut model = usual_model();
    press(&mut model, "2S");
    assert_eq!(first_row(&model), "tracker.example.com");
    press(&mut model, "s<Enter>");
    assert_eq!(first_row(&model), "tracker.example.com", "as it was");
    press(&mut model, "s<Home><Enter>");
    assert_eq!(first_row(&model), "192.0.2.77", "names ascend");
    press(&mut model, "s<Down><Down><Enter>");
    assert_eq!(first_row(&model), "www.example.org", "figures descend");
}

#[test]
fn only_tables_have_the_list() {
    for script in ["1s", "7s", "8s", "9s", "2<Enter>s", "2<Enter><Enter>s"] {
        let mut model = usual_model();
        press(&mut model, script);
        assert!(model.chooser.is_none(), "{script}");
    }
}

#[test]
fn other_keys_wait_until_it_is_closed() {
    let mut model = usual_model();
    assert_eq!(press(&mut model, "2srewpmt/3<Tab>"), []);
    assert_eq!(
        (model.chooser, model.tab as usize, model.paused),
        (Some(2), 1, false)
    );
    assert_eq!(press(&mut model, "<C-z>"), [Ask::Suspend]);
}

#[test]
fn clicks_and_the_wheel() {
    let mut model = usual_model();
    press(&mut model, "2s");
    let list = model.chooser_list().unwrap();
    model.take(Input::Scroll { up: false });
    assert_eq!(model.chooser, Some(3));
    model.take(Input::Scroll { up: true });
    assert_eq!(model.chooser, Some(2));
    let (x, y) = (list.area.x + 2, list.area.y + 1);
    model.take(Input::Click { x, y });
    assert_eq!((sorted_by(&model), model.chooser), ("host", None));
    press(&mut model, "s");
    model.take(Input::Click { x: 1, y: 5 });
    assert_eq!((sorted_by(&model), model.chooser), ("host", None));
    let cursor = model.table().unwrap().cursor;
    assert_eq!(cursor, 0, "a click beside the list only closes it");
}

#[test]
fn the_chosen_column_is_always_shown() {
    for size in [(20, 5), (40, 12), (80, 24), (120, 40)] {
        let mut model = model(size, usual());
        press(&mut model, "2s<Home>");
        for _ in 0..30 {
            let list = model.chooser_list().unwrap();
            let row = list.cursor - list.first + 1;
            assert!(row < usize::from(list.area.height), "{size:?}");
            press(&mut model, "j");
        }
    }
}

#[test]
fn frames_of_the_list() {
    for (name, size, way) in [
        ("hosts-choosing-80x24", SIZE, "2s"),
        ("hosts-choosing-40x12", (40, 12), "2sG"),
        ("connections-choosing", SIZE, "4s<Up>"),
    ] {
        let mut model = model(size, usual());
        press(&mut model, way);
        insta::assert_snapshot!(name, frame(&model));
    }
}
