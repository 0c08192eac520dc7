//! Counts of the responses in clear whose heads were read: a sample of all.

use crate::http::response::Body;

/// Counts of responses by their heads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Responses {
    /// Responses with a body of which the head was read.
    pub read: u64,
    /// Responses of which the head was longer than what is reported of it.
    pub cut: u64,
    /// Read responses with text.
    pub text: u64,
    /// Read responses with text that came without compression although the client had asked for it.
    pub plain_asked: u64,
    /// Read responses with text that came without compression to a client that had not asked for it.
    pub plain_unasked: u64,
    /// Number of these two kinds that say how long they are.
    pub plain_sized: u64,
    /// Length of those, in bytes.
    pub plain_bytes: u64,
    /// Length of all read responses that say how long they are, in bytes.
    pub bytes: u64,
}

impl Responses {
    /// Counts a response. `asked`: the client had asked for compression. None: it is not known whether it had.
    pub fn take(&mut self, body: Option<Body>, asked: Option<bool>) {
        let (Some(body), Some(asked)) = (body, asked) else {
            self.cut += 1;
            return;
        };
        self.read += 1;
        let length = body.length.unwrap_or(0);
        self.bytes = self.bytes.saturating_add(length);
        self.text += u64::from(body.is_text);
        if !body.is_text || body.is_compressed {
            return;
        }
        match asked {
            true => self.plain_asked += 1,
            false => self.plain_unasked += 1,
        }
        self.plain_sized += u64::from(body.length.is_some());
        self.plain_bytes = self.plain_bytes.saturating_add(length);
    }

    /// Number of responses with text that came without compression.
    pub fn plain(&self) -> u64 {
        self.plain_asked + self.plain_unasked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let body = |is_text, is_compressed, length| {
            Some(Body {
                is_text,
                is_compressed,
                length,
            })
        };
        let mut counts = Responses::default();
        counts.take(body(true, false, Some(1000)), Some(true));
        counts.take(body(true, false, None), Some(false));
        counts.take(body(true, true, Some(200)), Some(true));
        counts.take(body(false, false, Some(5000)), Some(false));
        counts.take(body(true, false, Some(9)), None);
        counts.take(None, Some(true));
        let expected = Responses {
            read: 4,
            cut: 2,
            text: 3,
            plain_asked: 1,
            plain_unasked: 1,
            plain_sized: 1,
            plain_bytes: 1000,
            bytes: 6200,
        };
        assert_eq!(counts, expected);
        assert_eq!(counts.plain(), 2);
    }
}
