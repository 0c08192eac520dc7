//! The graph as text.

use std::fmt::Write as _;

use super::Graph;
use super::resolve::Arrow;

/// All arrows of the package by file, then its circles.
pub(crate) fn whole(graph: &Graph) -> String {
    let mut text = format!(
        "{}: {} files, {} arrows\n",
        graph.package,
        graph.files.len(),
        graph.arrows.len()
    );
    for (id, file) in graph.files.iter().enumerate() {
        let arrows: Vec<&Arrow> = graph.arrows.iter().filter(|it| it.from == id).collect();
        if !arrows.is_empty() {
            let _ = writeln!(text, "  {} ({})", file.room, file.path.display());
            text.extend(arrows.iter().map(|arrow| line(graph, arrow)));
        }
    }
    for component in graph.circles() {
        text.push_str(&circle(graph, &component));
    }
    text
}

fn line(graph: &Graph, arrow: &Arrow) -> String {
    let to = &graph.files[arrow.to].room;
    let parent = if graph.is_to_parent(arrow) {
        " (its parent)"
    } else {
        ""
    };
    format!("    {:>4}: {} -> {to}{parent}\n", arrow.line, arrow.name)
}

/// The files of a circle, its shortest way around, and each arrow inside it.
fn circle(graph: &Graph, component: &[usize]) -> String {
    let rooms: Vec<&str> = component
        .iter()
        .map(|id| graph.files[*id].room.as_str())
        .collect();
    let mut text = format!(
        "{}: circle of {}: {}\n",
        graph.package,
        rooms.len(),
        rooms.join(" ")
    );
    let _ = writeln!(
        text,
        "  shortest: {}",
        way(graph, &graph.shortest(component))
    );
    let inside = |id: &usize| component.contains(id);
    let inner = graph
        .arrows
        .iter()
        .filter(|it| inside(&it.from) && inside(&it.to));
    for arrow in inner.filter(|it| !graph.is_to_parent(it)) {
        let from = &graph.files[arrow.from];
        let to = &graph.files[arrow.to].room;
        let place = format!("{}:{}", from.path.display(), arrow.line);
        let _ = writeln!(text, "  {place}: {} -> {to}", arrow.name);
    }
    text
}

/// `a.rs:3 (b::X) -> b.rs:7 (a::Y) -> a.rs`.
pub(crate) fn way(graph: &Graph, arrows: &[&Arrow]) -> String {
    let steps = arrows.iter().map(|arrow| {
        let path = graph.files[arrow.from].path.display();
        format!("{path}:{} ({}) -> ", arrow.line, arrow.name)
    });
    let first = arrows
        .first()
        .map(|arrow| graph.files[arrow.from].path.display().to_string());
    steps.chain(first).collect()
}
