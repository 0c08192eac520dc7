//! The first screen: what is slow, and why.

use tracer_core::{group::Group, phase::Phase, series::Point};

use tracer_text::number;

use super::{
    canvas::Canvas,
    phases::{self, Side},
    table::figure,
};
use crate::tui::{
    model::{
        Model,
        figure::{Figure, Pair},
        layout::Area,
        phases::overview_rows_above,
    },
    theme::{Part, Role},
};

/// Least width for two columns below the phases.
const TWO_COLUMNS: u16 = 70;
/// Columns of the name of a fact.
const FACT_NAME: u16 = 11;
/// Rows of the bar with its heading and legend.
const BAR_ROWS: u16 = 3;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    let look = model.look();
    let totals = look.totals();
    let side = Side::Trend(&look.snapshot().series);
    let marked = look.mark.is_some();
    let area = match model.has_top_finding() {
        true => {
            super::findings::draw_top(canvas, area.top(1), model);
            area.below(1)
        }
        false => area,
    };
    let above = overview_rows_above(area);
    if above != 0 {
        request(canvas, area.top(above), &totals);
        phases::draw(
            canvas,
            area.below(above),
            &totals,
            model.phase,
            &side,
            marked,
        );
        return;
    }
    let table = 1 + Phase::ON_SCREEN.len() as u16;
    phases::draw(canvas, area.top(table), &totals, model.phase, &side, marked);
    let roomy = area.height > table + BAR_ROWS + 6;
    let rest = area.below(table + u16::from(roomy));
    request(canvas, rest.top(BAR_ROWS), &totals);
    let rest = rest.below(BAR_ROWS + u16::from(roomy));
    if area.width >= TWO_COLUMNS {
        let half = area.width / 2;
        connections(canvas, rest.left(half - 1), model);
        time_wait(canvas, rest.right_of(half), model);
    } else {
        connections(canvas, rest, model);
        time_wait(canvas, rest.below(6), model);
    }
}

/// Draws where the time of a request goes: the time spent on each part, divided by the number of requests.
fn request(canvas: &mut Canvas<'_>, area: Area, totals: &Pair<'_>) {
    let sums = Part::ALL.map(|part| spent_ns(totals, part));
    let all: f64 = sums.iter().sum();
    let requests = totals.count(|group| group.requests.count).value;
    let requests = requests.filter(|&count| count > 0.0);
    let Some(requests) = requests.filter(|_| all > 0.0) else {
        canvas.heading(area, "A request takes");
        canvas.put(area.below(1), "no request yet", Role::Dim);
        return;
    };
    let most = Part::ALL
        .into_iter()
        .max_by(|a, b| sums[*a as usize].total_cmp(&sums[*b as usize]))
        .map_or("", Part::name);
    let largest = sums.iter().copied().fold(0.0, f64::max);
    let time = number::short_time((all / requests) as u64);
    let share = number::share(largest / all);
    let text = match area.width {
        0..50 => format!("A request: {time}, {share} {most}"),
        _ => format!("A request takes {time} on average, {share} of it {most}"),
    };
    canvas.heading(area, &text);
    bar(canvas, area.below(1).top(1), &sums);
    legend(canvas, area.below(2).top(1), &sums, requests);
}

/// Time spent on a part of all requests together, ns.
fn spent_ns(totals: &Pair<'_>, part: Part) -> f64 {
    match part {
        Part::Dns => totals.window(Phase::Dns).sum_ns(),
        Part::Connect => totals.window(Phase::Connect).sum_ns(),
        Part::Tunnel => totals.window(Phase::Tunnel).sum_ns(),
        Part::Tls => totals.window(Phase::Tls).sum_ns() + totals.window(Phase::TlsResumed).sum_ns(),
        Part::Ttfb => totals.window(Phase::Ttfb).sum_ns(),
        Part::Transfer => totals.window(Phase::Transfer).sum_ns(),
    }
}

fn bar(canvas: &mut Canvas<'_>, area: Area, sums: &[f64; 6]) {
    let all: f64 = sums.iter().sum();
    let mut before = 0.0;
    if area.height == 0 {
        return;
    }
    for part in Part::ALL {
        let width = f64::from(area.width);
        let edge = |sum: f64| (sum / all * width).round() as u16;
        let (from, to) = (edge(before), edge(before + sums[part as usize]));
        let (fill, style) = canvas.theme.part(part);
        for x in from..to {
            canvas.put_char(area.x + x, area.y, fill, style);
        }
        before += sums[part as usize];
    }
}

fn legend(canvas: &mut Canvas<'_>, area: Area, sums: &[f64; 6], requests: f64) {
    if area.height == 0 {
        return;
    }
    let all: f64 = sums.iter().sum();
    let shown = || {
        Part::ALL
            .into_iter()
            .filter(|&part| sums[part as usize] > 0.0)
    };
    let text = |part: Part, long: bool| {
        let sum = sums[part as usize];
        let (name, share) = (part.name(), number::share(sum / all));
        match long {
            true => format!(
                " {name} {} {share}",
                number::short_time((sum / requests) as u64)
            ),
            false => format!(" {name} {share}"),
        }
    };
    // Every part shows its name, if need be without its time.
    let wide: usize = shown()
        .map(|part| text(part, true).chars().count() + 2)
        .sum();
    let long = wide <= usize::from(area.width) + 1;
    let mut x = 0;
    for part in shown() {
        let (fill, style) = canvas.theme.part(part);
        let text = text(part, long);
        if usize::from(area.width.saturating_sub(x)) < text.chars().count() + 1 {
            return;
        }
        canvas.put_char(area.x + x, area.y, fill, style);
        x += 1 + canvas.put(area.right_of(x + 1), &text, Role::Text) + 1;
    }
}

/// Draws names and figures in two columns, line by line, with changes where they fit.
fn facts(canvas: &mut Canvas<'_>, area: Area, facts: &[(&str, Figure)], marked: bool) {
    let wide = area.width / 2;
    let marked = marked && wide >= FACT_NAME + 13;
    for (at, (name, value)) in facts.iter().enumerate() {
        let column = wide * (at as u16 % 2);
        let line = area.below(at as u16 / 2).right_of(column).left(wide - 1);
        if line.height == 0 {
            return;
        }
        canvas.put(line.left(FACT_NAME), name, Role::Dim);
        let place = line.right_of(FACT_NAME).left(if marked { 12 } else { 6 });
        figure(canvas, place, value, marked);
    }
}

fn connections(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    let look = model.look();
    let pair = look.totals();
    canvas.heading(area.top(1), "Connections");
    let snapshot = look.snapshot();
    let activity = |of: fn(&Group) -> u64| {
        Figure::count_if_known(snapshot.has_activity.then(|| of(&snapshot.totals)))
    };
    let rows = [
        ("requests", pair.count(|group| group.requests.count)),
        ("reuse", pair.reuse()),
        ("opened", pair.count(|group| group.connections.opened)),
        ("failed", pair.failures(Group::failures)),
        ("open", pair.level(|group| group.connections.open_now)),
        (
            "idle",
            activity(|group| group.connections.idle_now + group.connections.unused_now),
        ),
        ("in flight", activity(|group| group.requests.in_flight_now)),
        (
            "connecting",
            activity(|group| group.connections.connecting_now),
        ),
    ];
    facts(canvas, area.below(1), &rows, look.mark.is_some());
    let last = area.below(5).top(1);
    trend(canvas, last, model, "open", |point| point.open as f64);
}

fn time_wait(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    let look = model.look();
    let view = &look.snapshot().time_wait;
    canvas.heading(area.top(1), "TIME_WAIT and ports");
    let rows = [
        ("now", Figure::count(view.current)),
        ("peak", Figure::count(view.peak)),
        (
            "entered",
            look.totals().count(|group| group.tcp.time_wait_entered),
        ),
        ("at start", Figure::count(view.at_start)),
    ];
    facts(canvas, area.below(1), &rows, look.mark.is_some());
    ports(canvas, area.below(3), model);
    let last = area.below(5).top(1);
    trend(canvas, last, model, "t-wait", |point| {
        point.time_wait as f64
    });
}

/// Draws the destination to which most local ports are in use.
fn ports(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    let view = &model.shown.snapshot.time_wait;
    let range = view
        .port_range
        .map(|(low, high)| u32::from(high.saturating_sub(low)) + 1);
    let Some(most) = view.destinations.first() else {
        canvas.put(area.top(1), "no local port in use", Role::Dim);
        return;
    };
    let ratio = most.ports_used_ratio.unwrap_or(0.0);
    let role = if ratio >= 0.5 {
        Role::Worse
    } else {
        Role::Plot
    };
    let of = range.map_or_else(String::new, |range| format!(" of {range}"));
    let text = format!(" {}{of} ports in use", number::share(ratio));
    let gauge = area.top(1).left(area.width.min(10));
    if gauge.height != 0 {
        canvas.gauge(gauge, ratio, role);
    }
    canvas.put(area.top(1).right_of(10), &text, Role::Text);
    let used = number::short_count(most.ports_used);
    let destination = most.remote.to_string();
    canvas.line(
        area.below(1).top(1),
        &[
            (&used, Role::Text),
            (" toward ", Role::Dim),
            (&destination, Role::Text),
        ],
    );
}

fn trend(canvas: &mut Canvas<'_>, line: Area, model: &Model, name: &str, of: fn(&Point) -> f64) {
    if line.height == 0 {
        return;
    }
    let points = &model.shown.snapshot.series.points;
    canvas.put(line.left(10), name, Role::Dim);
    let values: Vec<Option<f64>> = points.iter().map(|point| Some(of(point))).collect();
    let place = line.right_of(10);
    canvas.sparkline(place.left(place.width.saturating_sub(1)), &values);
}
