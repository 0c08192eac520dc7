//! Subjects of findings: sets of connections that a rule judges.

use crate::{host::Host, process::Process};

/// Kind of the subjects that a rule judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All connections together.
    All,
    /// A process.
    Process,
    /// A host.
    Host,
    /// A proxy.
    Proxy,
}

impl Kind {
    /// All kinds, the widest first.
    pub const ALL: [Self; 4] = [Self::All, Self::Process, Self::Host, Self::Proxy];

    /// Name in the export.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Process => "process",
            Self::Host => "host",
            Self::Proxy => "proxy",
        }
    }
}

/// Subject of a judgement.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// All connections together.
    All,
    /// A process.
    Process(&'a Process),
    /// A host.
    Host(&'a Host),
    /// A proxy.
    Proxy(&'a Host),
}

impl Subject<'_> {
    /// Kind of the subject.
    pub fn kind(&self) -> Kind {
        match self {
            Self::All => Kind::All,
            Self::Process(_) => Kind::Process,
            Self::Host(_) => Kind::Host,
            Self::Proxy(_) => Kind::Proxy,
        }
    }

    /// Name of the subject; empty for all.
    pub fn name(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Process(process) => format!("{} {}", process.pid, process.comm),
            Self::Host(host) | Self::Proxy(host) => host.key.to_string(),
        }
    }
}
