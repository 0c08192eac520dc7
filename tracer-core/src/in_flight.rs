//! How many requests were in flight at once.
//!
//! A turn is reported when the next one begins or the connection closes: its times are exact, but turns come in
//! any order. So a history is kept of how many were in flight when, in stretches of time. It is forgotten as soon
//! as nothing that is still to come can raise the peak: when the peak is all connections that were ever open at
//! once, and when none is open. Its room is bounded: then the stretches most alike are joined. A turn that covers a
//! joined stretch, or a part of its busiest moment, still counts there; one that covers only another part of it
//! meets there the least of it. So the peak is never too high, and too low only when a turn is reported that late.

use crate::elapsed::elapsed;

/// Stretches kept at most.
const MOST_ROOM: usize = 8192;
/// Stretches for each connection that was open at once, and the least of them in a host's group and others.
const ROOM_EACH: usize = 16;
const SMALL_ROOM: usize = 32;
const LARGE_ROOM: usize = 1024;

/// The most requests in flight at once, and what it takes to go on counting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InFlight {
    /// In order of time. Before the first there was nothing; the last has no end.
    stretches: Vec<Stretch>,
    /// Turns that are not in the stretches yet: begin and end, ns.
    waiting: Vec<(u64, u64)>,
    /// The most in the stretches, and in those forgotten.
    peak: u32,
    roomy: bool,
}

/// From its start to the next one's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stretch {
    start_ns: u64,
    /// In flight at the busiest moment, which is from `most_ns` up to `most_end_ns`.
    most: u32,
    /// In flight at every other moment, at least.
    least: u32,
    most_ns: u64,
    most_end_ns: u64,
}

impl InFlight {
    /// With room for late turns of many connections.
    pub fn roomy() -> Self {
        Self {
            roomy: true,
            ..Self::default()
        }
    }

    /// Most at once.
    pub fn peak(&self) -> u64 {
        let waiting = match self.waiting.as_slice() {
            [] => 0,
            _ => most_of(&self.with_waiting()),
        };
        self.peak.max(waiting).into()
    }

    /// A request was in flight from `start_ns` up to `end_ns`; so far never more than `peak_open` connections
    /// were open.
    pub fn add(&mut self, start_ns: u64, end_ns: u64, peak_open: u64) {
        self.peak = self.peak.max(1);
        if u64::from(self.peak) >= peak_open {
            return;
        }
        self.waiting
            .push((start_ns, end_ns.max(start_ns.saturating_add(1))));
        let room = self.room(peak_open);
        if self.waiting.len() < room / 4 {
            return;
        }
        self.settle();
        if u64::from(self.peak) >= peak_open {
            self.forget();
        } else if self.stretches.len() > room {
            self.join(room / 2);
        }
    }

    /// No connection is open: every turn has been reported.
    pub fn rest(&mut self) {
        if !self.waiting.is_empty() {
            self.settle();
        }
        self.forget();
    }

    fn room(&self, peak_open: u64) -> usize {
        let least = if self.roomy { LARGE_ROOM } else { SMALL_ROOM };
        let wanted = usize::try_from(peak_open).unwrap_or(MOST_ROOM);
        wanted.saturating_mul(ROOM_EACH).clamp(least, MOST_ROOM)
    }

    fn forget(&mut self) {
        self.stretches = Vec::new();
        self.waiting = Vec::new();
    }

    fn settle(&mut self) {
        self.stretches = self.with_waiting();
        self.waiting.clear();
        self.peak = self.peak.max(most_of(&self.stretches));
    }

    /// The stretches, with those turns in them that wait.
    fn with_waiting(&self) -> Vec<Stretch> {
        let edges = edges(&self.waiting);
        let (before, old) = self.stretches.split_at(self.over_before(&edges));
        let mut whole: Vec<Stretch> = Vec::with_capacity(self.stretches.len() + edges.len());
        whole.extend(before);
        let mut old = old.iter().peekable();
        let mut edges = edges.into_iter().peekable();
        let (mut below, mut level) = (Stretch::default(), 0u32);
        let mut next = earlier(edges.peek(), old.peek());
        while let Some(at) = next {
            while let Some((_, change)) = edges.next_if(|&(edge, _)| edge == at) {
                level = level.saturating_add_signed(change);
            }
            if let Some(&stretch) = old.next_if(|stretch| stretch.start_ns == at) {
                below = stretch;
            }
            next = earlier(edges.peek(), old.peek());
            let part = below.part(at, next.unwrap_or(u64::MAX), level);
            match whole.last_mut() {
                Some(last) if last.goes_on_as(&part) => last.most_end_ns = part.most_end_ns,
                _ => whole.push(part),
            }
        }
        whole
    }

    /// How many stretches are over before the first edge.
    fn over_before(&self, edges: &[(u64, i32)]) -> usize {
        let first = edges.first().map_or(0, |&(edge, _)| edge);
        let begun = |stretch: &Stretch| stretch.start_ns <= first;
        self.stretches.partition_point(begun).saturating_sub(1)
    }

    /// Joins neighbours until there are only so many stretches: first those that lose least by it. The latest stay
    /// as they are, since most turns are reported soon.
    fn join(&mut self, most: usize) {
        let mut slack = 1;
        while self.stretches.len() > most {
            self.join_alike(self.stretches.len() - most / 2, slack);
            slack = 2 * slack + 1;
        }
    }

    /// Joins pairs among the first `old` whose counts differ by no more than `slack`.
    fn join_alike(&mut self, old: usize, slack: u32) {
        let (mut from, mut to) = (0, 0);
        while let Some(&stretch) = self.stretches.get(from) {
            let joined = match self.stretches.get(from + 1) {
                Some(next) if from + 1 < old => stretch.join(next, slack),
                _ => None,
            };
            self.stretches[to] = joined.unwrap_or(stretch);
            from += 1 + usize::from(joined.is_some());
            to += 1;
        }
        self.stretches.truncate(to);
    }
}

impl Stretch {
    /// The part from `start_ns` up to `end_ns`, with `level` more in flight.
    fn part(&self, start_ns: u64, end_ns: u64, level: u32) -> Self {
        let busiest = (
            self.most_ns.max(start_ns),
            self.most_end_ns.min(end_ns),
            self.most,
        );
        let (most_ns, most_end_ns, most) = if busiest.0 < busiest.1 {
            busiest
        } else {
            (start_ns, end_ns, self.least)
        };
        Self {
            start_ns,
            most: most + level,
            least: self.least + level,
            most_ns,
            most_end_ns,
        }
    }

    /// As many were in flight all the time in both.
    fn goes_on_as(&self, next: &Self) -> bool {
        let count = self.least;
        [self.most, next.least, next.most] == [count; 3]
    }

    /// This one and the next as one, unless the counts differ by more than `slack`.
    fn join(&self, next: &Self, slack: u32) -> Option<Self> {
        let busier = if next.busy() > self.busy() {
            next
        } else {
            self
        };
        let least = self.least.min(next.least);
        (busier.most - least <= slack).then_some(Self {
            start_ns: self.start_ns,
            least,
            ..*busier
        })
    }

    /// How busy, then for how long: a long moment is more easily met by a late turn.
    fn busy(&self) -> (u32, u64) {
        let lasts_ns = elapsed(self.most_end_ns, self.most_ns).unwrap_or(0);
        (self.most, lasts_ns)
    }
}

/// When a turn begins and ends, and what that does to the count, in order.
fn edges(turns: &[(u64, u64)]) -> Vec<(u64, i32)> {
    let edges = turns
        .iter()
        .flat_map(|&(start, end)| [(start, 1), (end, -1)]);
    let mut edges: Vec<(u64, i32)> = edges.collect();
    edges.sort_unstable();
    edges
}

fn earlier(edge: Option<&(u64, i32)>, stretch: Option<&&Stretch>) -> Option<u64> {
    match (edge, stretch) {
        (Some(&(edge, _)), Some(stretch)) => Some(edge.min(stretch.start_ns)),
        (edge, stretch) => edge.map(|edge| edge.0).or(stretch.map(|s| s.start_ns)),
    }
}

fn most_of(stretches: &[Stretch]) -> u32 {
    let most = stretches.iter().map(|stretch| stretch.most);
    most.max().unwrap_or_default()
}

#[cfg(test)]
mod tests;
