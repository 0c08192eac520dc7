//! Recordings of traces: everything that a tracker takes, in the order it took it, in a file.
//!
//! A file is a [`preamble`], then [`block`]s, each with a checksum and compressed on its own; a block holds
//! [`frame`]s, each one [`Entry`] or a part of a large one. The first entry is the [`Start`]. Whatever comes
//! from a file is hostile: reading does not panic and bounds its memory. docs/dev/recording-format.md.

pub mod block;
mod codec;
pub mod entry;
pub mod frame;
pub mod preamble;
pub mod reader;
pub mod words;
pub mod writer;

pub use entry::{End, Entry, Start};
pub use preamble::OpenError;
pub use reader::{Ending, Reader};
pub use tracer_core::input::Input;
pub use writer::{Encoder, RawBlock};
