//! TIME_WAIT and local ports of many machines.

use std::{cmp::Ordering, collections::BTreeMap};

use super::figures::highest;
use crate::{Destination, TimeWait, sum::Sum};

/// Adds what another part says of TIME_WAIT.
pub(super) fn time_wait(sum: &mut TimeWait, other: &TimeWait) {
    sum.entered.sum(&other.entered);
    sum.current.sum(&other.current);
    sum.at_start.sum(&other.at_start);
    sum.peak = highest(sum.peak, other.peak);
    sum.orphans_now.sum(&other.orphans_now);
    sum.orphans_lost.sum(&other.orphans_lost);
    sum.namespaces_unseen.sum(&other.namespaces_unseen);
    sum.namespaces_removed.sum(&other.namespaces_removed);
    let ranges = [sum.port_range, other.port_range].into_iter().flatten();
    sum.port_range = ranges.min_by_key(|[low, high]| (high.saturating_sub(*low), *low));
}

/// Destinations by address and port. Ports are those of one machine, so of each destination the entry of the machine with
/// the most ports in use is kept.
#[derive(Debug, Default)]
pub(super) struct Destinations(BTreeMap<(String, u16), Destination>);

impl Destinations {
    pub(super) fn add(&mut self, destinations: Vec<Destination>) {
        for new in destinations {
            let key = (new.address.clone(), new.port);
            let known = self.0.entry(key).or_insert_with(|| new.clone());
            if busier(&new, known) == Ordering::Greater {
                *known = new;
            }
        }
    }

    /// Destinations, those with the most ports in use first.
    pub(super) fn finish(self) -> Vec<Destination> {
        let mut destinations: Vec<Destination> = self.0.into_values().collect();
        destinations.sort_by(|a, b| busier(b, a));
        destinations
    }
}

/// Order of destinations by what they use of their machine's ports.
fn busier(a: &Destination, b: &Destination) -> Ordering {
    let ratio = |it: &Destination| it.ports_used_ratio.unwrap_or_default();
    let rest = |it: &Destination| {
        let is_known = it.ports_used_ratio.is_some();
        (it.ports_used, it.time_wait, it.netns, is_known)
    };
    let ratios = ratio(a).total_cmp(&ratio(b));
    ratios.then_with(|| rest(a).cmp(&rest(b)))
}
