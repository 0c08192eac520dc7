//! Table of functions that Go's runtime unwinds stacks with (`runtime.pclntab`); `strip` leaves it in place.
//!
//! The layout is that of debug/gosym and of runtime/symtab.go in Go's library, for 64-bit processors: a header of
//! numbers, the names, and pairs of entry and place of each function's description, sorted by entry.

use object::{ReadRef, elf::PF_X};

use crate::elf::{Elf, Part, Symbol};

/// First number of the header: Go 1.20 and later, 1.18 and 1.19, 1.16 and 1.17.
const MAGICS: [(u32, Layout); 3] = [
    (0xffff_fff1, Layout::Relative),
    (0xffff_fff0, Layout::Relative),
    (0xffff_fffa, Layout::Absolute),
];
/// Names of the section: usual, and in position-independent executables.
const SECTIONS: [&str; 2] = [".gopclntab", ".data.rel.ro.gopclntab"];
/// Length of the longest header.
const HEADER: u64 = 72;
/// Alignment of the table.
const ALIGNMENT: usize = 32;
/// Bytes that are searched at once.
const STEP: u64 = 1 << 20;
/// Bytes of pairs and descriptions that are read at most, where no section tells their end.
const LARGEST: u64 = 64 << 20;
/// Number of functions that an executable has at most.
const MOST: u64 = 1 << 22;

/// Form of the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Four bytes, counted from the beginning of the code.
    Relative,
    /// Eight bytes, addresses.
    Absolute,
}

/// The table of functions.
pub(super) struct Lines<'d> {
    layout: Layout,
    /// Address of the first function.
    text: u64,
    /// Names of functions.
    names: &'d [u8],
    /// Pairs, and the descriptions behind them.
    functions: &'d [u8],
    count: usize,
}

impl<'d> Lines<'d> {
    /// Finds the table by its section, or by its first bytes in everything that is loaded and is no code.
    pub(super) fn find<R: ReadRef<'d>>(elf: &Elf<'d, R>) -> Option<Self> {
        if let Some(part) = elf.section(&SECTIONS) {
            return Self::at(elf, part);
        }
        let loaded = elf.loaded().filter(|(_, flags)| flags & PF_X == 0);
        let parts: Vec<Part> = loaded.map(|(part, _)| part).collect();
        parts.into_iter().find_map(|part| Self::search(elf, part))
    }

    fn search<R: ReadRef<'d>>(elf: &Elf<'d, R>, part: Part) -> Option<Self> {
        let mut begin = 0;
        while begin < part.size {
            let size = STEP.min(part.size - begin);
            let from = part.offset.checked_add(begin)?;
            let bytes = elf.data.read_bytes_at(from, size).ok()?;
            let blocks = bytes.chunks(ALIGNMENT).enumerate();
            let likely = blocks.filter(|(_, block)| has_magic(block));
            for (number, _) in likely {
                let at = begin + (number * ALIGNMENT) as u64;
                let rest = Part {
                    address: part.address.checked_add(at)?,
                    offset: part.offset.checked_add(at)?,
                    size: part.size - at,
                };
                if let Some(lines) = Self::at(elf, rest) {
                    return Some(lines);
                }
            }
            begin += STEP;
        }
        None
    }

    /// Reads the table that begins where `part` begins.
    fn at<R: ReadRef<'d>>(elf: &Elf<'d, R>, part: Part) -> Option<Self> {
        let header = elf
            .data
            .read_bytes_at(part.offset, HEADER.min(part.size))
            .ok()?;
        let magic = u32::from_le_bytes(*header.first_chunk()?);
        let (_, layout) = MAGICS.into_iter().find(|(known, _)| *known == magic)?;
        let number = |at: usize| {
            Some(u64::from_le_bytes(
                *header.get(8 + 8 * at..)?.first_chunk()?,
            ))
        };
        let (count, text, names, behind, functions) = match layout {
            Layout::Relative => (number(0)?, number(2)?, number(3)?, number(4)?, number(7)?),
            Layout::Absolute => (number(0)?, 0, number(2)?, number(3)?, number(6)?),
        };
        // Newer linkers leave the address of the code out.
        let text = match (layout, text) {
            (Layout::Relative, 0) => elf.section(&[".text"])?.address,
            _ => text,
        };
        if count == 0 || count > MOST {
            return None;
        }
        let read = |from: u64, to: u64| {
            let size = to.checked_sub(from).filter(|_| to <= part.size)?;
            elf.data
                .read_bytes_at(part.offset.checked_add(from)?, size)
                .ok()
        };
        Some(Self {
            layout,
            text,
            names: read(names, behind)?,
            functions: read(functions, part.size.min(functions.saturating_add(LARGEST)))?,
            count: count as usize,
        })
    }

    /// Functions with these names.
    pub(super) fn functions(&self, names: &[&str]) -> Vec<Option<Symbol>> {
        let mut found = vec![None; names.len()];
        for at in 0..self.count {
            let Some(name) = self.name(at) else { continue };
            let is = |wanted: &&str| {
                let rest = name.strip_prefix(wanted.as_bytes());
                rest.is_some_and(|rest| rest.first() == Some(&0))
            };
            if let Some(which) = names.iter().position(is) {
                found[which] = self.symbol(at);
            }
        }
        found
    }

    /// Bytes that begin with the name of a function, up to the end of all names.
    fn name(&self, at: usize) -> Option<&'d [u8]> {
        let (place, entry) = match self.layout {
            Layout::Relative => (self.number::<4>(at * 8 + 4)?, 4),
            Layout::Absolute => (self.number::<8>(at * 16 + 8)?, 8),
        };
        let place = usize::try_from(place).ok()?.checked_add(entry)?;
        let name = self.number::<4>(place)?;
        self.names.get(usize::try_from(name).ok()?..)
    }

    /// Address and size; the size includes what fills the room up to the next function.
    fn symbol(&self, at: usize) -> Option<Symbol> {
        let entry = |at: usize| match self.layout {
            Layout::Relative => self.text.checked_add(self.number::<4>(at * 8)?),
            Layout::Absolute => self.number::<8>(at * 16),
        };
        let address = entry(at)?;
        Some(Symbol {
            address,
            size: entry(at + 1)?.checked_sub(address)?,
        })
    }

    fn number<const SIZE: usize>(&self, at: usize) -> Option<u64> {
        let bytes: &[u8; SIZE] = self.functions.get(at..)?.first_chunk()?;
        let mut wide = [0; 8];
        wide[..SIZE].copy_from_slice(bytes);
        Some(u64::from_le_bytes(wide))
    }
}

/// True for the first bytes of a table: magic, two zeros, the unit of code (1 on x86, 4 on arm64) and the size of a pointer.
fn has_magic(bytes: &[u8]) -> bool {
    let Some((magic, [0, 0, 1 | 4, 8, ..])) = bytes.split_first_chunk::<4>() else {
        return false;
    };
    let magic = u32::from_le_bytes(*magic);
    MAGICS.iter().any(|(known, _)| *known == magic)
}
