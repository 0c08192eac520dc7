//! A gate: one expression, ready to be judged.

use std::collections::HashMap;

use tracer_export::{Export, FindingStatus, Measured, Severity, Verdict, VerdictResult};

use crate::{
    fault::Fault,
    parse,
    place::{Place, Step},
    seek::{Figure, seek},
    test::{Limit, Subject, Test},
    tree::Tree,
};

/// One expression, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    text: String,
    tree: Tree<Test>,
}

/// Figure that a comparison was decided by.
#[derive(Debug, Default)]
struct Decider {
    figure: String,
    value: Option<Measured>,
    before: Option<Measured>,
}

impl Gate {
    /// Reads an expression and checks its names and units.
    ///
    /// # Errors
    /// The expression is wrong; the fault says where.
    pub fn parse(text: &str, subject: Subject) -> Result<Self, Fault> {
        let tree = parse::parse(text)?;
        Ok(Self {
            text: text.to_owned(),
            tree: tree.try_map(&|typed| Test::check(typed, text, subject))?,
        })
    }

    /// The expression, as given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Judges an export.
    pub fn judge(&self, export: &Export) -> Verdict {
        self.judge_both(None, export)
    }

    /// Judges the second of two exports, and its change from the first.
    pub fn judge_change(&self, a: &Export, b: &Export) -> Verdict {
        self.judge_both(Some(a), b)
    }

    fn judge_both(&self, a: Option<&Export>, b: &Export) -> Verdict {
        let (result, decider) = self.tree.judge(&|test| test.judge(a, b));
        Verdict {
            expr: self.text.clone(),
            result,
            figure: decider.figure,
            value: decider.value,
            before: decider.before,
        }
    }
}

impl Test {
    /// Judges one comparison: it is true if it holds for any of the figures that its path leads to.
    fn judge(&self, a: Option<&Export>, b: &Export) -> (VerdictResult, Decider) {
        let before = a.map(|a| self.before(a)).unwrap_or_default();
        let mut best: Option<(Figure, Measured)> = None;
        for figure in self.figures(b) {
            let before = before.get(&figure.identity);
            let Some(compared) = self.compared(&figure.value, before) else {
                continue;
            };
            if best
                .as_ref()
                .is_none_or(|best| self.decides(&compared, &best.1))
            {
                best = Some((figure, compared));
            }
        }
        let Some((figure, compared)) = best else {
            let decider = Decider {
                figure: self.path.clone(),
                ..Decider::default()
            };
            return (VerdictResult::Unknown, decider);
        };
        let result = match self.operator.holds(&compared, &self.limit()) {
            true => VerdictResult::Failed,
            false => VerdictResult::Passed,
        };
        let decider = Decider {
            figure: self.named(&figure.elements),
            before: before.get(&figure.identity).cloned(),
            value: Some(figure.value),
        };
        (result, decider)
    }

    fn figures(&self, export: &Export) -> Vec<Figure> {
        match &self.place {
            Place::Value(steps) => seek(export, steps),
            Place::Findings(least) => {
                let number = faults(export, *least).map(|faults| Figure {
                    elements: Vec::new(),
                    identity: Vec::new(),
                    value: Measured::Number(faults as f64),
                });
                number.into_iter().collect()
            }
        }
    }

    /// Figures of the first export by the identity of their elements; of processes with the same name the first.
    fn before(&self, a: &Export) -> HashMap<Vec<String>, Measured> {
        let mut before = HashMap::new();
        for figure in self.figures(a) {
            before.entry(figure.identity).or_insert(figure.value);
        }
        before
    }

    /// Value that is held against the limit: the figure itself, or its change; `None` when that cannot be told.
    fn compared(&self, value: &Measured, before: Option<&Measured>) -> Option<Measured> {
        let numbers = || match (before?, value) {
            (Measured::Number(a), Measured::Number(b)) => Some((*a, *b)),
            _ => None,
        };
        match self.limit {
            Limit::Value(_) => Some(value.clone()),
            Limit::Difference(_) => numbers().map(|(a, b)| Measured::Number(b - a)),
            Limit::Growth(_) => numbers().map(|(a, b)| Measured::Number(growth(a, b))),
        }
    }

    fn limit(&self) -> Measured {
        match &self.limit {
            Limit::Value(value) => value.clone(),
            Limit::Growth(number) | Limit::Difference(number) => Measured::Number(*number),
        }
    }

    /// Tells whether a value, and not `best`, decides a condition over several elements: of numbers the one nearest to
    /// making it true, of other values the first that makes it true.
    fn decides(&self, value: &Measured, best: &Measured) -> bool {
        let holds = |value| self.operator.holds(value, &self.limit());
        match (value, best) {
            (Measured::Number(value), Measured::Number(best))
                if self.operator.prefers(*value, *best) =>
            {
                true
            }
            _ => holds(value) && !holds(best),
        }
    }

    /// Path with the names of the elements on the way; without `totals`, which need not be written.
    fn named(&self, elements: &[String]) -> String {
        let Place::Value(steps) = &self.place else {
            return self.path.clone();
        };
        let mut elements = elements.iter();
        let mut named = String::new();
        for step in steps {
            match step {
                Step::Key(key) if named.is_empty() && key == "totals" => {}
                Step::Key(key) if named.is_empty() => named.push_str(key),
                Step::Key(key) if key.contains('.') => named.push_str(&format!("[\"{key}\"]")),
                Step::Key(key) => named.extend([".", key]),
                Step::Pick(_) => named.push_str(elements.next().map_or("[*]", String::as_str)),
            }
        }
        named
    }
}

/// Growth from `a` to `b`, relative to `a`.
fn growth(a: f64, b: f64) -> f64 {
    match a == b {
        true => 0.0,
        false => (b - a) / a.abs(),
    }
}

/// Number of faults that are as severe at least, without those that are allowed; `None` when no rule was evaluated.
fn faults(export: &Export, least: Severity) -> Option<usize> {
    let findings = export.findings.as_ref()?;
    let counts = findings.iter().filter(|finding| {
        finding.status == FindingStatus::Found
            && finding.suppressed_by.is_none()
            && finding.severity.unwrap_or_default() >= least
    });
    Some(counts.count())
}
