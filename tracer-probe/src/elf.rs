//! The parts of an ELF file that tell where functions are.

use object::{
    LittleEndian as Little, ReadRef,
    elf::{
        EM_AARCH64, EM_X86_64, FileHeader64, PF_X, PT_LOAD, ProgramHeader64, SHN_UNDEF, SHT_DYNSYM,
        SHT_SYMTAB, STT_FUNC, Sym64,
    },
    read::elf::{FileHeader as _, SectionHeader as _, SectionTable},
};

use crate::places::Unfit;

type Header = FileHeader64<Little>;
pub(crate) type Segment = ProgramHeader64<Little>;
pub(crate) type Symbol64 = Sym64<Little>;

/// Processor that a file is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    X86,
    Arm,
}

/// Address and size of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) address: u64,
    /// Length in bytes; 0 when it is not known.
    pub(crate) size: u64,
}

/// Part of a file, and its address in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) address: u64,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// An ELF file for 64-bit, little-endian processors.
pub(crate) struct Elf<'d, R: ReadRef<'d>> {
    pub(crate) data: R,
    pub(crate) machine: Machine,
    pub(crate) segments: &'d [Segment],
    sections: SectionTable<'d, Header, R>,
}

impl<'d, R: ReadRef<'d>> Elf<'d, R> {
    pub(crate) fn parse(data: R) -> Result<Self, Unfit> {
        let magic = data.read_bytes_at(0, 6).map_err(|()| Unfit::NotElf)?;
        // ELFCLASS64, ELFDATA2LSB.
        match magic {
            [0x7f, b'E', b'L', b'F', 2, 1] => {}
            [0x7f, b'E', b'L', b'F', ..] => return Err(Unfit::Machine),
            _ => return Err(Unfit::NotElf),
        }
        let damaged = |_| Unfit::Damaged("the header");
        let header = Header::parse(data).map_err(damaged)?;
        let machine = match header.e_machine.get(Little) {
            EM_X86_64 => Machine::X86,
            EM_AARCH64 => Machine::Arm,
            _ => return Err(Unfit::Machine),
        };
        Ok(Self {
            data,
            machine,
            segments: header.program_headers(Little, data).map_err(damaged)?,
            // Section headers may be cut off: the loader does not need them.
            sections: header.sections(Little, data).unwrap_or_default(),
        })
    }

    /// Parts of the file that are loaded.
    pub(crate) fn loaded(&self) -> impl Iterator<Item = (Part, u32)> {
        let loaded = self.segments.iter();
        let loaded = loaded.filter(|segment| segment.p_type.get(Little) == PT_LOAD);
        loaded.map(|segment| {
            let part = Part {
                address: segment.p_vaddr.get(Little),
                offset: segment.p_offset.get(Little),
                size: segment.p_filesz.get(Little),
            };
            (part, segment.p_flags.get(Little))
        })
    }

    fn offset(&self, address: u64, flag: u32) -> Option<u64> {
        let mut loaded = self.loaded().filter(|(_, flags)| flags & flag == flag);
        loaded.find_map(|(part, _)| {
            let within = address.checked_sub(part.address)?;
            (within < part.size).then(|| part.offset.checked_add(within))?
        })
    }

    /// File offset of an address that holds code.
    pub(crate) fn code_offset(&self, address: u64) -> Option<u64> {
        self.offset(address, PF_X)
    }

    /// Bytes at an address, as they are in the file.
    pub(crate) fn bytes(&self, address: u64, size: u64) -> Option<&'d [u8]> {
        let offset = self.offset(address, 0)?;
        self.data.read_bytes_at(offset, size).ok()
    }

    /// Number at an address, as it is in the file.
    pub(crate) fn word(&self, address: u64) -> Option<u64> {
        Some(u64::from_le_bytes(*self.bytes(address, 8)?.first_chunk()?))
    }

    /// The section with one of these names.
    pub(crate) fn section(&self, names: &[&str]) -> Option<Part> {
        let section = self.sections.iter().find(|section| {
            let name = self.sections.section_name(Little, section);
            name.is_ok_and(|name| names.iter().any(|wanted| wanted.as_bytes() == name))
        })?;
        let (offset, size) = section.file_range(Little)?;
        Some(Part {
            address: section.sh_addr.get(Little),
            offset,
            size,
        })
    }

    /// Functions with these names, from the table of exported symbols or from the full one.
    pub(crate) fn functions(&self, names: &[&str]) -> Result<Vec<Option<Symbol>>, Unfit> {
        let mut found = vec![None; names.len()];
        let mut has_exports = false;
        for section in self.sections.iter() {
            let kind = section.sh_type.get(Little);
            if kind != SHT_DYNSYM && kind != SHT_SYMTAB {
                continue;
            }
            has_exports |= kind == SHT_DYNSYM;
            let damaged = |_| Unfit::Damaged("the symbol table");
            let symbols = section.data_as_array(Little, self.data).map_err(damaged)?;
            let strings = self
                .sections
                .section(section.link(Little))
                .map_err(damaged)?;
            let strings = strings.data(Little, self.data).map_err(damaged)?;
            search(symbols, strings, names, &mut found);
        }
        if !has_exports && let Some((symbols, strings)) = self.exports() {
            search(symbols, strings, names, &mut found);
        }
        Ok(found)
    }
}

/// Looks for defined functions with these names.
fn search(symbols: &[Symbol64], strings: &[u8], names: &[&str], found: &mut [Option<Symbol>]) {
    for symbol in symbols {
        let is_function = symbol.st_info & 15 == STT_FUNC;
        if !is_function || symbol.st_shndx.get(Little) == SHN_UNDEF {
            continue;
        }
        let Some(name) = strings.get(symbol.st_name.get(Little) as usize..) else {
            continue;
        };
        let is = |wanted: &&str| {
            let rest = name.strip_prefix(wanted.as_bytes());
            rest.is_some_and(|rest| rest.first() == Some(&0))
        };
        if let Some(at) = names.iter().position(is) {
            found[at].get_or_insert(Symbol {
                address: symbol.st_value.get(Little),
                size: symbol.st_size.get(Little),
            });
        }
    }
}
