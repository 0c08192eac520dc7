//! Session id, which the client sends and the server may send back.

use crate::cursor::Cursor;

/// Session id of 0 to 32 bytes (RFC 5246 7.4.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionId {
    len: u8,
    bytes: [u8; 32],
}

impl SessionId {
    pub(super) fn len(&self) -> u8 {
        self.len
    }

    /// Reads a session id; `None` when it is cut off or longer than the protocol allows.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let id = cursor.vec8()?;
        let mut bytes = [0; 32];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self {
            len: u8::try_from(id.len()).ok()?,
            bytes,
        })
    }
}
