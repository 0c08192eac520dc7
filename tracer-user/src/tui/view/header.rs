//! The first line: target, duration, requests a second, failures, losses.

use unicode_width::UnicodeWidthStr;

use tracer_text::number;

use super::canvas::Canvas;
use crate::{
    trace::{
        live::{Moment, Stage},
        playback::Playing,
    },
    tui::{
        model::{Model, layout::Area},
        theme::Role,
    },
};

/// Columns of the target that are shown before the last of the other pieces.
const TARGET: usize = 24;

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model) {
    let area = model.layout().header;
    if area.height == 0 {
        return;
    }
    let taken = canvas.put(area, " tracer ", Role::Accent);
    let rest = area.right_of(taken);
    let wide = model.about.target.width().min(TARGET) as u16;
    let used = status(canvas, rest.right_of(wide.min(rest.width / 3)), model);
    let room = rest.left(rest.width.saturating_sub(used + 1));
    canvas.put(room, &model.about.target, Role::Title);
}

/// Draws the status at the right; the most important pieces are cut last. Returns the columns it took.
pub(super) fn status(canvas: &mut Canvas<'_>, area: Area, model: &Model) -> u16 {
    let mut left = area.width;
    let mut used = 0;
    for (text, role) in pieces(model) {
        let wide = canvas.theme.text(&text).width() as u16 + 1;
        if wide > left {
            break;
        }
        canvas.put_right(area.left(left), &text, role);
        left -= wide;
        used += wide;
    }
    used
}

/// Pieces of the status from the right, the most important first.
fn pieces(model: &Model) -> Vec<(String, Role)> {
    let moment = &model.shown;
    let events = &moment.snapshot.events;
    let mut pieces = Vec::new();
    let lost = events.losses();
    if lost != 0 {
        pieces.push((format!(" LOST {} ", number::short_count(lost)), Role::Alarm));
    }
    let unwatched = moment.snapshot.totals.connections.unwatched;
    if unwatched != 0 {
        let count = number::short_count(unwatched);
        pieces.push((format!(" {count} CONNECTIONS NOT SEEN "), Role::Alarm));
    }
    match (&moment.stage, model.paused) {
        (_, true) => pieces.push((" PAUSED ".to_owned(), Role::Alarm)),
        (Stage::Tracing, _) => {}
        (Stage::Ending, _) => pieces.push(("ending".to_owned(), Role::Worse)),
        (Stage::Over(_), _) => pieces.push(("ended".to_owned(), Role::Worse)),
    }
    match moment.playing {
        Some(Playing { paused: true, .. }) => {
            pieces.push((" REPLAY PAUSED ".to_owned(), Role::Alarm));
        }
        Some(Playing { speed, .. }) => {
            pieces.push((format!("replay {}", speed.short()), Role::Better))
        }
        None => {}
    }
    pieces.extend(origin(model));
    pieces.push((
        number::clock(moment.elapsed_ns / 1_000_000_000),
        Role::Title,
    ));
    pieces.extend(rate(moment));
    let failed = moment.snapshot.totals.failures();
    let role = if failed == 0 { Role::Dim } else { Role::Worse };
    pieces.push((format!("failed {}", number::short_count(failed)), role));
    if lost == 0 {
        pieces.push(("lost 0".to_owned(), Role::Dim));
    }
    if events.overflowed != 0 {
        let text = format!(
            "{} in the totals only",
            number::short_count(events.overflowed)
        );
        pieces.push((text, Role::Worse));
    }
    let unseen = moment.snapshot.totals.requests.pickups_unseen;
    if unseen != 0 {
        let text = format!("{} pickups not seen", number::short_count(unseen));
        pieces.push((text, Role::Worse));
    }
    pieces
}

/// Stretch of time that the figures belong to, unless that is the whole time.
fn origin(model: &Model) -> Option<(String, Role)> {
    let look = model.look();
    let seconds = look.span_ns() / 1_000_000_000;
    let text = match (model.origin.is_window(), look.mark) {
        (true, _) => format!("last {}", number::short_clock(seconds)),
        (false, Some(_)) => format!("since mark {}", number::clock(seconds)),
        (false, None) => return None,
    };
    Some((text, Role::Better))
}

/// Requests per second: of the last interval, or of the whole trace when it is over.
fn rate(moment: &Moment) -> Option<(String, Role)> {
    let series = &moment.snapshot.series;
    let (count, span_ns) = match moment.stage {
        Stage::Over(_) => (moment.snapshot.totals.requests.count, moment.elapsed_ns),
        _ => (series.points.last()?.requests, series.interval_ns),
    };
    let per_second = count as f64 * 1e9 / span_ns.max(1) as f64;
    let text = format!("{} req/s", number::short_count(per_second.round() as u64));
    Some((text, Role::Text))
}
