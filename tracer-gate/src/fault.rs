//! Faults of an expression, with their place.

use std::{fmt, ops::Range};

/// Fault of an expression. Its text has the message, then the expression with a caret under the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Description of the fault, with the nearest name where one is near.
    pub message: String,
    /// The expression.
    pub text: String,
    /// Place of the fault, in bytes of the expression.
    pub at: Range<usize>,
}

impl Fault {
    /// Makes a fault at a place.
    pub(crate) fn new(text: &str, at: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            text: text.to_owned(),
            at,
        }
    }

    /// Number of characters before a byte of the expression.
    fn column(&self, byte: usize) -> usize {
        self.text.get(..byte).unwrap_or(&self.text).chars().count()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.column(self.at.start), self.column(self.at.end));
        let carets = "^".repeat(to.saturating_sub(from).max(1));
        writeln!(f, "{}", self.message)?;
        writeln!(f, "  {}", self.text)?;
        write!(f, "  {}{carets}", " ".repeat(from))
    }
}
