//! Series of WARC files: appends records, cuts off an incomplete end, and begins the next file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;

use super::super::{OutError, failed};
use crate::files::{Files, Mode};

/// Number of bytes buffered before they are written.
const BUFFER_BYTES: usize = 256 << 10;

pub(super) struct Series {
    files: Files,
    first: PathBuf,
    number: u32,
    path: PathBuf,
    file: File,
    /// Length of the file, including the buffer.
    bytes: u64,
    max_bytes: u64,
    buffer: Vec<u8>,
}

impl Series {
    pub(super) fn open(first: &Path, max_bytes: u64, files: Files) -> Result<Self, OutError> {
        let last = (0..)
            .take_while(|&number| path_of(first, number).exists())
            .last();
        let number = last.unwrap_or(0);
        let path = path_of(first, number);
        let mut file = files
            .open(&path, Mode::Keep)
            .map_err(failed("open", &path))?;
        let bytes = end_of_members(&file).map_err(failed("read", &path))?;
        file.set_len(bytes).map_err(failed("cut", &path))?;
        file.seek(SeekFrom::Start(bytes))
            .map_err(failed("read", &path))?;
        Ok(Self {
            files,
            first: first.to_owned(),
            number,
            path,
            file,
            bytes,
            max_bytes,
            buffer: Vec::new(),
        })
    }

    pub(super) fn is_at_start(&self) -> bool {
        self.bytes == 0
    }

    pub(super) fn file_name(&self) -> String {
        self.path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// Appends complete members.
    pub(super) fn append(&mut self, members: &[u8]) -> Result<(), OutError> {
        self.buffer.extend(members);
        self.bytes += members.len() as u64;
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    pub(super) fn rotate_if_full(&mut self) -> Result<(), OutError> {
        if self.bytes < self.max_bytes {
            return Ok(());
        }
        self.finish()?;
        self.number += 1;
        self.path = path_of(&self.first, self.number);
        self.file = self
            .files
            .open(&self.path, Mode::New)
            .map_err(failed("create", &self.path))?;
        self.bytes = 0;
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), OutError> {
        let written = self.file.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(failed("write to", &self.path))
    }

    pub(super) fn finish(&mut self) -> Result<(), OutError> {
        self.flush()?;
        self.file
            .sync_data()
            .map_err(failed("write to", &self.path))
    }
}

/// Path of a file of the series: `a.warc.gz`, then `a-00001.warc.gz` and so on.
fn path_of(first: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return first.to_owned();
    }
    let name = first.file_name().unwrap_or_default().to_string_lossy();
    let (stem, extension) = name.split_once('.').unwrap_or((&name, ""));
    let dot = if extension.is_empty() { "" } else { "." };
    first.with_file_name(format!("{stem}-{number:05}{dot}{extension}"))
}

/// End of the last complete gzip member.
fn end_of_members(file: &File) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut end = 0;
    while !reader.fill_buf()?.is_empty() {
        let mut member = GzDecoder::new(&mut reader);
        if !is_whole(&mut member)? {
            break;
        }
        end = reader.stream_position()?;
    }
    Ok(end)
}

/// Reads a member to its checksum; false if it is incomplete or no gzip.
fn is_whole(member: &mut impl Read) -> io::Result<bool> {
    match io::copy(member, &mut io::sink()) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error().is_none() => Ok(false),
        Err(error) => Err(error),
    }
}
