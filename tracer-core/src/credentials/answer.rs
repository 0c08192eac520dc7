//! Beginning of a response in clear, of which only status lines and the fields that tracer reads are left.

use super::{hide, lines};
use crate::http::response::FIELDS;

/// Position of the status in a status line.
const STATUS: usize = "HTTP/1.1 ".len();

/// Overwrites everything but status lines and the fields that are read: cookies, other fields, and the body.
pub(super) fn hide_unread(bytes: &mut [u8]) {
    let mut place = Place::Begin;
    let all: Vec<_> = lines(bytes).collect();
    for line in all {
        let text = &mut bytes[line];
        let is_shown = match place {
            Place::Begin => text.starts_with(b"HTTP/1."),
            Place::Head { .. } => is_read(text),
            Place::Body => false,
        };
        place = place.after(text);
        if !is_shown {
            hide(text);
        }
    }
}

/// Place of a line.
#[derive(Clone, Copy)]
enum Place {
    /// A status line is expected.
    Begin,
    /// In a head. `interim`: another head follows.
    Head { interim: bool },
    /// Behind the last head.
    Body,
}

impl Place {
    fn after(self, line: &[u8]) -> Self {
        match self {
            Self::Begin if line.starts_with(b"HTTP/1.") => Self::Head {
                interim: line.get(STATUS) == Some(&b'1'),
            },
            Self::Head { interim: true } if line == b"\r\n" => Self::Begin,
            Self::Head { interim } if line != b"\r\n" => Self::Head { interim },
            Self::Begin | Self::Head { .. } | Self::Body => Self::Body,
        }
    }
}

/// True for a line with a field that is read.
fn is_read(line: &[u8]) -> bool {
    FIELDS.iter().any(|field| {
        line.split_at_checked(field.len())
            .is_some_and(|(name, rest)| name.eq_ignore_ascii_case(field) && rest.starts_with(b":"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, expected: &str) {
        let mut bytes = head.as_bytes().to_vec();
        hide_unread(&mut bytes);
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }

    #[test]
    fn what_is_read_stays() {
        check(
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\ncontent-type: text/html\r\nX\r\n\r\nbody\nConnection: x\n",
            "HTTP/1.1 200 OK\r\n***************\r\ncontent-type: text/html\r\n*\r\n\r\n****\n*************\n",
        );
        check(
            "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 x",
            "HTTP/1.1 200 OK\r\n\r\n**********",
        );
        check(
            "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nConnectionX: 1\r\nContent-Le",
            "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\n**************\r\n**********",
        );
        check("ICY 200\r\nConnection: x", "*******\r\n*************");
        check("", "");
    }
}
