//! Cost of the screen. `cargo xtask bench tui` runs this with optimizations and many ticks; as a test it only has to
//! pass.

use std::time::{Duration, Instant};

use ratatui::{TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};
use tracer_core::group::Group;

use super::{fixture::*, *};

/// The budget: events a second, hosts, and snapshots a second.
const EVENTS: u64 = 10_000;
const HOSTS: u64 = 10_000;
const TICKS_A_SECOND: u64 = 4;

/// Events of a connection that carries one request: connect, handshake, request, close.
const EVENTS_A_CONNECTION: u64 = 4;

/// Applies the changes of a tick: connections to random hosts, so that hardly two go to the same one.
fn change(moment: &mut Moment, dice: &mut Dice) {
    moment.number += 1;
    moment.elapsed_ns += 250_000_000;
    for _ in 0..EVENTS / TICKS_A_SECOND / EVENTS_A_CONNECTION {
        let host = &mut moment.snapshot.hosts[dice.roll(HOSTS) as usize];
        for _ in 0..EVENTS_A_CONNECTION {
            touch(Arc::make_mut(&mut host.group), dice);
        }
    }
    touch(Arc::make_mut(&mut moment.snapshot.totals), dice);
}

fn touch(group: &mut Group, dice: &mut Dice) {
    group.requests.count += 1;
    group.phases.ttfb.record(30_000_000 + dice.roll(90_000_000));
}

/// Cost of ticks: copying what changed, arranging, drawing.
fn measure(script: &str, ticks: u32) -> [Duration; 3] {
    let mut dice = Dice::new(1);
    let mut moment = thousands(HOSTS);
    let mut model = model((160, 50), moment.clone());
    press(&mut model, script);
    let fixed = TerminalOptions {
        viewport: Viewport::Fixed(Rect::new(0, 0, 160, 50)),
    };
    let backend = CrosstermBackend::new(std::io::sink());
    let mut terminal = Terminal::with_options(backend, fixed).unwrap();
    let theme = Theme::new(Colors::Many, true);
    let mut spent = [Duration::ZERO; 3];
    for _ in 0..ticks {
        let begun = Instant::now();
        change(&mut moment, &mut dice);
        let snapshot = Arc::new(moment.clone());
        let changed = Instant::now();
        model.take(Input::Moment(snapshot));
        model.arrange();
        let arranged = Instant::now();
        terminal
            .draw(|frame| view::draw(frame, &model, &theme))
            .unwrap();
        spent[0] += changed - begun;
        spent[1] += arranged - changed;
        spent[2] += arranged.elapsed();
    }
    spent
}

#[test]
fn cost_of_a_screen() {
    let ticks = match std::env::var_os("TRACER_BENCH") {
        Some(_) => 100,
        None => 2,
    };
    println!(
        "{EVENTS} events/s, {HOSTS} hosts, {TICKS_A_SECOND} snapshots/s, 160x50; ms a tick and share of a core"
    );
    let screens = [
        ("overview", "1"),
        ("hosts by requests", "2"),
        ("hosts by ttfb99", "2sjjjjjjjj<Enter>"),
        ("hosts, filtered", "2/ttfb<gt>80ms<Enter>"),
        ("hosts, marked", "2m"),
        ("hosts, a window", "2t"),
        ("histogram", "1jj<Enter>"),
    ];
    for (name, script) in screens {
        let spent =
            measure(script, ticks).map(|spent| spent.as_secs_f64() * 1e3 / f64::from(ticks));
        let share = spent.iter().sum::<f64>() * TICKS_A_SECOND as f64 / 10.0;
        println!(
            "{name:<20} copies {:>6.2}  arrange {:>6.2}  draw {:>6.2}  together {share:>5.2} %",
            spent[0], spent[1], spent[2]
        );
        assert!(spent[2] > 0.0);
    }
}
