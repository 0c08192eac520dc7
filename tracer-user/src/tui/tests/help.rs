//! Pages of the help.

use super::{fixture::*, *};

/// First and last line of the help that is shown, and the number of its page.
fn shown(model: &Model) -> (String, String, String) {
    let frame = frame(model);
    let lines: Vec<&str> = frame.lines().skip(2).collect();
    let text = &lines[..lines.len() - 1];
    let last = text.iter().rfind(|line| !line.is_empty()).unwrap();
    let (first, page) = text[0].rsplit_once(" page ").unwrap();
    let word = |line: &str| line.split_whitespace().next().unwrap().to_owned();
    (word(first), word(last), page.trim().to_owned())
}

fn check(model: &Model, expected: [&str; 3]) {
    let (first, last, page) = shown(model);
    assert_eq!([first.as_str(), last.as_str(), page.as_str()], expected);
}

const FIRST: [&str; 3] = ["You", "q", "1 of 3"];
const SECOND: [&str; 3] = ["Tables", "[", "2 of 3"];

#[test]
fn pages_at_80x24_begin_with_a_heading_and_end_with_a_part() {
    let mut model = model((80, 24), usual());
    press(&mut model, "9");
    check(&model, FIRST);
    press(&mut model, "<PageDown>");
    check(&model, SECOND);
    press(&mut model, "j");
    let third = shown(&model);
    assert_eq!((third.0.as_str(), third.2.as_str()), ("Phases", "3 of 3"));
    press(&mut model, "<PageDown>");
    assert_eq!(shown(&model), third, "the last page");
    press(&mut model, "<Up>");
    check(&model, SECOND);
    press(&mut model, "g");
    check(&model, FIRST);
    press(&mut model, "G");
    assert_eq!(shown(&model), third);
    model.take(Input::Scroll { up: true });
    check(&model, SECOND);
}

#[test]
fn a_page_stays_while_the_command_prints() {
    let mut model = model((80, 24), usual());
    press(&mut model, "9<PageDown>");
    let mut more = output();
    more.lines = vec![more.lines[0].clone(); 50].into();
    model.take(Input::Output(Arc::new(more)));
    check(&model, SECOND);
}

#[test]
fn a_larger_screen_has_fewer_pages() {
    let mut model = model((80, 24), usual());
    press(&mut model, "9G");
    model.take(Input::Resize(80, 70));
    model.arrange();
    assert!(!frame(&model).contains(" page 1 of"), "all of it fits");
    model.take(Input::Resize(80, 24));
    model.arrange();
    assert_eq!(shown(&model).2, "3 of 3");
}
