//! Places for probes, and reasons why a file has none.

/// Function that gets or returns plain bytes of a TLS connection, or frees its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// `int SSL_write(SSL *, const void *, int)`
    SslWrite,
    /// `int SSL_write_ex(SSL *, const void *, size_t, size_t *)`
    SslWriteEx,
    /// `int SSL_read(SSL *, void *, int)`
    SslRead,
    /// `int SSL_read_ex(SSL *, void *, size_t, size_t *)`
    SslReadEx,
    /// `void SSL_free(SSL *)`
    SslFree,
    /// `func (c *crypto/tls.Conn) Write(b []byte) (int, error)`
    GoWrite,
    /// `func (c *crypto/tls.Conn) Read(b []byte) (int, error)`
    GoRead,
}

impl Function {
    /// Functions of OpenSSL, BoringSSL and AWS-LC.
    pub const OF_OPENSSL: [Self; 5] = [
        Self::SslWrite,
        Self::SslWriteEx,
        Self::SslRead,
        Self::SslReadEx,
        Self::SslFree,
    ];
    /// Functions of Go's crypto/tls.
    pub const OF_GO: [Self; 2] = [Self::GoWrite, Self::GoRead];

    /// Name in the symbol table.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::SslWrite => "SSL_write",
            Self::SslWriteEx => "SSL_write_ex",
            Self::SslRead => "SSL_read",
            Self::SslReadEx => "SSL_read_ex",
            Self::SslFree => "SSL_free",
            Self::GoWrite => "crypto/tls.(*Conn).Write",
            Self::GoRead => "crypto/tls.(*Conn).Read",
        }
    }

    /// True if the function returns something that a probe has to see.
    pub(crate) const fn has_result(self) -> bool {
        !matches!(self, Self::SslFree)
    }
}

/// Way to see the return of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returns {
    /// The return needs no probe.
    Unneeded,
    /// The address on the stack tells it (uretprobe): functions in C stay where they are on the stack, and compilers let
    /// them leave by jumps, too.
    ByAddress,
    /// File offsets of all instructions by which the function returns. Go moves its stacks, so an address there must not be
    /// changed.
    At(Vec<u64>),
}

/// Place for the probes of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Function that is there.
    pub function: Function,
    /// File offset of the instruction at which a probe sees the arguments in their registers: the first one, or in Go's
    /// functions the jump that enlarges the stack.
    pub entry: u64,
    /// Way to see its return.
    pub returns: Returns,
}

/// Everything that can be probed in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Places, each function once.
    pub places: Vec<Place>,
    /// Version of Go that has built the file, as Go writes it (`go1.19.8`).
    pub go: Option<String>,
}

/// Reasons why nothing can be probed in a file.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Another kind of file.
    #[error("no ELF file")]
    NotElf,
    /// Executables of another word size, byte order or processor.
    #[error("built for another kind of processor than x86-64 and arm64")]
    Machine,
    /// Tables that contradict themselves.
    #[error("damaged: {0} cannot be read")]
    Damaged(&'static str),
    /// A function that does not look as the compiler makes it, so that a wrong address is likely.
    #[error("{} does not begin as Go's functions do", .0.symbol())]
    Unlike(Function),
    /// A function whose end was not found.
    #[error("{} has no instruction by which it returns", .0.symbol())]
    NoReturn(Function),
    /// Go before its calling convention with registers.
    #[error("built with {0}; Go's crypto/tls can be read from go1.17 on")]
    OldGo(String),
    /// None of the functions.
    #[error("no function of OpenSSL or of Go's crypto/tls")]
    Nothing,
}

/// Files by which an executable is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// Path of the program interpreter, which loads the libraries; None for a static executable.
    pub interpreter: Option<String>,
    /// Names of the libraries that the file itself needs.
    pub needed: Vec<String>,
}
