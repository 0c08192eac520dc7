//! Queries, and their relation to earlier ones.

use std::sync::Arc;

use super::message::Question;

/// Query as it was sent.
#[derive(Debug)]
pub struct Query {
    /// Time of the query, ns.
    pub time_ns: u64,
    /// Cookie of the socket.
    pub cookie: u64,
    /// Address of the server.
    pub server: [u8; 16],
    /// Id of the process.
    pub tgid: u32,
    /// Index of the process.
    pub process: u32,
    /// Id in the message.
    pub id: u16,
    /// Question of the query.
    pub question: Arc<Question>,
    /// True for a query over TCP.
    pub tcp: bool,
    /// True if the query is counted in the figures.
    pub counted: bool,
}

/// Relation of a query to earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The query begins a lookup.
    New,
    /// The query repeats one that is unanswered so far.
    Again,
    /// The query repeats one because its answer was truncated.
    OverTcp,
    /// The query copies one to another server although the answer has arrived.
    Copy,
}
