//! Tables that the loader reads: needed libraries, the interpreter, and exported symbols where section headers are gone.

use object::{
    LittleEndian as Little, ReadRef,
    elf::{DT_NEEDED, DT_STRSZ, DT_STRTAB, DT_SYMTAB, Dyn64, PT_DYNAMIC, PT_INTERP},
    pod::slice_from_all_bytes,
    read::elf::ProgramHeader as _,
};

use crate::elf::{Elf, Symbol64};

/// Length of the longest path that Linux takes.
const PATH_MAX: usize = 4096;

impl<'d, R: ReadRef<'d>> Elf<'d, R> {
    /// Entries of the dynamic section: tag and value.
    fn dynamic(&self) -> impl Iterator<Item = (i64, u64)> {
        let segment = self.segments.iter();
        let mut segment = segment.filter(|segment| segment.p_type.get(Little) == PT_DYNAMIC);
        let entries: &[Dyn64<Little>] = segment
            .next()
            .and_then(|segment| segment.data_as_array(Little, self.data).ok())
            .unwrap_or_default();
        let entries = entries.iter();
        entries.map(|entry| (entry.d_tag.get(Little), entry.d_val.get(Little)))
    }

    fn dynamic_value(&self, tag: i64) -> Option<u64> {
        let mut entries = self.dynamic();
        entries.find_map(|(found, value)| (found == tag).then_some(value))
    }

    /// Strings of the dynamic section.
    fn strings(&self) -> Option<&'d [u8]> {
        let at = self.dynamic_value(DT_STRTAB)?;
        self.bytes(at, self.dynamic_value(DT_STRSZ)?)
    }

    /// Exported symbols and their names by the dynamic section. It does not tell the number of symbols; linkers put the
    /// names right behind them.
    pub(crate) fn exports(&self) -> Option<(&'d [Symbol64], &'d [u8])> {
        let at = self.dynamic_value(DT_SYMTAB)?;
        let length = self.dynamic_value(DT_STRTAB)?.checked_sub(at)?;
        let size = size_of::<Symbol64>() as u64;
        let bytes = self.bytes(at, length - length % size)?;
        let symbols = slice_from_all_bytes(bytes).ok()?;
        Some((symbols, self.strings()?))
    }

    /// Names of the needed libraries.
    pub(crate) fn needed(&self) -> Vec<String> {
        let strings = self.strings().unwrap_or_default();
        let needed = self.dynamic().filter(|(tag, _)| *tag == DT_NEEDED);
        let names = needed.filter_map(|(_, at)| text(strings.get(usize::try_from(at).ok()?..)?));
        names.collect()
    }

    /// Path of the program interpreter.
    pub(crate) fn interpreter(&self) -> Option<String> {
        let mut segments = self.segments.iter();
        let segment = segments.find(|segment| segment.p_type.get(Little) == PT_INTERP)?;
        text(segment.data(Little, self.data).ok()?)
    }
}

/// The text that a zero byte ends.
fn text(bytes: &[u8]) -> Option<String> {
    let bytes = &bytes[..bytes.len().min(PATH_MAX)];
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}
