//! Undoes content codings as the body comes in: gzip, deflate, br and zstd, several in a row if a server applied
//! several.
//!
//! Decoded data is passed on in blocks of fixed size, so that a decompression bomb needs no more memory than a normal
//! page.

use std::cell::RefCell;
use std::io;

use compression_codecs::zstd::params::DParameter;
use compression_codecs::{
    BrotliDecoder, DecodeV2, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use compression_core::util::{PartialBuffer, WriteBuffer};

use crate::outcome::Failure;

/// Codings offered to servers (RFC 9110 section 12.5.3).
pub const ACCEPT_ENCODING: &str = "gzip, deflate, br, zstd";

/// Codings of the registry (RFC 9110 section 16.6.1) that the decoder cannot undo.
const OTHER_CODINGS: [&str; 7] = [
    "compress",
    "x-compress",
    "exi",
    "pack200-gzip",
    "aes128gcm",
    "dcb",
    "dcz",
];

/// Limit of codings applied to one body. Real servers use one, or two by mistake.
const MAX_CODINGS: usize = 3;

/// Size of decoded blocks.
const BLOCK_BYTES: usize = 32 * 1024;

/// Largest window of zstd as a power of two: 8 MiB, the limit for HTTP in RFC 9659.
const ZSTD_WINDOW_LOG: u32 = 23;

thread_local! {
    /// Buffers, one per coding of a body, reused from page to page.
    static BLOCKS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    /// zlib format according to RFC 9110, but bare deflate from some servers; the first byte distinguishes the two.
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    fn of_name(name: &str) -> Option<Self> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("gzip") || is("x-gzip") {
            Some(Self::Gzip)
        } else if is("deflate") {
            Some(Self::Deflate)
        } else if is("br") {
            Some(Self::Brotli)
        } else if is("zstd") {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    fn decoder(self, first: u8) -> Box<dyn DecodeV2 + Send> {
        match self {
            Self::Gzip => Box::new(GzipDecoder::new()),
            // Header of zlib (RFC 1950): compression method 8, window of at most 32 KiB.
            Self::Deflate if first & 0x0f == 8 && first >> 4 <= 7 => Box::new(ZlibDecoder::new()),
            Self::Deflate => Box::new(DeflateDecoder::new()),
            Self::Brotli => Box::new(BrotliDecoder::new()),
            Self::Zstd => {
                let window = DParameter::window_log_max(ZSTD_WINDOW_LOG);
                Box::new(ZstdDecoder::new_with_params(&[window]))
            }
        }
    }

    /// True if several streams may follow one another in a body (RFC 1952 section 2.2, RFC 8878 section 3.1).
    fn has_members(self) -> bool {
        matches!(self, Self::Gzip | Self::Zstd)
    }

    fn failed(self, error: &io::Error) -> Failure {
        Failure::Decode {
            coding: self.name(),
            detail: error.to_string().into(),
        }
    }
}

/// Undoes one coding.
struct Layer {
    coding: Coding,
    /// Decoder, made when the first byte arrives.
    decoder: Option<Box<dyn DecodeV2 + Send>>,
    ended: bool,
    /// A whole stream has come out: what follows may be anything.
    is_whole: bool,
    /// True if the rest of the body is no stream of this coding.
    is_over: bool,
}

/// Undoes all codings of one body.
pub(crate) struct Decoder {
    /// Layers in the order in which they are undone.
    layers: Vec<Layer>,
}

type Out<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Failure>;

impl Decoder {
    /// Makes a decoder for a Content-Encoding field; `None` when there is nothing to undo. A coding that cannot
    /// be undone is an error, because its bytes would be taken for text. A name that is no coding (`utf-8`, `none`) is a
    /// mistake, and the body is taken as it is.
    pub(crate) fn new(content_encoding: &str) -> Result<Option<Self>, Failure> {
        let mut layers = Vec::new();
        let names = content_encoding.split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
        {
            let Some(coding) = Coding::of_name(name) else {
                if OTHER_CODINGS
                    .iter()
                    .any(|other| name.eq_ignore_ascii_case(other))
                {
                    return Err(refused(&format!("{name:?} is none of {ACCEPT_ENCODING}")));
                }
                continue;
            };
            layers.push(Layer {
                coding,
                decoder: None,
                ended: false,
                is_whole: false,
                is_over: false,
            });
        }
        if layers.len() > MAX_CODINGS {
            return Err(refused("more than three codings one on another"));
        }
        layers.reverse();
        Ok((!layers.is_empty()).then_some(Self { layers }))
    }

    /// Decodes a piece and passes the result to `out` in blocks.
    pub(crate) fn push(&mut self, input: &[u8], out: Out<'_>) -> Result<(), Failure> {
        BLOCKS.with_borrow_mut(|blocks| {
            blocks.resize_with(blocks.len().max(self.layers.len()), || vec![0; BLOCK_BYTES]);
            push(&mut self.layers, blocks, input, out)
        })
    }

    /// True if the body ended in the middle of a coding. The text decoded until then counts, as it does in browsers.
    pub(crate) fn is_cut(&self) -> bool {
        let is_cut = |layer: &Layer| layer.decoder.is_some() && !layer.ended && !layer.is_over;
        self.layers.iter().any(is_cut)
    }
}

fn refused(detail: &str) -> Failure {
    Failure::Decode {
        coding: "unknown",
        detail: detail.into(),
    }
}

fn push(
    layers: &mut [Layer],
    blocks: &mut [Vec<u8>],
    input: &[u8],
    out: Out<'_>,
) -> Result<(), Failure> {
    let (Some((layer, rest)), Some((block, blocks))) =
        (layers.split_first_mut(), blocks.split_first_mut())
    else {
        return out(input);
    };
    layer.push(block, input, &mut |piece| push(rest, blocks, piece, out))
}

impl Layer {
    fn push(&mut self, block: &mut [u8], input: &[u8], out: Out<'_>) -> Result<(), Failure> {
        let Some(&first) = input.first().filter(|_| !self.is_over) else {
            return Ok(());
        };
        let coding = self.coding;
        let decoder = self.decoder.get_or_insert_with(|| coding.decoder(first));
        let mut input = PartialBuffer::new(input);
        loop {
            if self.ended {
                // Data after the end is either another member or padding, which browsers ignore as well.
                if !coding.has_members() || !input.unwritten().iter().any(|byte| *byte != 0) {
                    return Ok(());
                }
                decoder.reinit().map_err(|error| coding.failed(&error))?;
                self.ended = false;
            }
            let mut output = WriteBuffer::new_initialized(block);
            match decoder.decode(&mut input, &mut output) {
                Ok(ended) => self.ended = ended,
                // Bytes behind a whole stream that begin no other one: browsers leave them out.
                Err(_) if self.is_whole => {
                    self.is_over = true;
                    return Ok(());
                }
                Err(error) => return Err(coding.failed(&error)),
            }
            self.is_whole |= self.ended;
            let full = output.has_no_spare_space();
            if !output.written().is_empty() {
                out(output.written())?;
            }
            if input.unwritten().is_empty() && !full {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use compression_codecs::{
        BrotliEncoder, DeflateEncoder, EncodeV2, GzipEncoder, ZlibEncoder, ZstdEncoder,
    };

    fn encoder(coding: &str) -> Box<dyn EncodeV2> {
        match coding {
            "gzip" | "x-gzip" => Box::new(GzipEncoder::new(flate2::Compression::default().into())),
            "deflate" => Box::new(ZlibEncoder::new(flate2::Compression::default().into())),
            "bare deflate" => Box::new(DeflateEncoder::new(flate2::Compression::default().into())),
            "br" => Box::new(BrotliEncoder::new(Default::default())),
            _ => Box::new(ZstdEncoder::new(0)),
        }
    }

    fn encode(coding: &str, text: &[u8]) -> Vec<u8> {
        let mut encoder = encoder(coding);
        let mut input = PartialBuffer::new(text);
        let mut space = vec![0; text.len() + 1024];
        let mut output = WriteBuffer::new_initialized(&mut space);
        while !input.unwritten().is_empty() {
            encoder.encode(&mut input, &mut output).unwrap();
        }
        while !encoder.finish(&mut output).unwrap() {}
        output.written().to_vec()
    }

    /// Decodes in pieces of `size` bytes.
    fn push_all(decoder: &mut Decoder, body: &[u8], size: usize) -> Result<Vec<u8>, Failure> {
        let mut decoded = Vec::new();
        for piece in body.chunks(size) {
            decoder.push(piece, &mut |out| {
                decoded.extend_from_slice(out);
                Ok(())
            })?;
        }
        Ok(decoded)
    }

    /// Decodes a whole body.
    fn decode(field: &str, body: &[u8], size: usize) -> Result<Vec<u8>, Failure> {
        let mut decoder = Decoder::new(field)?.unwrap();
        let decoded = push_all(&mut decoder, body, size)?;
        assert!(!decoder.is_cut(), "{field}");
        Ok(decoded)
    }

    fn text() -> Vec<u8> {
        (0..20_000u32)
            .flat_map(|n| n.to_string().into_bytes())
            .collect()
    }

    #[test]
    fn every_coding_however_it_is_cut() {
        let text = text();
        for coding in ["gzip", "x-gzip", "deflate", "bare deflate", "br", "zstd"] {
            let body = encode(coding, &text);
            let field = coding.trim_start_matches("bare ");
            for size in [1, 7, 4096, body.len()] {
                let decoded = decode(field, &body, size).unwrap();
                assert!(decoded == text, "{coding} in pieces of {size}");
            }
        }
    }

    #[test]
    fn several_codings_and_several_members() {
        let text = text();
        let twice = encode("br", &encode("gzip", &text));
        assert!(decode("gzip, br", &twice, 1000).unwrap() == text);
        for coding in ["gzip", "zstd"] {
            let mut members = encode(coding, b"one ");
            members.extend(encode(coding, b"two"));
            assert_eq!(decode(coding, &members, 5).unwrap(), b"one two", "{coding}");
        }
    }

    #[test]
    fn zeros_after_the_end_are_no_error() {
        let mut body = encode("gzip", b"text");
        body.extend([0; 100]);
        assert_eq!(decode("gzip", &body, 1000).unwrap(), b"text");
    }

    #[test]
    fn bytes_after_the_end_are_left_out() {
        for coding in ["gzip", "deflate", "zstd"] {
            for garbage in [
                &b"11111"[..],
                b"\x1f",
                b"\x1f\x8bno gzip",
                b"\0\0x",
                b"(\xb5",
            ] {
                let body = [&encode(coding, b"text"), garbage].concat();
                for size in [1, 3, body.len()] {
                    let mut decoder = Decoder::new(coding).unwrap().unwrap();
                    let decoded = push_all(&mut decoder, &body, size).unwrap();
                    assert_eq!(decoded, b"text", "{coding} {garbage:?} by {size}");
                }
            }
        }
    }

    #[test]
    fn a_cut_body_gives_what_came_and_a_broken_one_is_an_error() {
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let mut body = encode(coding, &text());
            let mut decoder = Decoder::new(coding).unwrap().unwrap();
            let half = &body[..body.len() / 2];
            let decoded = push_all(&mut decoder, half, 1000).unwrap();
            assert!(decoder.is_cut(), "{coding}");
            assert!(text().starts_with(&decoded), "{coding}");
            // The others hold a whole block back.
            assert!(!decoded.is_empty() || matches!(coding, "br" | "zstd"));
            body[0] = b'<';
            body[1] = b'h';
            assert!(decode(coding, &body, 1000).is_err(), "{coding}");
        }
    }

    #[test]
    fn fields() {
        assert!(Decoder::new("").unwrap().is_none());
        assert!(Decoder::new("identity").unwrap().is_none());
        assert!(Decoder::new("utf-8, none").unwrap().is_none());
        assert!(Decoder::new("compress").is_err());
        assert!(Decoder::new("gzip, gzip, gzip, gzip").is_err());
        assert_eq!(decode("gzip", b"", 1).unwrap(), b"");
    }

    #[test]
    fn a_bomb_comes_in_blocks_and_stops_when_told() {
        let bomb = encode("gzip", &vec![0; 10 << 20]);
        let (mut blocks, mut bytes) = (0, 0);
        let cut = Decoder::new("gzip")
            .unwrap()
            .unwrap()
            .push(&bomb, &mut |out| {
                assert!(out.len() <= BLOCK_BYTES);
                (blocks, bytes) = (blocks + 1, bytes + out.len());
                if bytes > 100_000 {
                    return Err(Failure::Bomb {
                        limit_bytes: 100_000,
                    });
                }
                Ok(())
            });
        assert!(matches!(cut, Err(Failure::Bomb { .. })));
        assert_eq!(blocks, 4);
    }
}
