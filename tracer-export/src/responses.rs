//! Responses in clear whose heads were read.

object! {
    /// Numbers of responses in clear whose heads were read: the first four of each connection and every 64th.
    pub struct Responses {
        /// Whole responses of which the head was read.
        read: Option<u64>,
        /// Whole responses whose head, or that of their request, was longer than what is read of it.
        cut: Option<u64>,
        /// Read responses with text.
        text: Option<u64>,
        /// Text without compression although the client had asked for it.
        plain_asked: Option<u64>,
        /// Text without compression to a client that had not asked for it.
        plain_unasked: Option<u64>,
        /// Number of these two kinds that say how long they are.
        plain_sized: Option<u64>,
        /// Length of those, in bytes.
        plain_bytes: Option<u64>,
        /// Length of all read responses that say how long they are, in bytes.
        bytes: Option<u64>,
    }
}
