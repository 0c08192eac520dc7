//! Reading the entries of a file.

use std::io::{self, Read};

use crate::{
    block::{self, Head},
    entry::{Entry, Start, decode},
    frame::{Assembly, Frame},
    preamble::{self, OpenError},
    words::Words,
};

/// Reasons why there are no more entries.
#[derive(Debug)]
pub enum Ending {
    /// The recording is complete, and all of it has been read.
    Whole,
    /// The recording was cut off: its writer was stopped before the end.
    CutOff,
    /// A block is damaged, or not the next one in order.
    Damaged,
    /// Reading failed.
    Failed(io::Error),
}

/// Place of an entry's content.
#[derive(Clone, Copy)]
enum Place {
    Block(usize),
    Assembly(u8),
}

/// Reads a recording, block by block.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    number: u32,
    stored: Vec<u8>,
    frames: Words,
    at: usize,
    assembly: Assembly,
    good_bytes: u64,
    ending: Option<Ending>,
}

impl<R: Read> Reader<R> {
    /// Checks the preamble and reads the first entry.
    pub fn open(mut source: R) -> Result<(Self, Start), OpenError> {
        let mut bytes = [0; preamble::BYTES];
        let got = fill(&mut source, &mut bytes)?;
        preamble::check(&bytes[..got])?;
        let mut reader = Self {
            source,
            number: 0,
            stored: Vec::new(),
            frames: Words::default(),
            at: 0,
            assembly: Assembly::default(),
            good_bytes: preamble::BYTES as u64,
            ending: None,
        };
        if let Some(Entry::Start(start)) = reader.next() {
            return Ok((reader, *start));
        }
        let what = match reader.ending {
            Some(Ending::Failed(error)) => return Err(error.into()),
            Some(Ending::CutOff) => "cut off",
            Some(Ending::Damaged) => "damaged",
            _ => "no beginning",
        };
        Err(OpenError::NoStart { what: what.into() })
    }

    /// Reads the next entry. After None, [`Self::ending`] gives the kind of end.
    #[expect(
        clippy::should_implement_trait,
        reason = "an entry borrows from the reader"
    )]
    pub fn next(&mut self) -> Option<Entry<'_>> {
        let place = self.advance()?;
        let entry = match place {
            Place::Block(at) => Frame::read(&self.frames.bytes()[at..])
                .and_then(|(frame, _)| decode(frame.kind, frame.content)),
            Place::Assembly(kind) => decode(kind, self.assembly.content()),
        };
        match &entry {
            Some(Entry::End(_)) => self.ending = Some(Ending::Whole),
            Some(_) => {}
            None => self.ending = Some(Ending::Damaged),
        }
        entry
    }

    /// Finds the next whole entry.
    fn advance(&mut self) -> Option<Place> {
        while self.ending.is_none() {
            let at = self.at;
            if at >= self.frames.len() {
                self.read_block();
                continue;
            }
            let Some((frame, size)) = Frame::read(&self.frames.bytes()[at..]) else {
                self.ending = Some(Ending::Damaged);
                return None;
            };
            self.at += size;
            if frame.is_whole() {
                return Some(Place::Block(at));
            }
            if let Some(kind) = self.assembly.take(frame) {
                return Some(Place::Assembly(kind));
            }
        }
        None
    }

    /// Reads the next block, or notes that there is none.
    fn read_block(&mut self) {
        self.at = 0;
        self.frames.reset(0);
        match self.try_read_block() {
            Ok(None) => {
                self.number = self.number.wrapping_add(1);
                self.good_bytes += (block::HEAD_BYTES + self.stored.len()) as u64;
            }
            Ok(Some(ending)) => self.ending = Some(ending),
            Err(error) => self.ending = Some(Ending::Failed(error)),
        }
    }

    fn try_read_block(&mut self) -> io::Result<Option<Ending>> {
        let mut head = [0; block::HEAD_BYTES];
        if fill(&mut self.source, &mut head)? < head.len() {
            return Ok(Some(Ending::CutOff));
        }
        let Some(head) = Head::read(head, self.number) else {
            return Ok(Some(Ending::Damaged));
        };
        self.stored.resize(head.stored_bytes(), 0);
        if fill(&mut self.source, &mut self.stored)? < self.stored.len() {
            return Ok(Some(Ending::CutOff));
        }
        let opened = head.open(&self.stored, &mut self.frames);
        Ok(opened.is_none().then_some(Ending::Damaged))
    }

    /// Size of the file up to the end of the last good block, in bytes.
    pub fn good_bytes(&self) -> u64 {
        self.good_bytes
    }

    /// Reason why there are no more entries; None while there may be some.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }
}

/// Reads until `room` is full or the file ends, and gives the number of bytes read.
fn fill(source: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < room.len() {
        match source.read(&mut room[got..]) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
