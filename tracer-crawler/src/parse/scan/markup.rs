//! Comments, doctypes and CDATA sections, which follow `<!` and `<?`.

use memchr::memchr;

const CDATA: &[u8] = b"[CDATA[";

/// State inside a comment, doctype or CDATA section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Markup {
    /// After `<!` and this many bytes of `[CDATA[`.
    Open(u8),
    /// After `<!-`.
    Dash,
    /// In markup that ends with the next `>`: a doctype, `<?`, or `</` without a name.
    Bogus,
    /// After `<!--`.
    CommentBegin,
    /// After `<!---`.
    CommentBeginDash,
    Comment,
    /// After a dash in a comment.
    CommentDash,
    /// After two dashes in a comment.
    CommentEnd,
    /// After `--!`.
    CommentBang,
    /// In a CDATA section, after this many `]`, counted up to two.
    Cdata(u8),
}

impl Markup {
    /// Next state (`None` at the end of the markup) and number of bytes consumed.
    pub(super) fn step(self, rest: &[u8], has_cdata: bool) -> (Option<Self>, usize) {
        let byte = rest[0];
        let next = match (self, byte) {
            (Self::Open(0), b'-') => Self::Dash,
            (Self::Open(seen), _) => return open(seen, byte, has_cdata),
            (Self::Dash, b'-') => Self::CommentBegin,
            (Self::Dash, _) => return (Some(Self::Bogus), 0),
            (Self::Bogus, _) => return to(rest, b'>', None, self),
            (Self::CommentBegin, b'-') => Self::CommentBeginDash,
            (Self::CommentBeginDash | Self::CommentDash, b'-') => Self::CommentEnd,
            (
                Self::CommentBegin | Self::CommentBeginDash | Self::CommentEnd | Self::CommentBang,
                b'>',
            ) => return (None, 1),
            (Self::CommentEnd, b'-') => Self::CommentEnd,
            (Self::CommentEnd, b'!') => Self::CommentBang,
            (Self::CommentBang, b'-') => Self::CommentDash,
            (
                Self::CommentBegin
                | Self::CommentBeginDash
                | Self::CommentDash
                | Self::CommentEnd
                | Self::CommentBang
                | Self::Comment,
                _,
            ) => return to(rest, b'-', Some(Self::CommentDash), Self::Comment),
            (Self::Cdata(2), b'>') => return (None, 1),
            (Self::Cdata(seen), b']') => Self::Cdata((seen + 1).min(2)),
            (Self::Cdata(_), _) => return to(rest, b']', Some(Self::Cdata(1)), Self::Cdata(0)),
        };
        (Some(next), 1)
    }
}

fn open(seen: u8, byte: u8, has_cdata: bool) -> (Option<Markup>, usize) {
    if !has_cdata || CDATA.get(usize::from(seen)) != Some(&byte) {
        return (Some(Markup::Bogus), 0);
    }
    let is_whole = usize::from(seen) + 1 == CDATA.len();
    let next = if is_whole {
        Markup::Cdata(0)
    } else {
        Markup::Open(seen + 1)
    };
    (Some(next), 1)
}

/// Moves past the next such byte, if there is one, and chooses the state accordingly.
fn to(rest: &[u8], byte: u8, found: Option<Markup>, missed: Markup) -> (Option<Markup>, usize) {
    match memchr(byte, rest) {
        Some(at) => (found, at + 1),
        None => (Some(missed), rest.len()),
    }
}
