//! A body on its way to its sink: bounded on the wire and after decoding.

use super::decode::Decoder;
use super::exchange::{Exchange, Head, Sink, Want};
use crate::outcome::Failure;

/// How much of a body is taken.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Bytes on the wire.
    pub wire_bytes: u64,
    /// Bytes after decoding.
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

/// Rest of an unwanted body that is cheaper to read than a new connection is to open.
const DRAINED_BYTES: u64 = 64 * 1024;

/// Where the pieces of one body go.
pub(crate) struct Flow<'a> {
    sink: &'a mut dyn Sink,
    decoder: Option<Decoder>,
    limits: BodyLimits,
    /// The sink wants no more: what still comes is read for the connection's sake.
    draining: bool,
    drained_bytes: u64,
}

/// What to do after a piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Read on.
    Read,
    /// Close the connection: nobody wants the rest.
    Close,
}

impl<'a> Flow<'a> {
    /// Asks the sink, and looks at what the head promises.
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

    /// A length known beforehand: is it worth while to begin?
    pub(crate) fn announced(&self, length_bytes: Option<u64>) -> Result<Next, Failure> {
        match length_bytes {
            Some(length) if self.draining && length > DRAINED_BYTES => Ok(Next::Close),
            Some(length) if !self.draining && length > self.limits.wire_bytes => {
                Err(self.too_long())
            }
            _ => Ok(Next::Read),
        }
    }

    /// One piece as it came.
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

    /// The body is complete on the wire.
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
    /// The sink wants no more.
    full: bool,
}

impl Out<'_> {
    /// Hands on what the limit allows; a block that goes beyond it is cut there.
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
