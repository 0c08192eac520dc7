//! Finds the known name that a misspelled one most likely means.

/// Known name nearest to `name`, if at most a third of its letters differ.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Number of letters to insert, remove, change or swap with their neighbour (optimal string alignment). Texts of more
/// than 64 letters get the maximum.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let mut rows: [Vec<usize>; 3] = [
        vec![0; b.len() + 1],
        (0..=b.len()).collect(),
        vec![0; b.len() + 1],
    ];
    for i in 1..=a.len() {
        rows[2][0] = i;
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[1][j] + 1)
                .min(rows[2][j - 1] + 1)
                .min(rows[1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = least;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        #[track_caller]
        fn check(a: &str, b: &str, expected: usize) {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
        check("", "", 0);
        check("", "abc", 3);
        check("kitten", "sitting", 3);
        check("depht", "depth", 1);
        check("limits.concurency", "limits.concurrency", 1);
        check(&"a".repeat(65), "a", usize::MAX);
    }

    #[test]
    fn far_names_are_no_suggestion() {
        let known = ["limits.rate", "limits.burst"];
        assert_eq!(
            nearest("limits.rat", known.into_iter()),
            Some("limits.rate")
        );
        assert_eq!(nearest("zzzz", known.into_iter()), None);
    }
}
