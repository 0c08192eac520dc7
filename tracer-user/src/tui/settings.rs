//! Settings of the live screen.

use std::time::Duration;

/// Settings of the live screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScreenSettings {
    /// New figures this often.
    pub(crate) refresh: Duration,
    /// Number of colours.
    pub(crate) colors: Colors,
    /// Lines and blocks may be drawn with characters outside ASCII.
    pub(crate) unicode: bool,
}

/// Colours that a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colors {
    /// No colours, or none wanted.
    None,
    /// The sixteen that the user's theme defines.
    Sixteen,
    /// The 256 of xterm and its kin.
    Many,
}
