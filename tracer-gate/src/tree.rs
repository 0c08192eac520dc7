//! Expressions as trees: comparisons joined by `and` and `or`.

use tracer_export::VerdictResult;

/// Comparisons, joined.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree<T> {
    /// Joined by `or`.
    Any(Vec<Tree<T>>),
    /// Joined by `and`.
    All(Vec<Tree<T>>),
    /// One comparison.
    Leaf(T),
}

impl<T> Tree<T> {
    /// Converts each comparison; the first error ends it.
    pub(crate) fn try_map<U, E>(self, convert: &impl Fn(T) -> Result<U, E>) -> Result<Tree<U>, E> {
        let all = |trees: Vec<Self>| -> Result<Vec<Tree<U>>, E> {
            let converted = trees.into_iter().map(|tree| tree.try_map(convert));
            converted.collect()
        };
        Ok(match self {
            Self::Any(trees) => Tree::Any(all(trees)?),
            Self::All(trees) => Tree::All(all(trees)?),
            Self::Leaf(leaf) => Tree::Leaf(convert(leaf)?),
        })
    }

    /// Judges each comparison, and joins the results. The outcome that is returned with the result is that of the first
    /// comparison which has the same result as the whole.
    pub(crate) fn judge<O>(&self, judge: &impl Fn(&T) -> (VerdictResult, O)) -> (VerdictResult, O) {
        let (trees, rank): (_, fn(VerdictResult) -> u8) = match self {
            Self::Leaf(leaf) => return judge(leaf),
            Self::Any(trees) => (trees, truth),
            Self::All(trees) => (trees, falsehood),
        };
        let mut outcomes = trees.iter().map(|tree| tree.judge(judge));
        let Some(first) = outcomes.next() else {
            unreachable!("the parser makes no empty list")
        };
        outcomes.fold(first, |best, next| match rank(next.0) > rank(best.0) {
            true => next,
            false => best,
        })
    }
}

/// Order in which `or` decides: true, then unknown, then false.
fn truth(result: VerdictResult) -> u8 {
    match result {
        VerdictResult::Failed => 2,
        VerdictResult::Unknown => 1,
        VerdictResult::Passed => 0,
    }
}

/// Order in which `and` decides: false, then unknown, then true.
fn falsehood(result: VerdictResult) -> u8 {
    2 - truth(result)
}
