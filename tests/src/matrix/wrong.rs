//! Table of the cells that tracer has wrong.

use super::{Crawler, Path, Protocol};

/// Cells that tracer has wrong, for one reason.
#[derive(Debug, Clone, Copy)]
pub struct Wrong {
    /// Path of the cells.
    pub path: Path,
    /// Names of the clients.
    pub clients: &'static [&'static str],
    /// Protocols.
    pub protocols: &'static [Protocol],
    /// Fault of the figures.
    pub what: &'static str,
    /// True if the figures are right at times, so that a right cell proves nothing.
    pub by_chance: bool,
}

/// Entry of the table that has this cell.
pub(super) fn find<'a>(
    table: &'a [Wrong],
    crawler: &Crawler,
    path: Path,
    protocol: Protocol,
) -> Option<&'a Wrong> {
    table.iter().find(|wrong| {
        wrong.path == path
            && wrong.clients.contains(&crawler.name)
            && wrong.protocols.contains(&protocol)
    })
}
