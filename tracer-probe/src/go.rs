//! Go executables: version of the compiler, and functions of crypto/tls.

mod lines;

use object::{ReadRef, elf::PF_W};

use self::lines::Lines;
use crate::{
    body,
    elf::{Elf, Symbol},
    places::{Function, Place, Returns, Unfit},
};

/// Beginning of the build information (debug/buildinfo in Go's library).
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Alignment of the build information.
const ALIGNMENT: usize = 16;
/// Part of the first writable segment in which the build information is looked for when no section tells.
const SEARCHED: u64 = 1 << 20;
/// Length of the longest version that is read.
const LONGEST: u64 = 128;
/// First version that passes arguments in registers.
const OLDEST: (u32, u32) = (1, 17);

/// Version of Go that has built the executable; None for all other files.
pub(crate) fn version<'d, R: ReadRef<'d>>(elf: &Elf<'d, R>) -> Option<String> {
    let part = elf.section(&[".go.buildinfo"]).or_else(|| {
        let mut loaded = elf.loaded();
        loaded.find_map(|(part, flags)| (flags & PF_W != 0).then_some(part))
    })?;
    let size = part.size.min(SEARCHED);
    let bytes = elf.data.read_bytes_at(part.offset, size).ok()?;
    let mut blocks = bytes.chunks(ALIGNMENT);
    let at = blocks.position(|block| block.starts_with(MAGIC))? * ALIGNMENT;
    let info = &bytes[at..];
    // Since 1.18 the version is behind the header; before, the header points to a pointer to it.
    let text = match info.get(15)? & 2 {
        0 => pointed(elf, part.address.checked_add(at as u64 + 16)?)?,
        _ => counted(info.get(32..)?)?,
    };
    Some(String::from_utf8_lossy(text).into_owned())
}

/// Text behind its length, which is below 128.
fn counted(bytes: &[u8]) -> Option<&[u8]> {
    let (&length, rest) = bytes.split_first()?;
    (u64::from(length) < LONGEST).then(|| rest.get(..usize::from(length)))?
}

/// Text of a Go string whose header is where the number at `address` points.
fn pointed<'d, R: ReadRef<'d>>(elf: &Elf<'d, R>, address: u64) -> Option<&'d [u8]> {
    let string = elf.word(address)?;
    let (text, length) = (elf.word(string)?, elf.word(string.checked_add(8)?)?);
    (length < LONGEST).then(|| elf.bytes(text, length))?
}

/// Functions of crypto/tls in an executable of Go.
pub(crate) fn functions<'d, R: ReadRef<'d>>(
    elf: &Elf<'d, R>,
    version: &str,
) -> Result<Vec<Place>, Unfit> {
    let wanted = Function::OF_GO.map(Function::symbol);
    let mut symbols = elf.functions(&wanted)?;
    if symbols.iter().any(Option::is_none)
        && let Some(lines) = Lines::find(elf)
    {
        symbols = lines.functions(&wanted);
    }
    let symbols: Vec<(Function, Symbol)> = Function::OF_GO
        .into_iter()
        .zip(symbols)
        .filter_map(|(function, symbol)| Some((function, symbol?)))
        .collect();
    if !symbols.is_empty() && numbers(version).is_some_and(|version| version < OLDEST) {
        return Err(Unfit::OldGo(version.to_owned()));
    }
    let place = |(function, symbol): (Function, Symbol)| {
        let body = body::of_go(elf, function, symbol)?;
        Ok(Place {
            function,
            entry: body.entry,
            returns: Returns::At(body.returns),
        })
    };
    symbols.into_iter().map(place).collect()
}

/// Numbers of a version such as `go1.19.8`; None for others, such as `devel +abc`, which are newer than what is asked.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let rest = version.strip_prefix("go")?;
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(numbers("go1.19.8"), Some((1, 19)));
        assert_eq!(numbers("go1.17rc1"), Some((1, 17)));
        assert_eq!(numbers("go1.27-abc123 X:foo"), Some((1, 27)));
        assert_eq!(numbers("devel go1.20-abc"), None);
        assert_eq!(counted(b"\x03go1abc"), Some(&b"go1"[..]));
        assert_eq!(counted(b"\x83go1"), None);
        assert_eq!(counted(b"\x03go"), None);
    }
}
