//! Passes a body on to its sink, with limits on its size before and after decoding.

use super::decode::Decoder;
use super::exchange::{Exchange, Head, Sink, Want};
use crate::outcome::Failure;

/// Limits on the size of a body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Limit of bytes on the wire.
    pub wire_bytes: u64,
    /// Limit of bytes after decoding.
    pub decoded_bytes: u64,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            wire_bytes: 10 << 20,
            decoded_bytes: 40 << 20,
        }
    }
}

/// Limit up to which an unwanted body is read, because that is cheaper than opening a new connection.
const DRAINED_BYTES: u64 = 64 * 1024;

/// Receiver of the pieces of one body.
pub(crate) struct Flow<'a> {
    sink: &'a mut dyn Sink,
    decoder: Option<Decoder>,
    limits: BodyLimits,
    /// True once the sink wants no more; further pieces are read only to keep the connection usable.
    draining: bool,
    drained_bytes: u64,
}

/// Next step after a piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Read on.
    Read,
    /// Close the connection, because the rest is unwanted and long.
    Close,
}

impl<'a> Flow<'a> {
    /// Begins a body: passes the head to the sink and prepares the decoder.
    pub(crate) fn begin(
        head: &Head,
        sink: &'a mut dyn Sink,
        limits: BodyLimits,
    ) -> Result<Self, Failure> {
        let draining = sink.head(head) == Want::Nothing;
        let decoder = match head.headers.get(hyper::header::CONTENT_ENCODING) {
            Some(field) if !draining => Decoder::new(&String::from_utf8_lossy(field.as_bytes()))?,
            _ => None,
        };
        Ok(Self {
            sink,
            decoder,
            limits,
            draining,
            drained_bytes: 0,
        })
    }

    /// Decides by a length known beforehand whether the body is read.
    pub(crate) fn announced(&self, length_bytes: Option<u64>) -> Result<Next, Failure> {
        match length_bytes {
            Some(length) if self.draining && length > DRAINED_BYTES => Ok(Next::Close),
            Some(length) if !self.draining && length > self.limits.wire_bytes => {
                Err(self.too_long())
            }
            _ => Ok(Next::Read),
        }
    }

    /// Takes one piece of the body as it came over the wire.
    pub(crate) fn piece(&mut self, bytes: &[u8], exchange: &mut Exchange) -> Result<Next, Failure> {
        exchange.wire_bytes += bytes.len() as u64;
        if self.draining {
            self.drained_bytes += bytes.len() as u64;
            let enough = self.drained_bytes > DRAINED_BYTES;
            return Ok(if enough { Next::Close } else { Next::Read });
        }
        if exchange.wire_bytes > self.limits.wire_bytes {
            return Err(self.too_long());
        }
        self.sink.wire(bytes);
        let mut out = Out {
            sink: &mut *self.sink,
            limit_bytes: self.limits.decoded_bytes,
            decoded_bytes: &mut exchange.decoded_bytes,
            full: false,
        };
        match &mut self.decoder {
            None => out.take(bytes)?,
            Some(decoder) => decoder.push(bytes, &mut |block| out.take(block))?,
        }
        self.draining = out.full;
        Ok(Next::Read)
    }

    /// Ends the body after its last piece, and notes whether its coding is incomplete.
    pub(crate) fn end(&self, exchange: &mut Exchange) {
        let decoder = self.decoder.as_ref().filter(|_| !self.draining);
        exchange.is_cut = decoder.is_some_and(Decoder::is_cut);
    }

    fn too_long(&self) -> Failure {
        Failure::BodyTooLong {
            limit_bytes: self.limits.wire_bytes,
        }
    }
}

struct Out<'a> {
    sink: &'a mut dyn Sink,
    limit_bytes: u64,
    decoded_bytes: &'a mut u64,
    /// True once the sink wants no more.
    full: bool,
}

impl Out<'_> {
    /// Passes a decoded block to the sink, cut off at the size limit.
    fn take(&mut self, block: &[u8]) -> Result<(), Failure> {
        if self.full {
            return Ok(());
        }
        let room = self.limit_bytes - *self.decoded_bytes;
        let fits = usize::try_from(room).map_or(block.len(), |room| room.min(block.len()));
        *self.decoded_bytes += fits as u64;
        self.full = self.sink.body(&block[..fits]) == Want::Nothing;
        if fits < block.len() && !self.full {
            return Err(Failure::Bomb {
                limit_bytes: self.limit_bytes,
            });
        }
        Ok(())
    }
}
