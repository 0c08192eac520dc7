//! Matrix of real clients by the path to the site and the protocol: in each cell tracer's figures are compared with
//! what the servers, the proxy and the client count.
//!
//! A cell that tracer has wrong stands in a table, with what is wrong. The check of a client fails when another cell is
//! wrong, and when a cell of the table is right.

mod cell;
mod corpus;
mod crawler;
mod page;
mod site;
mod way;
mod wrong;

use std::path::PathBuf;

use anyhow::{Result, bail};

pub use corpus::corpus;
pub use crawler::{CRAWLERS, Crawler};
pub use page::page;
pub use way::{Path, Protocol};
pub use wrong::Wrong;

use site::{Site, Visit};

use crate::client::Client;

/// Command of the client with this name, which visits a site directly in rounds of so many pages.
pub fn visitor(name: &str, url: &str, rounds: u32, pages: u32, ca: PathBuf) -> Result<Client> {
    crawler::named(name)?.command(&Visit::direct(url, rounds, pages, ca))
}

/// Checks every cell of the client with this name.
pub fn check(name: &str, wrong: &[Wrong]) -> Result<()> {
    let crawler = crawler::named(name)?;
    let site = Site::start()?;
    let mut faults = Vec::new();
    for (path, protocol) in crawler.cells() {
        let found = cell::differences(crawler, &site, path, protocol)?;
        let known = wrong::find(wrong, crawler, path, protocol);
        let place = format!("{} / {} / {}", path.name(), crawler.name, protocol.name());
        eprintln!("{place}: {}", found.join("; "));
        match known {
            None if !found.is_empty() => {
                faults.push(format!("{place} is wrong:\n  {}", found.join("\n  ")));
            }
            Some(known) if found.is_empty() && !known.by_chance => faults.push(format!(
                "{place} is right now, take it out of the table: {}",
                known.what
            )),
            _ => (),
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{}", faults.join("\n"))
}
