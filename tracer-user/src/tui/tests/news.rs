//! Tests that the last published values reach the screen, however their sender ended.

use std::{io::Write as _, time::Duration};

use tracer_core::snapshot::Snapshot;

use super::{fixture, frame, press};
use crate::{
    trace::{capture::Pipes, live::Live},
    tui::{
        model::{Input, Model},
        news::News,
    },
};

const SIZE: (u16, u16) = (80, 24);
const RUNS: usize = 100;
const LAST: &str = "ValueError: the last words";

/// Runs a command that prints a traceback and ends, while a screen reads its output again and again.
fn shown_after_a_traceback() -> String {
    let mut pipes = Pipes::open().unwrap();
    let (out, mut err) = pipes.writers.take().unwrap();
    let captured = pipes.read(None).unwrap();
    let (live, wires) = Live::new(Duration::ZERO);
    let mut news = News {
        moments: wires.moments,
        output: Some(captured.lines.clone()),
    };
    let mut model = Model::new(fixture::about(), SIZE, true);
    let command = std::thread::spawn(move || {
        writeln!(err, "Traceback (most recent call last):\n{LAST}").unwrap();
        drop((out, err));
    });
    // The sender ends with the thread that reads the pipes: after that nothing is published.
    while captured.lines.has_changed().is_ok() {
        news.take(&mut model);
    }
    news.take(&mut model);
    command.join().unwrap();
    drop(live);
    press(&mut model, "8");
    frame(&model)
}

#[test]
fn the_last_line_of_a_command_is_on_the_screen_every_time() {
    for run in 1..=RUNS {
        let shown = shown_after_a_traceback();
        assert!(shown.contains(LAST), "run {run}:\n{shown}");
    }
}

#[test]
fn the_last_moment_and_answer_are_taken_when_the_engine_is_gone() {
    let (mut live, wires) = Live::new(Duration::ZERO);
    let mut news = News {
        moments: wires.moments,
        output: None,
    };
    let mut model = Model::new(fixture::about(), SIZE, true);
    live.publish(1, Snapshot::default);
    assert!(news.take(&mut model));
    live.answer(Ok("the last answer".into()));
    live.publish(2, Snapshot::default);
    drop(live);
    assert!(!news.take(&mut model), "nothing more will come");
    assert_eq!(model.look().moment.elapsed_ns, 2);
    model.take(Input::Redraw);
    model.arrange();
    let shown = frame(&model);
    assert!(shown.contains("the last answer"), "{shown}");
}
