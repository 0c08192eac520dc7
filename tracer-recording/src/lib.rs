//! Recordings of traces: files with all input of a tracker in its order.
//!
//! A file is a [`preamble`], then [`block`]s, each with a checksum and compressed on its own; a block holds
//! [`frame`]s, each with one [`Entry`] or a part of a large one. The first entry is the [`Start`]. Bytes of a
//! file are not trusted: reading does not panic and its memory is bounded. The format is described in
//! docs/dev/recording-format.md.

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
