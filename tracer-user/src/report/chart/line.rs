//! Line chart of a course.

use maud::{Markup, html};

use super::{BOTTOM, LABELS, WIDTH, height, place, view_box};

/// Limit of the points: of more, each two and more neighbours become one, the largest.
const POINTS: usize = 320;

/// Chart of values, from the beginning on; where one is absent, the line is broken. `end` is the time of the last one.
/// None without a value.
pub(in crate::report) fn line(
    label: &str,
    values: &[Option<f64>],
    print: impl Fn(f64) -> String,
    end: &str,
) -> Option<Markup> {
    let largest = values.iter().flatten().copied().reduce(f64::max)?;
    let points = reduced(values);
    Some(html! {
        svg.plot viewBox=(view_box()) role="img" aria-label=(label) {
            path.axis d=(format!("M 0 {BOTTOM} H {WIDTH}")) {}
            path.course d=(path(&points, largest)) {}
            text.start x="0" y="10" { (print(largest)) }
            text.start x="0" y=(LABELS) { "0 s" }
            text.end x=(WIDTH) y=(LABELS) { (end) }
        }
    })
}

/// Path through the values. One that stands alone is a dot.
fn path(points: &[Option<f64>], largest: f64) -> String {
    let step = WIDTH / (points.len().max(2) - 1) as f64;
    let mut path = String::new();
    let mut before = None;
    for (at, point) in points.iter().enumerate() {
        if let Some(value) = point {
            let part = if largest > 0.0 { value / largest } else { 0.0 };
            let (x, y) = (place(at as f64 * step), place(BOTTOM - height(part)));
            path += &match before {
                Some(_) => format!(" L {x} {y}"),
                None => format!(" M {x} {y} h 0.1"),
            };
        }
        before = *point;
    }
    path.trim_start().to_owned()
}

/// Values with neighbours joined until there are few enough.
fn reduced(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let each = values.len().div_ceil(POINTS).max(1);
    let largest = |chunk: &[Option<f64>]| chunk.iter().flatten().copied().reduce(f64::max);
    values.chunks(each).map(largest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_broken_where_nothing_was_measured() {
        let points = [Some(1.0), None, Some(2.0), Some(0.0)];
        let expected = "M 0.0 59.0 h 0.1 M 213.3 14.0 h 0.1 L 320.0 104.0";
        assert_eq!(path(&points, 2.0), expected);
        assert_eq!(path(&[Some(0.0)], 0.0), "M 0.0 104.0 h 0.1");
        assert!(line("", &[None, None], |_| String::new(), "").is_none());
    }

    #[test]
    fn of_many_points_the_largest_stay() {
        let values: Vec<Option<f64>> = (0..3600).map(|at| Some(f64::from(at))).collect();
        let points = reduced(&values);
        assert!(points.len() <= POINTS, "{}", points.len());
        assert_eq!(points.last(), Some(&Some(3599.0)));
        assert_eq!(reduced(&values[..5]), values[..5]);
    }
}
