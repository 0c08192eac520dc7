//! Settings of the live screen.

use std::time::Duration;

/// Settings of the live screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScreenSettings {
    /// Interval of new figures.
    pub(crate) refresh: Duration,
    /// Number of colours.
    pub(crate) colors: Colors,
    /// True if lines and blocks may be drawn with characters outside ASCII.
    pub(crate) unicode: bool,
}

/// Colours that a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colors {
    /// No colours, or none wanted.
    None,
    /// The sixteen colours that the user's theme defines.
    Sixteen,
    /// The 256 colours of xterm and similar terminals.
    Many,
}
