//! Everything in a graph that the house rules refuse, less what stands in the table of exceptions.

use super::bans::{self, Ban};
use super::layers;
use super::resolve::Arrow;
use super::{Graph, is_inside, report};
use crate::exceptions::{ArrowException, CircleException, ModuleException};

/// The tables against which a graph is held.
pub(crate) struct Rules<'r> {
    /// Floors of the crate, top first; none if its rooms have no order.
    pub(crate) floors: &'r [&'r [&'r str]],
    pub(crate) bans: &'r [Ban],
    pub(crate) circles: &'r [CircleException],
    pub(crate) arrows: &'r [ArrowException],
    pub(crate) modules: &'r [ModuleException],
}

/// A line for each fault, and for each exception that excuses nothing.
pub(crate) fn of(graph: &Graph, rules: &Rules<'_>) -> Vec<String> {
    let mut faults = circles(graph, rules.circles);
    let (arrows, homeless) = forbidden(graph, rules);
    faults.extend(arrows_less_exceptions(graph, arrows, rules.arrows));
    faults.extend(homeless);
    faults.extend(misplaced(graph, rules.modules));
    faults
}

fn misplaced(graph: &Graph, exceptions: &[ModuleException]) -> Vec<String> {
    let is = |it: &ModuleException, file: usize, module: &str| {
        graph.files[file].room == it.file && module == it.module
    };
    let exceptions = exceptions.iter().filter(|it| it.package == graph.package);
    let (used, unused): (Vec<_>, Vec<_>) =
        exceptions.partition(|it| graph.misplaced.iter().any(|m| is(it, m.file, &m.module)));
    let left = graph
        .misplaced
        .iter()
        .filter(|m| !used.iter().any(|it| is(it, m.file, &m.module)));
    let left = left.map(|m| {
        format!(
            "{}: module {}: {}",
            place(graph, m.file, m.line),
            m.module,
            m.why
        )
    });
    let unused = unused.iter().map(|it| {
        let ModuleException {
            package,
            file,
            module,
            why,
        } = it;
        format!("xtask/src/exceptions.rs: {package}: module {module} of {file} is in its place: remove the entry ({why})")
    });
    left.chain(unused).collect()
}

fn circles(graph: &Graph, exceptions: &[CircleException]) -> Vec<String> {
    let exceptions = exceptions.iter().filter(|it| it.package == graph.package);
    let mut left: Vec<(&CircleException, Vec<&str>)> =
        exceptions.map(|it| (it, it.files.to_vec())).collect();
    let mut faults = Vec::new();
    for component in graph.circles() {
        let rooms: Vec<&str> = component
            .iter()
            .map(|id| graph.files[*id].room.as_str())
            .collect();
        let excuse = left
            .iter_mut()
            .find(|(exception, _)| rooms.iter().all(|room| exception.files.contains(room)));
        match excuse {
            Some((_, unused)) => unused.retain(|file| !rooms.contains(file)),
            None => faults.push(circle(graph, &component, &rooms)),
        }
    }
    faults.extend(
        left.iter()
            .filter_map(|(exception, unused)| stale_circle(exception, unused)),
    );
    faults
}

fn circle(graph: &Graph, component: &[usize], rooms: &[&str]) -> String {
    let shortest = graph.shortest(component);
    let way = report::way(graph, &shortest);
    let more = match rooms.len() == shortest.len() {
        true => String::new(),
        false => format!("; {} files are in it: {}", rooms.len(), rooms.join(" ")),
    };
    format!("circle in {}: {way}{more}", graph.package)
}

fn stale_circle(exception: &CircleException, unused: &[&str]) -> Option<String> {
    let CircleException {
        package,
        files,
        why,
    } = exception;
    let named = unused.join(" ");
    match unused.len() {
        0 => None,
        all if all == files.len() => Some(format!(
            "xtask/src/exceptions.rs: {package} has no circle of {named} any more: remove the entry ({why})"
        )),
        _ => Some(format!(
            "xtask/src/exceptions.rs: {package}: no longer in the circle: {named}: take them out of the entry ({why})"
        )),
    }
}

/// A forbidden arrow with the line that says so.
struct Forbidden<'g> {
    from: &'g str,
    to: String,
    line: String,
}

fn forbidden<'g>(graph: &'g Graph, rules: &Rules<'_>) -> (Vec<Forbidden<'g>>, Vec<String>) {
    let mut arrows: Vec<Forbidden<'_>> = bans::check(graph, rules.bans)
        .into_iter()
        .map(|breach| Forbidden {
            from: &graph.files[breach.from].room,
            line: format!(
                "{}: {} ({})",
                place(graph, breach.from, breach.line),
                breach.name,
                breach.why
            ),
            to: breach.to,
        })
        .collect();
    if rules.floors.is_empty() {
        return (arrows, Vec::new());
    }
    let found = layers::check(graph, rules.floors);
    arrows.extend(found.climbing.iter().map(|arrow| climbing(graph, arrow)));
    let homeless = found.homeless.iter().map(|file| {
        let path = graph.files[*file].path.display();
        format!("{path}: stands on no floor: give it one in xtask/src/graph/layers.rs")
    });
    (arrows, homeless.collect())
}

fn climbing<'g>(graph: &'g Graph, arrow: &Arrow) -> Forbidden<'g> {
    let (from, to) = (&graph.files[arrow.from].room, &graph.files[arrow.to].room);
    Forbidden {
        from,
        to: to.clone(),
        line: format!(
            "{}: {} climbs from {from} to {to} (floors are in xtask/src/graph/layers.rs)",
            place(graph, arrow.from, arrow.line),
            arrow.name
        ),
    }
}

fn place(graph: &Graph, file: usize, line: usize) -> String {
    format!("{}:{line}", graph.files[file].path.display())
}

fn arrows_less_exceptions(
    graph: &Graph,
    arrows: Vec<Forbidden<'_>>,
    exceptions: &[ArrowException],
) -> Vec<String> {
    let exceptions = exceptions.iter().filter(|it| it.package == graph.package);
    let mut left: Vec<(&ArrowException, bool)> = exceptions.map(|it| (it, false)).collect();
    let mut faults = Vec::new();
    for arrow in arrows {
        let excuse = left
            .iter_mut()
            .find(|(it, _)| is_inside(arrow.from, it.from) && is_inside(&arrow.to, it.to));
        match excuse {
            Some((_, is_used)) => *is_used = true,
            None => faults.push(arrow.line),
        }
    }
    let unused = left.iter().filter(|(_, is_used)| !is_used).map(|(it, _)| {
        let ArrowException {
            package,
            from,
            to,
            why,
        } = it;
        format!("xtask/src/exceptions.rs: {package}: no forbidden arrow leads from {from} to {to}: remove the entry ({why})")
    });
    faults.extend(unused);
    faults
}

#[cfg(test)]
mod tests;
