//! Plaintext of TLS connections, by the secrets that one side has written to a file (`SSLKEYLOGFILE`).

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};

use super::Flow;
use super::flow::Times;
use super::handshake::{CLIENT_HELLO, Record, SERVER_HELLO, clear_messages, records};

const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
/// Bytes of a record's header.
const HEADER: usize = 5;
/// Bytes in front of the ciphertext of AES-GCM in TLS 1.2 (RFC 5288 3).
const EXPLICIT: usize = 8;

/// Secrets by their labels and the random bytes of the ClientHello.
#[derive(Debug, Default)]
pub struct Secrets(HashMap<(String, Vec<u8>), Vec<u8>>);

/// Plaintext of one direction.
#[derive(Debug)]
pub struct Plaintext {
    /// Application data.
    pub bytes: Vec<u8>,
    /// Positions at which the plaintext and the ciphertext of records begin.
    places: Vec<(usize, usize)>,
    times: Times,
}

impl Plaintext {
    /// Time of the segment with this byte.
    pub fn at(&self, offset: usize) -> Option<u64> {
        let after = self.places.partition_point(|(start, _)| *start <= offset);
        let (start, place) = self.places.get(after.checked_sub(1)?)?;
        self.times.at(place + offset - start)
    }
}

/// Cipher suite, as far as it matters here.
struct Suite {
    cipher: &'static aead::Algorithm,
    derives: hkdf::Algorithm,
    hash: hmac::Algorithm,
    is_13: bool,
}

impl Suite {
    fn of(number: u16) -> Result<Self> {
        let (aes128, aes256) = (&aead::AES_128_GCM, &aead::AES_256_GCM);
        let (cipher, is_long) = match number {
            0x1301 | 0xc02b | 0xc02f => (aes128, false),
            0x1302 | 0xc02c | 0xc030 => (aes256, true),
            0x1303 | 0xcca8 | 0xcca9 => (&aead::CHACHA20_POLY1305, false),
            _ => bail!("an unknown cipher suite: {number:#06x}"),
        };
        let (derives, hash) = match is_long {
            true => (hkdf::HKDF_SHA384, hmac::HMAC_SHA384),
            false => (hkdf::HKDF_SHA256, hmac::HMAC_SHA256),
        };
        Ok(Self {
            cipher,
            derives,
            hash,
            is_13: number >> 8 == 0x13,
        })
    }

    /// Length of the part of the nonce that the secrets give.
    fn fixed(&self) -> usize {
        let has_explicit = !self.is_13 && *self.cipher != aead::CHACHA20_POLY1305;
        if has_explicit { 4 } else { aead::NONCE_LEN }
    }
}

/// Key of one direction.
struct Key {
    key: LessSafeKey,
    fixed: Vec<u8>,
    is_13: bool,
    sequence: u64,
}

impl Key {
    fn new(suite: &Suite, key: &[u8], fixed: &[u8]) -> Result<Self> {
        let key = UnboundKey::new(suite.cipher, key)
            .ok()
            .context("a key of another length")?;
        Ok(Self {
            key: LessSafeKey::new(key),
            fixed: fixed.to_vec(),
            is_13: suite.is_13,
            sequence: 0,
        })
    }

    /// Key of TLS 1.3 (RFC 8446 7.3).
    fn expand(suite: &Suite, secret: &[u8]) -> Result<Self> {
        let secret = hkdf::Prk::new_less_safe(suite.derives, secret);
        let key = expand_label(&secret, "key", suite.cipher.key_len())?;
        let fixed = expand_label(&secret, "iv", aead::NONCE_LEN)?;
        Self::new(suite, &key, &fixed)
    }

    /// Plaintext of the next record with the number of bytes in front of its ciphertext; None when the key does not fit.
    fn open(&mut self, record: &Record<'_>) -> Option<(Vec<u8>, usize)> {
        let explicit = if self.fixed.len() == 4 { EXPLICIT } else { 0 };
        let mut bytes = record.body.get(explicit..)?.to_vec();
        let nonce = match explicit {
            0 => xor(&self.fixed, self.sequence),
            _ => [self.fixed.as_slice(), record.body.get(..explicit)?].concat(),
        };
        let length = match self.is_13 {
            true => bytes.len(),
            false => bytes.len().checked_sub(self.key.algorithm().tag_len())?,
        };
        let [high, low] = u16::try_from(length).ok()?.to_be_bytes();
        let header = [record.kind, 3, 3, high, low];
        let aad = match self.is_13 {
            true => header.to_vec(),
            false => [self.sequence.to_be_bytes().as_slice(), &header].concat(),
        };
        let nonce = Nonce::try_assume_unique_for_key(&nonce).ok()?;
        let opened = self.key.open_in_place(nonce, Aad::from(aad), &mut bytes);
        let length = opened.ok()?.len();
        self.sequence += 1;
        bytes.truncate(length);
        Some((bytes, explicit))
    }
}

fn xor(fixed: &[u8], sequence: u64) -> Vec<u8> {
    let number = [[0; 4].as_slice(), &sequence.to_be_bytes()].concat();
    fixed.iter().zip(number).map(|(a, b)| a ^ b).collect()
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label without a context (RFC 8446 7.1).
fn expand_label(secret: &hkdf::Prk, label: &str, length: usize) -> Result<Vec<u8>> {
    let label = format!("tls13 {label}");
    let [high, low] = u16::try_from(length)?.to_be_bytes();
    let head = [high, low, u8::try_from(label.len())?];
    let info = [&head, label.as_bytes(), &[0]];
    let mut bytes = vec![0; length];
    let expanded = secret.expand(&info, Length(length));
    expanded
        .and_then(|key| key.fill(&mut bytes))
        .ok()
        .context("a key that cannot be expanded")?;
    Ok(bytes)
}

/// Pseudo-random function of TLS 1.2 (RFC 5246 5).
fn prf(hash: hmac::Algorithm, secret: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let key = hmac::Key::new(hash, secret);
    let mut bytes = Vec::new();
    let mut round = hmac::sign(&key, seed);
    while bytes.len() < length {
        bytes.extend_from_slice(hmac::sign(&key, &[round.as_ref(), seed].concat()).as_ref());
        round = hmac::sign(&key, round.as_ref());
    }
    bytes
}

impl Secrets {
    /// Reads a file of lines `LABEL RANDOM SECRET`.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("no {}", path.display()))?;
        let mut secrets = HashMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let &[label, random, secret] = words.as_slice() else {
                bail!("an unknown line: {line}");
            };
            secrets.insert((label.to_owned(), hex(random)?), hex(secret)?);
        }
        Ok(Self(secrets))
    }

    fn get(&self, label: &str, random: &[u8]) -> Result<&[u8]> {
        let secret = self.0.get(&(label.to_owned(), random.to_vec()));
        secret
            .map(Vec::as_slice)
            .with_context(|| format!("no {label} of the connection"))
    }

    /// Decrypts what the client and the server of a connection have sent after the handshake. The times of the server's bytes
    /// are those from which they could be read.
    pub fn open(&self, flow: &Flow) -> Result<[Plaintext; 2]> {
        let (sent, received) = (flow.sent.bytes(), flow.received.bytes());
        let client_random = random(&sent.0, CLIENT_HELLO)?;
        let hello = hello(&received.0, SERVER_HELLO)?;
        let session = usize::from(*hello.get(34).context("a short hello")?);
        let number = hello.get(35 + session..37 + session).context("no cipher")?;
        let suite = Suite::of(u16::from_be_bytes(number.try_into()?))?;
        let [client, server] = match suite.is_13 {
            true => [
                Key::expand(&suite, self.get("CLIENT_TRAFFIC_SECRET_0", &client_random)?)?,
                Key::expand(&suite, self.get("SERVER_TRAFFIC_SECRET_0", &client_random)?)?,
            ],
            false => self.keys_12(&suite, &client_random, &random(&received.0, SERVER_HELLO)?)?,
        };
        let received = (received.0, received.1.readable());
        Ok([plaintext(sent, client)?, plaintext(received, server)?])
    }

    /// Keys of TLS 1.2 (RFC 5246 6.3).
    fn keys_12(&self, suite: &Suite, client: &[u8], server: &[u8]) -> Result<[Key; 2]> {
        let master = self.get("CLIENT_RANDOM", client)?;
        let seed = [b"key expansion".as_slice(), server, client].concat();
        let (long, short) = (suite.cipher.key_len(), suite.fixed());
        let block = prf(suite.hash, master, &seed, 2 * (long + short));
        let (keys, fixed) = block.split_at(2 * long);
        Ok([
            Key::new(suite, &keys[..long], &fixed[..short])?,
            Key::new(suite, &keys[long..], &fixed[short..2 * short])?,
        ])
    }
}

/// Decrypts one direction. Records before the first one that the key fits belong to the handshake.
fn plaintext((bytes, times): (Vec<u8>, Times), mut key: Key) -> Result<Plaintext> {
    let (mut plain, mut places) = (Vec::new(), Vec::new());
    for record in records(&bytes) {
        if !matches!(record.kind, HANDSHAKE | APPLICATION_DATA) {
            continue;
        }
        let Some((mut opened, explicit)) = key.open(&record) else {
            ensure!(key.sequence == 0, "record {} has another key", key.sequence);
            continue;
        };
        let kind = match key.is_13 {
            true => inner_kind(&mut opened).context("a record of zeros")?,
            false => record.kind,
        };
        if kind == APPLICATION_DATA {
            places.push((plain.len(), record.start + HEADER + explicit));
            plain.extend(opened);
        }
    }
    Ok(Plaintext {
        bytes: plain,
        places,
        times,
    })
}

/// Takes the content type from the end of a record of TLS 1.3 (RFC 8446 5.2).
fn inner_kind(opened: &mut Vec<u8>) -> Option<u8> {
    while opened.last() == Some(&0) {
        opened.pop();
    }
    opened.pop()
}

fn hello(bytes: &[u8], kind: u8) -> Result<Vec<u8>> {
    let mut hellos = clear_messages(bytes, true).into_iter();
    let last = hellos.rfind(|(got, _)| *got == kind);
    Ok(last.context("no hello")?.1)
}

fn random(bytes: &[u8], kind: u8) -> Result<Vec<u8>> {
    let hello = hello(bytes, kind)?;
    Ok(hello.get(2..34).context("a short hello")?.to_vec())
}

fn hex(text: &str) -> Result<Vec<u8>> {
    let digits: Vec<char> = text.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
    let bytes: Result<_, _> = digits.chunks(2).map(byte).collect();
    bytes.with_context(|| text.to_owned())
}
