//! Journal of the changes since the last batch: a file of frames, each with length and checksum, each written by one
//! call.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::names::HostId;
use super::{Entry, FrontierError, Kind, Row};
use crate::files::{Files, Mode};

/// Bytes before the content of a frame: length (4) and checksum (8).
const FRAME_HEADER: usize = 12;
/// Limit of a frame's length, which no valid frame reaches: a frame holds the links of one page.
const FRAME_LIMIT: usize = 256 << 20;

const HOST: u8 = 1;
const REFERRER: u8 = 2;
const ADD: u8 = 3;
const DONE: u8 = 4;

/// Entry of the journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Host { id: HostId, name: Arc<str> },
    Add { host: HostId, seq: u64, row: Row },
    Done { host: HostId, seq: u64 },
}

/// Journal open for writing.
pub(super) struct Journal {
    number: u64,
    path: PathBuf,
    file: File,
    frame: Vec<u8>,
    referrer: Option<Arc<str>>,
}

impl Journal {
    pub(super) fn create(
        directory: &Path,
        number: u64,
        files: &Files,
    ) -> Result<Self, FrontierError> {
        let path = path(directory, number);
        let file = files
            .open(&path, Mode::New)
            .map_err(failed("create", &path))?;
        Ok(Self {
            number,
            path,
            file,
            frame: vec![0; FRAME_HEADER],
            referrer: None,
        })
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn host(&mut self, id: HostId, name: &str) {
        self.frame.push(HOST);
        self.number32(id.0);
        self.text(name);
    }

    pub(super) fn add(&mut self, host: HostId, entry: &Entry) {
        let row = &entry.row;
        if self.referrer != row.referrer {
            self.referrer.clone_from(&row.referrer);
            self.frame.push(REFERRER);
            self.text(row.referrer.as_deref().unwrap_or(""));
        }
        self.frame.push(ADD);
        self.number32(host.0);
        self.frame.extend(entry.seq.to_le_bytes());
        self.number32(row.kind.pack(row.depth));
        self.text(&row.url);
    }

    pub(super) fn done(&mut self, host: HostId, seq: u64) {
        self.frame.push(DONE);
        self.number32(host.0);
        self.frame.extend(seq.to_le_bytes());
    }

    fn number32(&mut self, number: u32) {
        self.frame.extend(number.to_le_bytes());
    }

    /// Appends a text with its length. No URL, referrer or host is near 4 GiB, because each comes from a page of
    /// bounded size.
    fn text(&mut self, text: &str) {
        self.number32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.frame.extend(text.as_bytes());
    }

    /// Writes the collected entries as one frame.
    pub(super) fn write(&mut self) -> Result<(), FrontierError> {
        let Some(content) = self
            .frame
            .get(FRAME_HEADER..)
            .filter(|content| !content.is_empty())
        else {
            return Ok(());
        };
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let sum = xxh3_64(content);
        self.frame[..4].copy_from_slice(&length.to_le_bytes());
        self.frame[4..FRAME_HEADER].copy_from_slice(&sum.to_le_bytes());
        self.file
            .write_all(&self.frame)
            .map_err(failed("append to", &self.path))?;
        self.frame.truncate(FRAME_HEADER);
        self.referrer = None;
        Ok(())
    }
}

fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("journal.{number}"))
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> FrontierError {
    move |source| FrontierError::Io {
        doing,
        path: path.display().to_string(),
        source,
    }
}

/// Numbers of all journals in a directory, in ascending order.
pub(super) fn numbers(directory: &Path) -> Result<Vec<u64>, FrontierError> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed("list", directory))? {
        let name = entry.map_err(failed("list", directory))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("journal."));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Deletes all journals up to and including this one.
pub(super) fn delete(directory: &Path, through: u64, files: &Files) -> Result<(), FrontierError> {
    for number in numbers(directory)?
        .into_iter()
        .filter(|&number| number <= through)
    {
        let path = path(directory, number);
        files.remove_file(&path).map_err(failed("delete", &path))?;
    }
    Ok(())
}

/// Visits every event of a journal, up to a frame that was not written in full.
pub(super) fn replay(
    directory: &Path,
    number: u64,
    files: &Files,
    mut visit: impl FnMut(Event),
) -> Result<(), FrontierError> {
    let path = path(directory, number);
    let file = files
        .open(&path, Mode::Read)
        .map_err(failed("open", &path))?;
    let mut reader = BufReader::new(file);
    while let Some(content) = read_frame(&mut reader).map_err(failed("read", &path))? {
        let mut cursor = Cursor {
            rest: &content,
            referrer: None,
        };
        while let Some(event) = cursor.event() {
            visit(event);
        }
    }
    Ok(())
}

fn read_frame(reader: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut header = [0; FRAME_HEADER];
    if !fill(reader, &mut header)? {
        return Ok(None);
    }
    let (length, sum) = header.split_at(4);
    let length = u32::from_le_bytes(length.try_into().unwrap_or_default()) as usize;
    let sum = u64::from_le_bytes(sum.try_into().unwrap_or_default());
    if length > FRAME_LIMIT {
        return Ok(None);
    }
    let mut content = Vec::new();
    reader.take(length as u64).read_to_end(&mut content)?;
    Ok((content.len() == length && xxh3_64(&content) == sum).then_some(content))
}

/// Fills the buffer; false when the file ends first.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
    referrer: Option<Arc<str>>,
}

impl Cursor<'_> {
    fn event(&mut self) -> Option<Event> {
        loop {
            match self.take::<1>()? {
                [HOST] => {
                    let id = HostId(self.number32()?);
                    return Some(Event::Host {
                        id,
                        name: self.text()?.into(),
                    });
                }
                [REFERRER] => {
                    self.referrer =
                        Some(self.text()?.into()).filter(|text: &Arc<str>| !text.is_empty())
                }
                [ADD] => return self.add(),
                [DONE] => {
                    let host = HostId(self.number32()?);
                    return Some(Event::Done {
                        host,
                        seq: self.number64()?,
                    });
                }
                _ => return None,
            }
        }
    }

    fn add(&mut self) -> Option<Event> {
        let host = HostId(self.number32()?);
        let seq = self.number64()?;
        let (depth, kind) = Kind::unpack(self.number32()?);
        let row = Row {
            depth,
            kind,
            url: self.text()?.into(),
            referrer: self.referrer.clone(),
        };
        Some(Event::Add { host, seq, row })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn number32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn number64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&str> {
        let length = self.number32()? as usize;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, url: &str, referrer: Option<&str>) -> Entry {
        let row = Row {
            depth: 3,
            kind: Kind::Sitemap(1),
            url: url.into(),
            referrer: referrer.map(Into::into),
        };
        Entry {
            seq,
            attempt: 0,
            spared: 0,
            row: Arc::new(row),
        }
    }

    fn write(directory: &Path) -> Vec<Event> {
        let mut journal = Journal::create(directory, 7, &Files::default()).unwrap();
        let mut expected = Vec::new();
        for (frame, referrers) in [[None, Some("http://r/")], [Some("http://r/"), None]]
            .into_iter()
            .enumerate()
        {
            let id = HostId(u32::try_from(frame).unwrap());
            journal.host(id, "h:80");
            expected.push(Event::Host {
                id,
                name: "h:80".into(),
            });
            for (row, referrer) in referrers.into_iter().enumerate() {
                let seq = (frame * 2 + row) as u64;
                let entry = entry(seq, &format!("http://h/{seq}"), referrer);
                journal.add(id, &entry);
                let row = Row {
                    depth: 3,
                    kind: Kind::Sitemap(1),
                    url: entry.row.url.clone(),
                    referrer: entry.row.referrer.clone(),
                };
                expected.push(Event::Add { host: id, seq, row });
            }
            journal.done(id, 9);
            expected.push(Event::Done { host: id, seq: 9 });
            journal.write().unwrap();
            journal.write().unwrap();
        }
        expected
    }

    fn read(directory: &Path) -> Vec<Event> {
        let mut events = Vec::new();
        replay(directory, 7, &Files::default(), |event| events.push(event)).unwrap();
        events
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let expected = write(dir.path());
        assert_eq!(read(dir.path()), expected);
        assert_eq!(numbers(dir.path()).unwrap(), [7]);
        assert!(
            Journal::create(dir.path(), 7, &Files::default()).is_err(),
            "a journal is never written over"
        );
        delete(dir.path(), 6, &Files::default()).unwrap();
        assert_eq!(numbers(dir.path()).unwrap(), [7]);
        delete(dir.path(), 7, &Files::default()).unwrap();
        assert!(numbers(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn a_torn_end_takes_its_frame_alone() {
        let dir = tempfile::tempdir().unwrap();
        let expected = write(dir.path());
        let path = path(dir.path(), 7);
        let whole = std::fs::read(&path).unwrap();
        let frames = [0, 4, expected.len()];
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let events = read(dir.path());
            assert!(frames.contains(&events.len()), "{length}: {}", events.len());
            assert_eq!(events, expected[..events.len()]);
        }
        for byte in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[byte] ^= 0x10;
            std::fs::write(&path, &damaged).unwrap();
            let events = read(dir.path());
            assert!(
                events.len() < expected.len() && events == expected[..events.len()],
                "{byte}"
            );
        }
    }
}
