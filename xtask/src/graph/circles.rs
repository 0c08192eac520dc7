//! Circles in a directed graph: Tarjan's strongly connected components, and a short way around each.

use std::collections::VecDeque;

/// Every set of two or more nodes that all reach each other, smallest node first.
pub(crate) fn components(nodes: usize, arrows: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut search = Search {
        next: following(nodes, arrows),
        number: vec![None; nodes],
        lowest: vec![0; nodes],
        stack: Vec::new(),
        count: 0,
        found: Vec::new(),
    };
    for node in 0..nodes {
        if search.number[node].is_none() {
            search.visit(node);
        }
    }
    search.found.sort();
    search.found
}

/// The shortest way from a node of the component back to itself.
pub(crate) fn shortest(nodes: usize, arrows: &[(usize, usize)], component: &[usize]) -> Vec<usize> {
    let inside = |node: &usize| component.contains(node);
    let inner = arrows.iter().filter(|(a, b)| inside(a) && inside(b));
    let next = following(nodes, &inner.copied().collect::<Vec<_>>());
    let ways = component.iter().filter_map(|start| way_back(&next, *start));
    ways.min_by_key(Vec::len).unwrap_or_default()
}

fn following(nodes: usize, arrows: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut next = vec![Vec::new(); nodes];
    for (from, to) in arrows {
        next[*from].push(*to);
    }
    next
}

/// Breadth first, so the first way found is a shortest one.
fn way_back(next: &[Vec<usize>], start: usize) -> Option<Vec<usize>> {
    let mut before = vec![None; next.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &to in &next[node] {
            if to == start {
                return Some(trace(&before, start, node));
            }
            if before[to].is_none() {
                before[to] = Some(node);
                queue.push_back(to);
            }
        }
    }
    None
}

fn trace(before: &[Option<usize>], start: usize, last: usize) -> Vec<usize> {
    let mut way = vec![last];
    while let Some(&node) = way.last().filter(|node| **node != start) {
        way.extend(before[node]);
    }
    way.reverse();
    way
}

struct Search {
    next: Vec<Vec<usize>>,
    number: Vec<Option<usize>>,
    lowest: Vec<usize>,
    stack: Vec<usize>,
    count: usize,
    found: Vec<Vec<usize>>,
}

impl Search {
    fn visit(&mut self, node: usize) {
        let number = self.count;
        self.number[node] = Some(number);
        self.lowest[node] = number;
        self.count += 1;
        self.stack.push(node);
        for to in self.next[node].clone() {
            self.follow(node, to);
        }
        if self.lowest[node] == number {
            self.close(node);
        }
    }

    fn follow(&mut self, node: usize, to: usize) {
        let reached = match self.number[to] {
            None => {
                self.visit(to);
                self.lowest[to]
            }
            Some(number) if self.stack.contains(&to) => number,
            Some(_) => return,
        };
        self.lowest[node] = self.lowest[node].min(reached);
    }

    /// Everything above `node` on the stack is its component.
    fn close(&mut self, node: usize) {
        let bottom = self.stack.iter().position(|it| *it == node).unwrap_or(0);
        let mut component = self.stack.split_off(bottom);
        component.sort_unstable();
        if component.len() > 1 {
            self.found.push(component);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nodes_that_reach_each_other_are_a_component() {
        let arrows = [
            (0, 1),
            (1, 2),
            (2, 0),
            (2, 3),
            (3, 4),
            (5, 6),
            (6, 5),
            (4, 5),
        ];
        assert_eq!(components(7, &arrows), [vec![0, 1, 2], vec![5, 6]]);
        assert!(components(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]).is_empty());
    }

    #[test]
    fn the_shortest_way_around_is_found() {
        let arrows = [(0, 1), (1, 2), (2, 3), (3, 0), (2, 1)];
        assert_eq!(shortest(4, &arrows, &[0, 1, 2, 3]), [1, 2]);
        assert_eq!(
            shortest(3, &[(0, 1), (1, 2), (2, 0)], &[0, 1, 2]),
            [0, 1, 2]
        );
    }
}
