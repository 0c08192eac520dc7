//! Names of maps and globals, by which user space finds them in the object.

/// Ring buffer with the records of [`crate::record`]; read by the engine's kernel source.
pub const RECORDS: &str = "RECORDS";
/// Array with one entry: 1 while the reader sleeps until a record comes; set by the engine's kernel source.
pub const RESTS: &str = "RESTS";
/// Array of two filters of a trace whose filter may change; written by the engine's kernel source.
pub const LIVE_FILTERS: &str = "LIVE_FILTERS";
/// Array with one entry: the index of the filter in use; written by the engine's kernel source.
pub const LIVE_FILTER: &str = "LIVE_FILTER";
/// Hash of traced process ids (tgid -> 1); seeded by user space, kept by the fork and exit probes.
pub const PROCESSES: &str = "PROCESSES";
/// Hash of listening (network namespace, port) pairs, so that adoption leaves accepted sockets out.
pub const LISTENERS: &str = "LISTENERS";
/// Per-CPU array of [`crate::counter::Counter`] slots.
pub const COUNTERS: &str = "COUNTERS";

/// Per-CPU array of [`crate::overflow::Histogram::COUNT`] histograms.
pub const OVERFLOW_TIMES: &str = "OVERFLOW_TIMES";
/// Per-CPU array of [`crate::overflow::Count`] slots.
pub const OVERFLOW_COUNTS: &str = "OVERFLOW_COUNTS";

/// Hash of a socket's cookie to the [`crate::record::ClosedRecord`] that found the ring buffer full; emptied by user space.
pub const LATE_CLOSES: &str = "LATE_CLOSES";

/// Hash of [`crate::dns::LostAnswerKey`] to [`crate::dns::LostAnswer`]; emptied by user space.
pub const LOST_ANSWERS: &str = "LOST_ANSWERS";

/// Global variable of type [`crate::config::Offsets`].
pub const OFFSETS: &str = "OFFSETS";
/// Global variable of type [`crate::config::Filter`].
pub const FILTER: &str = "FILTER";
/// Global variable of type [`crate::config::Http2`].
pub const HTTP2: &str = "HTTP2";

/// Program at the entry of `SSL_write` (a uprobe).
pub const SSL_WRITE: &str = "ssl_write";
/// Program at the entry of `SSL_write_ex` (a uprobe).
pub const SSL_WRITE_EX: &str = "ssl_write_ex";
/// Program at the entry of `SSL_read` (a uprobe).
pub const SSL_READ: &str = "ssl_read";
/// Program at the entry of `SSL_read_ex` (a uprobe).
pub const SSL_READ_EX: &str = "ssl_read_ex";
/// Program at the return of each of these four functions (a uretprobe). It is attached before the programs at their entry.
pub const SSL_RETURN: &str = "ssl_return";
/// Program at the entry of `SSL_free` (a uprobe).
pub const SSL_FREE: &str = "ssl_free";
/// Program at the first instruction of Go's `crypto/tls.(*Conn).Write` (a uprobe).
pub const GO_TLS_WRITE: &str = "go_tls_write";
/// Program at the first instruction of Go's `crypto/tls.(*Conn).Read` (a uprobe).
pub const GO_TLS_READ: &str = "go_tls_read";
/// Program at each RET of these two functions (a uprobe). It is attached before the programs at their entry.
pub const GO_TLS_RETURN: &str = "go_tls_return";
