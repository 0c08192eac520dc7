//! Counts the highest number of requests in flight at the same time.
//!
//! A turn is reported when the next one begins or the connection closes: its times are exact, but turns come in any
//! order. Therefore a history of the number in flight is kept, as stretches of time. It is dropped as soon as no later
//! report can raise the peak: when the peak equals the highest number of open connections, and when no connection is
//! open. The history has a limit; beyond it the most similar neighbouring stretches are joined. A turn that covers a
//! whole joined stretch, or a part of its busiest moment, is still counted exactly there; a turn that covers only
//! another part is added to the stretch's least number. So the peak is never too high, and too low only for turns that
//! are reported very late.

use crate::elapsed::elapsed;

/// Limit of the stretches kept.
const MOST_ROOM: usize = 8192;
/// Number of stretches per connection that was open at once (`ROOM_EACH`), and the lower limits of their total for a
/// host's group and for other groups.
const ROOM_EACH: usize = 16;
const SMALL_ROOM: usize = 32;
const LARGE_ROOM: usize = 1024;

/// Highest number of requests in flight, and the history needed to go on counting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Stretches in order of time. Before the first one no request was in flight; the last one has no end.
    stretches: Vec<Stretch>,
    /// Begin and end in ns of turns not yet merged into the stretches.
    waiting: Vec<(u64, u64)>,
    /// Highest number in the stretches, including dropped ones.
    peak: u32,
    roomy: bool,
}

/// Stretch of time, up to the start of the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stretch {
    start_ns: u64,
    /// Number in flight at the busiest moment, which is from `most_ns` to `most_end_ns`.
    most: u32,
    /// Lower bound of the number in flight at every other moment.
    least: u32,
    most_ns: u64,
    most_end_ns: u64,
}

impl InFlight {
    /// Makes a counter with room for late turns of many connections.
    pub fn roomy() -> Self {
        Self {
            roomy: true,
            ..Self::default()
        }
    }

    /// A copy with only the highest number of requests in flight. Nothing can be added to it later.
    #[must_use]
    pub fn without_history(&self) -> Self {
        Self {
            peak: u32::try_from(self.peak()).unwrap_or(u32::MAX),
            ..Self::default()
        }
    }

    /// Highest number in flight at the same time.
    pub fn peak(&self) -> u64 {
        let waiting = match self.waiting.as_slice() {
            [] => 0,
            _ => most_of(&self.with_waiting()),
        };
        self.peak.max(waiting).into()
    }

    /// Adds a request that was in flight from `start_ns` to `end_ns`. `peak_open` is the highest number of connections
    /// open at once so far.
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

    /// Notes that no connection is open, so that every turn has been reported.
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

    /// Stretches with the waiting turns merged in.
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

    /// Number of stretches that end before the first edge.
    fn over_before(&self, edges: &[(u64, i32)]) -> usize {
        let first = edges.first().map_or(0, |&(edge, _)| edge);
        let begun = |stretch: &Stretch| stretch.start_ns <= first;
        self.stretches.partition_point(begun).saturating_sub(1)
    }

    /// Joins neighbours until at most this many stretches are left, beginning with those that lose least. The latest
    /// ones are not joined, since most turns are reported soon.
    fn join(&mut self, most: usize) {
        let mut slack = 1;
        while self.stretches.len() > most {
            self.join_alike(self.stretches.len() - most / 2, slack);
            slack = 2 * slack + 1;
        }
    }

    /// Joins pairs among the first `old` stretches if their numbers differ by no more than `slack`.
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
    /// Part of the stretch from `start_ns` to `end_ns`, with `level` more in flight.
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

    /// True if the number in flight is the same all the time in both stretches.
    fn goes_on_as(&self, next: &Self) -> bool {
        let count = self.least;
        [self.most, next.least, next.most] == [count; 3]
    }

    /// Joins this stretch with the next, unless the numbers differ by more than `slack`.
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

    /// Sort key: the number in flight, then the length of the busiest moment. A late turn overlaps a long moment more
    /// easily.
    fn busy(&self) -> (u32, u64) {
        let lasts_ns = elapsed(self.most_end_ns, self.most_ns).unwrap_or(0);
        (self.most, lasts_ns)
    }
}

/// Edges of turns in order of time: each begin adds one to the number in flight, each end takes one away.
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
