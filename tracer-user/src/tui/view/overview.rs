//! The first screen: what is slow, and why.

use tracer_core::{
    cost::{Cost, Part},
    group::{ClosedBy, Group},
    phase::Phase,
    series::Point,
};

use tracer_text::number;

use super::{
    canvas::Canvas,
    phases::{self, MAXIMUM, Side},
    table::figure,
};
use crate::tui::{
    model::{
        Model,
        figure::{Figure, Pair},
        layout::Area,
        phases::overview_rows_above,
    },
    theme::Role,
};

/// Least width for two columns below the phases.
const TWO_COLUMNS: u16 = 70;
/// Columns of the name of a fact.
const FACT_NAME: u16 = 11;
/// Rows of the bar with its heading and legend.
const BAR_ROWS: u16 = 4;
/// Rows of the facts about connections, with heading, failures and trend.
const FACT_ROWS: u16 = 8;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Area, model: &Model) {
    let look = model.look();
    let totals = look.totals();
    let side = Side::Trend(&look.snapshot().series);
    let marked = look.compares();
    let (cost, chosen) = (look.cost(), model.chosen_phase());
    let area = match model.has_top_finding() {
        true => {
            super::findings::draw_top(canvas, area.top(1), model);
            area.below(1)
        }
        false => area,
    };
    let above = overview_rows_above(area);
    if above != 0 {
        request(canvas, area.top(above), cost.as_ref());
        phases::draw(canvas, area.below(above), &totals, chosen, &side, marked);
        return;
    }
    let table = 1 + Phase::ON_SCREEN.len() as u16;
    phases::draw(canvas, area.top(table), &totals, chosen, &side, marked);
    let roomy = area.height > table + BAR_ROWS + 6;
    let rest = area.below(table + u16::from(roomy));
    request(canvas, rest.top(BAR_ROWS), cost.as_ref());
    let rest = rest.below(BAR_ROWS);
    let failed = failed(canvas, rest.top(1), &totals);
    let rest = rest.below(failed + u16::from(roomy));
    if area.width >= TWO_COLUMNS {
        let half = area.width / 2;
        connections(canvas, rest.left(half - 1), model);
        time_wait(canvas, rest.right_of(half), model);
        super::table::busiest_hosts(canvas, rest.below(FACT_ROWS + 1), model);
    } else {
        connections(canvas, rest.top(FACT_ROWS), model);
        time_wait(canvas, rest.below(FACT_ROWS), model);
    }
}

/// Draws where the time of a request goes until the application has read the response: each part's time, divided by
/// the number of requests, and what of it could have been avoided.
fn request(canvas: &mut Canvas<'_>, area: Area, cost: Option<&Cost>) {
    let Some(cost) = cost else {
        canvas.heading(area, "A request takes");
        canvas.put(area.below(1), "no request yet", Role::Dim);
        return;
    };
    let most = cost.largest();
    let time = number::short_time(cost.total_ns() as u64);
    let share = number::share(cost.spent_ns(most) / cost.total_ns());
    let text = match (area.width, most) {
        (0..50, _) => format!("A request: {time}, {share} {}", most.name()),
        (_, Part::Pickup) => {
            let unread = number::short_time(cost.spent_ns(most) as u64);
            format!("A request takes {time}, {unread} of it unread: the crawler is slow to read")
        }
        _ => format!(
            "A request takes {time} until it is read, {share} of it {}",
            most.name()
        ),
    };
    canvas.heading(area, &text);
    bar(canvas, area.below(1).top(1), cost);
    legend(canvas, area.below(2).top(1), cost);
    avoidable(canvas, area.below(3).top(1), cost);
}

fn avoidable(canvas: &mut Canvas<'_>, line: Area, cost: &Cost) {
    let causes = cost.causes();
    let Some((_, first)) = causes.first() else {
        canvas.put(line, "avoidable: none of it", Role::Dim);
        return;
    };
    let share = format!("avoidable {}", number::share(cost.avoidable()));
    let also: Vec<String> = causes[1..]
        .iter()
        .map(|(share, cause)| format!("; {} {cause}", number::share(*share)))
        .collect();
    canvas.line(
        line,
        &[
            (&share, Role::Worse),
            (": ", Role::Text),
            (first, Role::Text),
            (&also.concat(), Role::Dim),
        ],
    );
}

fn bar(canvas: &mut Canvas<'_>, area: Area, cost: &Cost) {
    let all = cost.total_ns();
    let mut before = 0.0;
    if area.height == 0 {
        return;
    }
    for part in Part::ALL {
        let width = f64::from(area.width);
        let edge = |sum: f64| (sum / all * width).round() as u16;
        let (from, to) = (edge(before), edge(before + cost.spent_ns(part)));
        let (fill, style) = canvas.theme.part(part);
        for x in from..to {
            canvas.put_char(area.x + x, area.y, fill, style);
        }
        before += cost.spent_ns(part);
    }
}

fn legend(canvas: &mut Canvas<'_>, area: Area, cost: &Cost) {
    if area.height == 0 {
        return;
    }
    let all = cost.total_ns();
    let shown = || {
        Part::ALL
            .into_iter()
            .filter(|&part| cost.spent_ns(part) > 0.0)
    };
    let text = |part: Part, long: bool| {
        let each_ns = cost.spent_ns(part);
        let (name, share) = (part.name(), number::share(each_ns / all));
        match long {
            true => format!(" {name} {} {share}", number::short_time(each_ns as u64)),
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
    let closed = |of: fn(&ClosedBy) -> u64| pair.count(|group| of(&group.connections.closed_by));
    let rows = [
        ("requests", pair.count(|group| group.requests.count)),
        ("reuse", pair.reuse()),
        ("opened", pair.count(|group| group.connections.opened)),
        (
            "never used",
            pair.count(|group| group.connections.never_used()),
        ),
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
        ("closed: us", closed(|by| by.client)),
        ("by server", closed(|by| by.server)),
        ("reset: us", closed(|by| by.client_reset)),
        ("by server", closed(|by| by.server_reset)),
    ];
    let area = area.below(1);
    let room = usize::from(area.height).saturating_sub(1).max(3) * 2;
    let rows = &rows[..rows.len().min(room)];
    facts(canvas, area, rows, look.compares());
    let last = area.below(rows.len() as u16 / 2).top(1);
    trend(canvas, last, model, "open", |point| point.open as f64);
}

/// Draws what failed, by name; returns the number of lines that it took, none without failures.
fn failed(canvas: &mut Canvas<'_>, line: Area, pair: &Pair<'_>) -> u16 {
    let all = pair.count(Group::failures).value.unwrap_or(0.0) as u64;
    if all == 0 {
        return 0;
    }
    let kinds = Group::default().failures_by_kind();
    let parts: Vec<String> = (0..kinds.len())
        .filter_map(|at| {
            let count = pair.count(|group| group.failures_by_kind()[at].0).value? as u64;
            let name = match count {
                1 => kinds[at].1.trim_end_matches('s'),
                _ => kinds[at].1,
            };
            let text = format!("{} {name}", number::short_count(count));
            (count != 0).then_some(text)
        })
        .collect();
    let count = format!("failed {}", number::short_count(all));
    let parts = format!(": {}", parts.join(", "));
    canvas.line(line, &[(&count, Role::Worse), (&parts, Role::Text)]);
    1
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
    facts(canvas, area.below(1), &rows, look.compares());
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
    let shown = place.right_of(MAXIMUM + 1);
    let shown = shown.left(shown.width.saturating_sub(1));
    let most = canvas.sparkline(shown, &values);
    if let Some(most) = most {
        let text = number::short_count(most as u64);
        canvas.put_right(place.left(MAXIMUM), &text, Role::Dim);
    }
}
