//! Nearest known name to a misspelled one.

use strsim::damerau_levenshtein;

/// Known name nearest to `name`: the one it is a part of, or one of whose letters at most a third differ.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &&str| {
        let distance = damerau_levenshtein(name, candidate);
        let is_part = candidate.starts_with(name) && name.len() > 1;
        match is_part || distance <= candidate.chars().count().div_ceil(3) {
            true => Some(distance),
            false => None,
        }
    };
    let near = known.filter_map(|candidate| Some((distance(&candidate)?, candidate)));
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
