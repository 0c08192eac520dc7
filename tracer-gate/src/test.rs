//! One comparison, checked: whether its figure exists, and whether its unit fits.

use std::cmp::Ordering;

use tracer_export::Measured;

use crate::{
    catalogue::Node,
    fault::Fault,
    parse::{Literal, Operator, Typed},
    place::{self, Place},
    unit::Unit,
};

/// Subject that an expression is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// One export.
    Export,
    /// Two exports that are compared. Numbers with a sign are changes; others are compared with the second export.
    Diff,
}

/// A comparison of a figure with a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Test {
    /// Path as typed.
    pub(crate) path: String,
    /// Place of the figure.
    pub(crate) place: Place,
    /// The operator.
    pub(crate) operator: Operator,
    /// Value on the right.
    pub(crate) limit: Limit,
}

/// Value that a figure is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Limit {
    /// Number, text or truth.
    Value(Measured),
    /// Growth relative to the first of two exports, 0.1 for ten per cent more.
    Growth(f64),
    /// Difference of two exports.
    Difference(f64),
}

impl Test {
    /// Checks a comparison.
    pub(crate) fn check(typed: Typed, text: &str, subject: Subject) -> Result<Self, Fault> {
        let (place, node) = place::resolve(&typed.path, text)?;
        let span = typed.path.first().map_or(0, |(_, at)| at.start)
            ..typed.path.last().map_or(0, |(_, at)| at.end);
        let path = text.get(span).unwrap_or_default().to_owned();
        let limit = limit(&typed, &node, subject)
            .map_err(|message| Fault::new(text, typed.limit_at.clone(), message))?;
        Ok(Self {
            path,
            place,
            operator: typed.operator,
            limit,
        })
    }
}

fn limit(typed: &Typed, node: &Node, subject: Subject) -> Result<Limit, String> {
    let equality = matches!(typed.operator, Operator::Equal | Operator::Unequal);
    match (&typed.limit, node) {
        (Literal::Number { sign, number, unit }, Node::Number(of)) => match sign {
            None => value(*number, unit, *of),
            Some(sign) => change(*sign, *number, unit, *of, subject),
        },
        (Literal::Text(_) | Literal::Truth(_), Node::Text | Node::Truth) if !equality => {
            Err(format!("{} is compared by == or !=", node.kind()))
        }
        (Literal::Text(text), Node::Text) => Ok(Limit::Value(Measured::Text(text.clone()))),
        (Literal::Truth(truth), Node::Truth) => Ok(Limit::Value(Measured::Truth(*truth))),
        (_, Node::Number(unit)) => Err(format!("the figure is {}", unit.form())),
        (_, Node::Truth) => Err("the figure is true or false".to_owned()),
        (_, _) => Err("the figure is a text: write it in quotes".to_owned()),
    }
}

fn value(number: f64, letters: &str, unit: Unit) -> Result<Limit, String> {
    let wrong = || format!("the figure is {}", unit.form());
    let value = unit.scale(number, letters).ok_or_else(wrong)?;
    match unit == Unit::Share && value > 1.0 {
        true => Err(wrong()),
        false => Ok(Limit::Value(Measured::Number(value))),
    }
}

/// Limit with a sign: a change between two exports.
fn change(
    sign: char,
    number: f64,
    letters: &str,
    unit: Unit,
    subject: Subject,
) -> Result<Limit, String> {
    if subject == Subject::Export {
        let hint = "a sign means the change between two exports: `tracer diff --fail-on`";
        return Err(format!("{hint}; here write the number alone"));
    }
    let number = if sign == '-' { -number } else { number };
    if letters == "%" {
        return Ok(Limit::Growth(number / 100.0));
    }
    let value = unit.scale(number, letters);
    value
        .map(Limit::Difference)
        .ok_or_else(|| format!("the figure is {}; a growth has %", unit.form()))
}

impl Operator {
    /// Tells whether the comparison holds; false for values that cannot be compared.
    pub(crate) fn holds(self, value: &Measured, limit: &Measured) -> bool {
        let order = match (value, limit) {
            (Measured::Number(value), Measured::Number(limit)) => value.partial_cmp(limit),
            (Measured::Text(value), Measured::Text(limit)) => Some(value.cmp(limit)),
            (Measured::Truth(value), Measured::Truth(limit)) => Some(value.cmp(limit)),
            _ => None,
        };
        order.is_some_and(|order| match self {
            Self::Above => order == Ordering::Greater,
            Self::AtLeast => order != Ordering::Less,
            Self::Below => order == Ordering::Less,
            Self::AtMost => order != Ordering::Greater,
            Self::Equal => order == Ordering::Equal,
            Self::Unequal => order != Ordering::Equal,
        })
    }

    /// Tells whether `value` is nearer to making the comparison true than `other`.
    pub(crate) fn prefers(self, value: f64, other: f64) -> bool {
        match self {
            Self::Above | Self::AtLeast => value > other,
            Self::Below | Self::AtMost => value < other,
            Self::Equal | Self::Unequal => false,
        }
    }
}
