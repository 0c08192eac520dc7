//! Verdicts in words.

use tracer_export::{Measured, Verdict, VerdictResult};
use tracer_text::{number, printable::printable};

use crate::unit::Unit;

/// One line about a verdict: result, expression, and the figure that decided.
pub fn words(verdict: &Verdict) -> String {
    let result = match verdict.result {
        VerdictResult::Passed => "passed ",
        VerdictResult::Failed => "FAILED ",
        VerdictResult::Unknown => "unknown",
    };
    let (expression, figure) = (printable(&verdict.expr), printable(&verdict.figure));
    let print = |value: &Measured| print(value, &verdict.figure);
    let is = match (&verdict.before, &verdict.value) {
        (_, None) => "was not measured".to_owned(),
        (None, Some(value)) => format!("is {}", print(value)),
        (Some(before), Some(value)) => {
            let change = change(before, value);
            format!("{} -> {}{change}", print(before), print(value))
        }
    };
    format!("{result}  {expression}: {figure} {is}")
}

/// Text of a value, whose unit its key tells.
fn print(value: &Measured, figure: &str) -> String {
    let key = figure.rsplit('.').next().unwrap_or(figure);
    let key = key.split('[').next().unwrap_or(key);
    match (value, Unit::of(key)) {
        (Measured::Text(text), _) => format!("\"{}\"", printable(text)),
        (Measured::Truth(truth), _) => truth.to_string(),
        (Measured::Number(ns), Unit::Time) => number::time(*ns),
        (Measured::Number(ratio), Unit::Share) => format!("{:.1} %", ratio * 100.0),
        (Measured::Number(number), _) => number.to_string(),
    }
}

/// Growth in words, as far as there is one.
fn change(before: &Measured, value: &Measured) -> String {
    match (before, value) {
        (Measured::Number(a), Measured::Number(b)) if *a > 0.0 => {
            format!(" ({:+.1} %)", (b / a - 1.0) * 100.0)
        }
        _ => String::new(),
    }
}
