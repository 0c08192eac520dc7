//! Sources of what is known about the requests of a connection that speaks HTTP/2.

/// Source of the requests of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The headers of its frames were read.
    Frames,
    /// The lengths and times of its TLS records.
    Inferred,
    /// There is none.
    None(Because),
    /// The client has sent nothing on the connection, which was opened within the trace.
    NeverUsed,
}

/// Reason why the requests of a connection are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// No probe reads the frames of its TLS library.
    NoLibrary,
    /// The connection was open before its frames could be read, and nothing was seen of it since then that could be
    /// followed.
    AttachedLate,
    /// Frames and TLS records did not fit, or some were lost.
    LostSync,
}

impl Source {
    /// Name in the export and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frames => "frames",
            Self::Inferred => "inferred",
            Self::None(_) => "none",
            Self::NeverUsed => "never used",
        }
    }
}
