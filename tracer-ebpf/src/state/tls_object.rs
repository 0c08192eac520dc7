//! Objects of TLS libraries, calls of these libraries, and threads that write.

use tracer_common::http2::FramesRecord;
use tracer_flow::frames::Follower;

/// Key of a TLS object.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ObjectKey {
    /// Address in the process.
    pub object: u64,
    /// Process id.
    pub tgid: u32,
    pub pad: u32,
}

/// Progress in one direction of a TLS object.
pub mod progress {
    /// No byte of it has been followed.
    pub const WAITS: u8 = 0;
    /// The bytes are followed from the begin of the connection.
    pub const BEGAN: u8 = 1;
    /// The bytes are followed from somewhere in the middle.
    pub const MIDDLE: u8 = 2;
}

/// TLS object. All zero when made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Object {
    /// Bytes written.
    pub sent: Follower,
    /// Bytes read.
    pub got: Follower,
    /// Progress of the bytes written, one of [`progress`].
    pub sent_progress: u8,
    /// Progress of the bytes read.
    pub got_progress: u8,
    /// 1: the object does not speak HTTP/2, or is that of a server.
    pub other: u8,
    /// 1: its socket has been reported.
    pub bound: u8,
    /// Number of writes that look like no frame.
    pub strikes: u8,
    pub pad: [u8; 3],
    /// Cookie of the socket that has sent its bytes once, in the middle of a connection; 0 if there is none.
    pub candidate: u64,
}

/// Key of a call: a library may call another function of itself, or write to another TLS object, in the same thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CallKey {
    /// Thread and process as the kernel joins them, or address of the goroutine.
    pub context: u64,
    /// Stack pointer at the entry of the function; in Go its distance from the end of the stack, which may move.
    pub depth: u64,
    /// Process id.
    pub tgid: u32,
    pub pad: u32,
}

/// Call of a function that writes or reads. All zero when made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Call {
    /// Address of the TLS object.
    pub object: u64,
    /// Address of the bytes.
    pub buffer: u64,
    /// Number of bytes that the caller gives or has room for.
    pub length: u64,
    /// Place of the number of bytes that were written or read; 0 if the function returns it.
    pub count_at: u64,
    /// Position in the plaintext at the entry.
    pub position: u64,
    /// Stack pointer at the entry, and the end of the stack (Go).
    pub stack: u64,
    pub stack_end: u64,
    /// Direction, one of `record::direction`.
    pub direction: u32,
    /// 1: a call in Go.
    pub go: u32,
}

/// Thread that writes, or has written, to a TLS object whose socket is not known.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Writer {
    /// Address of the TLS object.
    pub object: u64,
    /// Position in the plaintext of the first byte that has not been sent, as far as sends were seen.
    pub position: u64,
    /// Position in the plaintext at the begin of the current or latest call.
    pub call_position: u64,
    /// 1: the function that writes has not returned yet.
    pub inside: u8,
    /// 1: bytes were written that have not been sent.
    pub unsent: u8,
    /// 1: another object has such bytes, too.
    pub ambiguous: u8,
    pub pad: [u8; 5],
}

/// Progress of a connection with HTTP/2 in clear, and room for its records.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ClearFrames {
    /// Bytes sent.
    pub sent: Follower,
    /// Bytes received.
    pub got: Follower,
    pub sent_record: FramesRecord,
    pub got_record: FramesRecord,
}

/// Room in which a thread makes its records. All zero when made.
#[repr(C)]
pub struct FramesRoom {
    pub record: FramesRecord,
}
