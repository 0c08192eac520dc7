//! Finds the offsets of members of kernel structures in the kernel's own type information.
//!
//! rustc emits no CO-RE relocations. So the offsets that the kernel programs use are looked up here when the programs
//! are loaded, and passed to them as frozen globals. The format is documented in the kernel tree under
//! `Documentation/bpf/btf.rst`; the numbers below are those of `include/uapi/linux/btf.h`.
//!
//! One pass over the type section builds two tables: where each type starts, and which types carry a
//! given name (by hash). A lookup is then a binary search and a walk over the members of one structure.
//! The bytes are not trusted: every read is bounded and every walk has a budget.

use std::io;
use std::path::{Path, PathBuf};

/// File in which the running kernel publishes its types (CONFIG_DEBUG_INFO_BTF).
pub(crate) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xEB9F;
/// Bytes of the header up to and including `str_len`.
const HEADER_BYTES: usize = 24;
/// Bytes of the part that every type has: name, info, size or type.
const TYPE_BYTES: usize = 12;
/// Bytes of one structure or union member: name, type, offset.
const MEMBER_BYTES: usize = 12;

const KIND_INT: u8 = 1;
const KIND_PTR: u8 = 2;
const KIND_ARRAY: u8 = 3;
const KIND_STRUCT: u8 = 4;
const KIND_UNION: u8 = 5;
const KIND_ENUM: u8 = 6;
const KIND_FWD: u8 = 7;
const KIND_TYPEDEF: u8 = 8;
const KIND_VOLATILE: u8 = 9;
const KIND_CONST: u8 = 10;
const KIND_RESTRICT: u8 = 11;
const KIND_FUNC: u8 = 12;
const KIND_FUNC_PROTO: u8 = 13;
const KIND_VAR: u8 = 14;
const KIND_DATASEC: u8 = 15;
const KIND_FLOAT: u8 = 16;
const KIND_DECL_TAG: u8 = 17;
const KIND_TYPE_TAG: u8 = 18;
const KIND_ENUM64: u8 = 19;

/// Longest chain of typedefs and qualifiers followed; real ones have fewer than ten links.
const MAX_CHAIN: u32 = 64;
/// Deepest nesting of anonymous members followed; real ones have fewer than six.
const MAX_NESTING: u32 = 32;
/// Members looked at in one lookup before giving up; `task_struct` has about 300.
const MAX_MEMBERS: u32 = 200_000;

/// Reasons why a type or a member could not be found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BtfError {
    /// The file cannot be read.
    #[error(
        "cannot read the kernel's type information {path}: {source}; needs a kernel built with CONFIG_DEBUG_INFO_BTF=y"
    )]
    Unreadable {
        /// The file asked for.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The first bytes are not those of BTF in this machine's byte order.
    #[error(
        "kernel type information starts with {got:#06x}, expected {MAGIC:#06x}: not BTF, or of another byte order"
    )]
    NotBtf {
        /// The two bytes found.
        got: u16,
    },
    /// A header, table or entry reaches past the end.
    #[error(
        "kernel type information is cut short: {what} at byte {at} of {len}; read it again from {VMLINUX}"
    )]
    Truncated {
        /// Name of the part that was to be read.
        what: &'static str,
        /// Start of that part, in bytes from the beginning.
        at: usize,
        /// Size of the type information, bytes.
        len: usize,
    },
    /// The kind is unknown, so its length is too, and the next type cannot be found.
    #[error(
        "kernel type information has a type of kind {kind} (type {id}), known are 1 to {KIND_ENUM64}: kernel newer than this tracer; update tracer"
    )]
    UnknownKind {
        /// The kind found.
        kind: u8,
        /// The number of the type.
        id: u32,
    },
    /// No type has this name.
    #[error(
        "this kernel has no structure `{name}` in its type information; is the networking stack built in (CONFIG_INET=y)?"
    )]
    NoType {
        /// The name asked for.
        name: String,
    },
    /// The structure is there, the member is not.
    #[error(
        "this kernel's `{name}` has no member `{member}` (looking for `{path}`): kernel older or newer than this tracer supports"
    )]
    NoMember {
        /// The structure asked for.
        name: String,
        /// The part of the path that was not found.
        member: String,
        /// The whole path.
        path: String,
    },
    /// The member has no byte offset.
    #[error(
        "`{path}` of this kernel's `{name}` is a bit field, expected whole bytes: kernel older or newer than this tracer supports"
    )]
    BitField {
        /// The structure asked for.
        name: String,
        /// The whole path.
        path: String,
    },
    /// Types contain themselves, or are nested far deeper than those of a kernel.
    #[error(
        "kernel type information nests too deeply at type {id}: it is damaged; read it again from {VMLINUX}"
    )]
    TooDeep {
        /// The number of the type.
        id: u32,
    },
}

/// Place of a member in its outermost structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Bytes from the start of the structure.
    pub(crate) offset_bytes: u32,
    /// Bytes the member takes; 0 when unknown (a flexible array, an undefined type).
    pub(crate) size_bytes: u32,
}

/// The types of one kernel.
#[derive(Debug)]
pub(crate) struct Btf {
    data: Vec<u8>,
    /// Start of each type in `data`; type 0 is void and has none.
    starts: Vec<u32>,
    /// (hash of the name, type number) of structures, unions, typedefs and functions, sorted.
    names: Vec<(u64, u32)>,
    strings: std::ops::Range<usize>,
}

/// The common part of one type.
#[derive(Debug, Clone, Copy)]
struct Type {
    id: u32,
    name: u32,
    kind: u8,
    kind_flag: bool,
    vlen: u32,
    size_or_type: u32,
    /// Start of the data that belong to the kind.
    body: usize,
}

/// A member found in a structure, before its own path is followed further.
#[derive(Debug, Clone, Copy)]
struct Found {
    bit_offset: u64,
    bit_field: bool,
    type_id: u32,
}

impl Btf {
    /// Reads and indexes a BTF file, normally [`VMLINUX`].
    pub(crate) fn from_file(path: impl AsRef<Path>) -> Result<Self, BtfError> {
        let path = path.as_ref();
        let data = std::fs::read(path).map_err(|source| BtfError::Unreadable {
            path: path.into(),
            source,
        })?;
        Self::parse(data)
    }

    /// Indexes raw BTF bytes in this machine's byte order.
    pub(crate) fn parse(data: Vec<u8>) -> Result<Self, BtfError> {
        let header = Header::read(&data)?;
        let mut btf = Self {
            data,
            starts: vec![u32::MAX],
            names: Vec::new(),
            strings: header.strings,
        };
        btf.index(header.types)?;
        Ok(btf)
    }

    /// Byte offset of a member, e.g. `offset("sock", "__sk_common.skc_net.net")`. The dotted path walks
    /// into structures held by value; anonymous structures and unions need not be named.
    pub(crate) fn offset(&self, name: &str, path: &str) -> Result<u32, BtfError> {
        Ok(self.member(name, path)?.offset_bytes)
    }

    /// Like [`Btf::offset`], with the member's size for reads of variable size.
    pub(crate) fn member(&self, name: &str, path: &str) -> Result<Member, BtfError> {
        let mut failure = BtfError::NoType { name: name.into() };
        for root in self.named(name.as_bytes()).filter(|t| t.kind != KIND_FUNC) {
            match self.walk(root, name, path) {
                Ok(member) => return Ok(member),
                Err(e) => failure = e,
            }
        }
        Err(failure)
    }

    #[cfg(test)]
    /// Tells whether a structure, union or typedef of this name is defined.
    pub(crate) fn has_type(&self, name: &str) -> bool {
        self.named(name.as_bytes()).any(|t| t.kind != KIND_FUNC)
    }

    /// Tells whether there is a function of this name (`bpf_iter_task_file` for the iterator `task_file`).
    pub(crate) fn has_func(&self, name: &str) -> bool {
        self.named(name.as_bytes()).any(|t| t.kind == KIND_FUNC)
    }

    /// Tells whether a `tp_btf` program can be attached to this tracepoint.
    pub(crate) fn has_tracepoint(&self, name: &str) -> bool {
        self.tracepoint_args(name).is_some()
    }

    /// Number of arguments a `tp_btf` program on this tracepoint receives, None when the kernel lacks it.
    /// Source: the typedef `btf_trace_<name>` of `include/trace/bpf_probe.h`, a pointer to the probe's
    /// prototype, whose first parameter is the probe's own data.
    pub(crate) fn tracepoint_args(&self, name: &str) -> Option<u32> {
        let typedef = format!("btf_trace_{name}");
        let typedef = self
            .named(typedef.as_bytes())
            .find(|t| t.kind == KIND_TYPEDEF)?;
        let pointer = self.get(self.resolve(typedef.size_or_type).ok()?.id).ok()?;
        let target = if pointer.kind == KIND_PTR {
            self.resolve(pointer.size_or_type).ok()?
        } else {
            pointer
        };
        (target.kind == KIND_FUNC_PROTO).then(|| target.vlen.saturating_sub(1))
    }

    /// Fills `starts` and `names` from the type section.
    fn index(&mut self, types: std::ops::Range<usize>) -> Result<(), BtfError> {
        let mut at = types.start;
        while at < types.end {
            let id = self.starts.len() as u32;
            let ty = self.type_at(id, at)?;
            let next = ty.body + body_bytes(&ty)?;
            if next > types.end {
                return Err(BtfError::Truncated {
                    what: "type",
                    at,
                    len: types.end,
                });
            }
            self.starts.push(at as u32);
            if ty.name != 0 && is_indexed(ty.kind) {
                let name = self.string(ty.name);
                self.names.push((hash(name), id));
            }
            at = next;
        }
        self.names.sort_unstable();
        Ok(())
    }

    /// Every indexed type of this name, in the order of the file.
    fn named<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = Type> + 'a {
        let wanted = hash(name);
        let first = self.names.partition_point(|&(h, _)| h < wanted);
        let same = self.names[first..]
            .iter()
            .take_while(move |&&(h, _)| h == wanted);
        same.filter_map(|&(_, id)| self.get(id).ok())
            .filter(move |t| self.string(t.name) == name)
    }

    /// Follows a dotted path from `root`.
    fn walk(&self, root: Type, name: &str, path: &str) -> Result<Member, BtfError> {
        let mut here = self.resolve(root.id)?;
        let mut bits = 0u64;
        let mut last = Found {
            bit_offset: 0,
            bit_field: false,
            type_id: root.id,
        };
        for part in path.split('.') {
            let mut budget = MAX_MEMBERS;
            let found = self.find(here, part.as_bytes(), MAX_NESTING, &mut budget)?;
            last = found.ok_or_else(|| no_member(name, part, path))?;
            bits += last.bit_offset;
            here = self.resolve(last.type_id)?;
        }
        if last.bit_field || !bits.is_multiple_of(8) {
            return Err(BtfError::BitField {
                name: name.into(),
                path: path.into(),
            });
        }
        let offset_bytes =
            u32::try_from(bits / 8).map_err(|_| BtfError::TooDeep { id: here.id })?;
        Ok(Member {
            offset_bytes,
            size_bytes: self.size(here, MAX_CHAIN),
        })
    }

    /// Looks for a member by name, through anonymous structures and unions.
    fn find(
        &self,
        ty: Type,
        name: &[u8],
        nesting: u32,
        budget: &mut u32,
    ) -> Result<Option<Found>, BtfError> {
        if ty.kind != KIND_STRUCT && ty.kind != KIND_UNION {
            return Ok(None);
        }
        let too_deep = || BtfError::TooDeep { id: ty.id };
        let nesting = nesting.checked_sub(1).ok_or_else(too_deep)?;
        for index in 0..ty.vlen {
            *budget = budget.checked_sub(1).ok_or_else(too_deep)?;
            let (name_at, member) = self.member_at(&ty, index)?;
            if name_at != 0 {
                if self.string(name_at) == name {
                    return Ok(Some(member));
                }
                continue;
            }
            let inner = self.find(self.resolve(member.type_id)?, name, nesting, budget)?;
            if let Some(inner) = inner {
                return Ok(Some(Found {
                    bit_offset: inner.bit_offset + member.bit_offset,
                    ..inner
                }));
            }
        }
        Ok(None)
    }

    /// Name and place of member `index` of a structure or union.
    fn member_at(&self, ty: &Type, index: u32) -> Result<(u32, Found), BtfError> {
        let at = ty.body + index as usize * MEMBER_BYTES;
        let raw = self.u32(at + 8, "member")?;
        let (bits, field_bits) = if ty.kind_flag {
            (raw & 0x00FF_FFFF, raw >> 24)
        } else {
            (raw, 0)
        };
        let type_id = self.u32(at + 4, "member")?;
        let found = Found {
            bit_offset: u64::from(bits),
            bit_field: field_bits != 0,
            type_id,
        };
        Ok((self.u32(at, "member")?, found))
    }

    /// Strips typedefs, qualifiers and type tags. Void stays void (kind 0).
    fn resolve(&self, id: u32) -> Result<Type, BtfError> {
        let mut ty = self.get(id)?;
        for _ in 0..MAX_CHAIN {
            match ty.kind {
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => {
                    ty = self.get(ty.size_or_type)?
                }
                _ => return Ok(ty),
            }
        }
        Err(BtfError::TooDeep { id })
    }

    /// Bytes a resolved type takes, 0 when it has no size of its own.
    fn size(&self, ty: Type, depth: u32) -> u32 {
        match ty.kind {
            KIND_INT | KIND_STRUCT | KIND_UNION | KIND_ENUM | KIND_ENUM64 | KIND_FLOAT => {
                ty.size_or_type
            }
            KIND_PTR => 8,
            KIND_ARRAY if depth > 0 => self.array_size(ty, depth - 1).unwrap_or(0),
            _ => 0,
        }
    }

    /// Bytes an array takes.
    fn array_size(&self, ty: Type, depth: u32) -> Option<u32> {
        let element = self.resolve(self.u32(ty.body, "array").ok()?).ok()?;
        let count = self.u32(ty.body + 8, "array").ok()?;
        self.size(element, depth).checked_mul(count)
    }

    /// The type of this number.
    fn get(&self, id: u32) -> Result<Type, BtfError> {
        if id == 0 {
            return Ok(Type {
                id,
                name: 0,
                kind: 0,
                kind_flag: false,
                vlen: 0,
                size_or_type: 0,
                body: 0,
            });
        }
        let missing = BtfError::Truncated {
            what: "type number",
            at: id as usize,
            len: self.starts.len(),
        };
        let start = *self.starts.get(id as usize).ok_or(missing)?;
        self.type_at(id, start as usize)
    }

    /// Decodes the common part of the type that starts at byte `at`.
    fn type_at(&self, id: u32, at: usize) -> Result<Type, BtfError> {
        let info = self.u32(at + 4, "type")?;
        Ok(Type {
            id,
            name: self.u32(at, "type")?,
            kind: (info >> 24 & 0x1F) as u8,
            kind_flag: info >> 31 != 0,
            vlen: info & 0xFFFF,
            size_or_type: self.u32(at + 8, "type")?,
            body: at + TYPE_BYTES,
        })
    }

    /// The NUL-terminated string at an offset of the string section; empty when out of bounds.
    fn string(&self, offset: u32) -> &[u8] {
        let section = self.data.get(self.strings.clone()).unwrap_or_default();
        let tail = section.get(offset as usize..).unwrap_or_default();
        tail.split(|&b| b == 0).next().unwrap_or_default()
    }

    fn u32(&self, at: usize, what: &'static str) -> Result<u32, BtfError> {
        read_u32(&self.data, at, what)
    }
}

/// The sections a header announces, as byte ranges of the file.
struct Header {
    types: std::ops::Range<usize>,
    strings: std::ops::Range<usize>,
}

impl Header {
    fn read(data: &[u8]) -> Result<Self, BtfError> {
        let magic = data
            .first_chunk::<2>()
            .map_or(0, |b| u16::from_ne_bytes(*b));
        if magic != MAGIC {
            return Err(BtfError::NotBtf { got: magic });
        }
        // `starts` holds offsets as u32; kernels' files are a few megabytes.
        if data.len() < HEADER_BYTES || u32::try_from(data.len()).is_err() {
            return Err(BtfError::Truncated {
                what: "header",
                at: 0,
                len: data.len(),
            });
        }
        let base = read_u32(data, 4, "header")? as usize;
        Ok(Self {
            types: section(data, base, 8, "type section")?,
            strings: section(data, base, 16, "string section")?,
        })
    }
}

/// Section with its offset and length at byte `field` of the header.
fn section(
    data: &[u8],
    base: usize,
    field: usize,
    what: &'static str,
) -> Result<std::ops::Range<usize>, BtfError> {
    let start = base + read_u32(data, field, "header")? as usize;
    let end = start + read_u32(data, field + 4, "header")? as usize;
    if end > data.len() {
        return Err(BtfError::Truncated {
            what,
            at: start,
            len: data.len(),
        });
    }
    Ok(start..end)
}

fn read_u32(data: &[u8], at: usize, what: &'static str) -> Result<u32, BtfError> {
    let bytes = data.get(at..).and_then(|tail| tail.first_chunk::<4>());
    let bytes = bytes.ok_or(BtfError::Truncated {
        what,
        at,
        len: data.len(),
    })?;
    Ok(u32::from_ne_bytes(*bytes))
}

/// Bytes that follow the common part of a type.
fn body_bytes(ty: &Type) -> Result<usize, BtfError> {
    let vlen = ty.vlen as usize;
    Ok(match ty.kind {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION => vlen * MEMBER_BYTES,
        KIND_DATASEC | KIND_ENUM64 => vlen * 12,
        KIND_ENUM | KIND_FUNC_PROTO => vlen * 8,
        KIND_PTR | KIND_FWD | KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT => 0,
        KIND_FUNC | KIND_FLOAT | KIND_TYPE_TAG => 0,
        kind => return Err(BtfError::UnknownKind { kind, id: ty.id }),
    })
}

/// Tells whether types of this kind can be looked up by name.
fn is_indexed(kind: u8) -> bool {
    matches!(kind, KIND_STRUCT | KIND_UNION | KIND_TYPEDEF | KIND_FUNC)
}

/// FNV-1a, 64 bit: short names, no dependency, and a collision only costs one comparison.
fn hash(name: &[u8]) -> u64 {
    let step = |h: u64, &b: &u8| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01B3);
    name.iter().fold(0xCBF2_9CE4_8422_2325, step)
}

fn no_member(name: &str, member: &str, path: &str) -> BtfError {
    BtfError::NoMember {
        name: name.into(),
        member: member.into(),
        path: path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Assembles BTF by hand.
    struct Blob {
        types: Vec<u8>,
        strings: Vec<u8>,
        count: u32,
    }

    impl Blob {
        fn new() -> Self {
            Self {
                types: Vec::new(),
                strings: vec![0],
                count: 0,
            }
        }
        fn name(&mut self, name: &str) -> u32 {
            if name.is_empty() {
                return 0;
            }
            let at = self.strings.len() as u32;
            self.strings.extend(name.bytes().chain([0]));
            at
        }
        fn words(&mut self, words: &[u32]) {
            self.types
                .extend(words.iter().flat_map(|w| w.to_ne_bytes()));
        }
        /// Adds a type and returns its number.
        fn add(&mut self, name: &str, kind: u8, info: u32, size_or_type: u32, body: &[u32]) -> u32 {
            let name = self.name(name);
            self.words(&[name, u32::from(kind) << 24 | info, size_or_type]);
            self.words(body);
            self.count += 1;
            self.count
        }
        fn structure(
            &mut self,
            name: &str,
            kind: u8,
            size: u32,
            members: &[(&str, u32, u32)],
        ) -> u32 {
            let body: Vec<u32> = members
                .iter()
                .flat_map(|(n, t, o)| [self.name(n), *t, *o])
                .collect();
            self.add(name, kind, members.len() as u32, size, &body)
        }
        fn bytes(&self) -> Vec<u8> {
            let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
            let mut out = MAGIC.to_ne_bytes().to_vec();
            out.extend([1, 0]);
            out.extend(
                [HEADER_BYTES as u32, 0, types, types, strings]
                    .iter()
                    .flat_map(|w| w.to_ne_bytes()),
            );
            out.extend(&self.types);
            out.extend(&self.strings);
            out
        }
    }

    /// struct outer { u32 first; union { u32 left; struct { u16 a; u16 b; }; }; const inner_t nested;
    /// u32 arr[3]; struct outer *next; u32 flag:1; }, struct inner { u8 x; u32 y; }, and a tracepoint.
    fn sample() -> Blob {
        let mut b = Blob::new();
        let u32_ = b.add("u32", KIND_INT, 0, 4, &[32]);
        let u16_ = b.add("u16", KIND_INT, 0, 2, &[16]);
        let inner = b.structure("inner", KIND_STRUCT, 8, &[("x", u16_, 0), ("y", u32_, 32)]);
        let inner_t = b.add("inner_t", KIND_TYPEDEF, 0, inner, &[]);
        let konst = b.add("", KIND_CONST, 0, inner_t, &[]);
        let pair = b.structure("", KIND_STRUCT, 4, &[("a", u16_, 0), ("b", u16_, 16)]);
        let anon = b.structure("", KIND_UNION, 4, &[("left", u32_, 0), ("", pair, 0)]);
        let array = b.add("", KIND_ARRAY, 0, 0, &[u32_, u32_, 3]);
        let pointer = b.add("", KIND_PTR, 0, inner, &[]);
        let members = [
            ("first", u32_, 0),
            ("", anon, 32),
            ("nested", konst, 64),
            ("arr", array, 128),
            ("next", pointer, 256),
            ("flag", u32_, 1 << 24 | 320),
        ];
        let body: Vec<u32> = members
            .iter()
            .flat_map(|(n, t, o)| [b.name(n), *t, *o])
            .collect();
        b.add(
            "outer",
            KIND_STRUCT,
            1 << 31 | members.len() as u32,
            48,
            &body,
        );
        let proto = b.add(
            "",
            KIND_FUNC_PROTO,
            4,
            0,
            &[0, pointer, 0, pointer, 0, u32_, 0, u32_],
        );
        let probe = b.add("", KIND_PTR, 0, proto, &[]);
        b.add("btf_trace_sample", KIND_TYPEDEF, 0, probe, &[]);
        b.add("bpf_iter_sample", KIND_FUNC, 0, proto, &[]);
        b
    }

    #[track_caller]
    fn check(path: &str, expected: Option<(u32, u32)>) {
        let btf = Btf::parse(sample().bytes()).unwrap();
        let got = btf
            .member("outer", path)
            .ok()
            .map(|m| (m.offset_bytes, m.size_bytes));
        assert_eq!(got, expected, "{path}");
    }

    #[test]
    fn members_of_a_hand_made_structure() {
        check("first", Some((0, 4)));
        check("left", Some((4, 4)));
        check("a", Some((4, 2)));
        check("b", Some((6, 2)));
        check("nested", Some((8, 8)));
        check("nested.y", Some((12, 4)));
        check("arr", Some((16, 12)));
        check("next", Some((32, 8)));
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        check("missing", None);
        check("nested.missing", None);
        check("first.x", None);
        check("next.y", None); // behind a pointer, not by value
        check("flag", None);
        check("", None);
        let btf = Btf::parse(sample().bytes()).unwrap();
        assert!(matches!(
            btf.offset("nothing", "x"),
            Err(BtfError::NoType { .. })
        ));
        assert!(matches!(
            btf.offset("outer", "flag"),
            Err(BtfError::BitField { .. })
        ));
        let text = btf.offset("outer", "nested.gone").unwrap_err().to_string();
        assert!(
            text.contains("`outer`") && text.contains("`gone`") && text.contains("`nested.gone`"),
            "{text}"
        );
    }

    #[test]
    fn types_functions_and_tracepoints_by_name() {
        let btf = Btf::parse(sample().bytes()).unwrap();
        assert!(
            btf.has_type("outer") && btf.has_type("inner_t") && !btf.has_type("bpf_iter_sample")
        );
        assert!(btf.has_func("bpf_iter_sample") && !btf.has_func("outer"));
        assert_eq!(btf.tracepoint_args("sample"), Some(3));
        assert!(!btf.has_tracepoint("other"));
        assert_eq!(btf.offset("inner_t", "y").unwrap(), 4);
    }

    #[test]
    fn loops_end() {
        let mut b = Blob::new();
        b.add("around", KIND_TYPEDEF, 0, 1, &[]);
        b.structure(
            "self",
            KIND_STRUCT,
            4,
            &[("", 2, 0), ("", 2, 0), ("", 2, 0)],
        );
        let btf = Btf::parse(b.bytes()).unwrap();
        assert!(matches!(
            btf.offset("around", "x"),
            Err(BtfError::TooDeep { .. })
        ));
        assert!(matches!(
            btf.offset("self", "x"),
            Err(BtfError::TooDeep { .. })
        ));
        assert_eq!(btf.tracepoint_args("self"), None);
    }

    #[test]
    fn not_btf_and_cut_short() {
        assert!(matches!(
            Btf::parse(b"\x7fELF".to_vec()),
            Err(BtfError::NotBtf { .. })
        ));
        assert!(matches!(
            Btf::parse(Vec::new()),
            Err(BtfError::NotBtf { got: 0 })
        ));
        let whole = sample().bytes();
        for len in 0..whole.len() {
            assert!(
                Btf::parse(whole[..len].to_vec()).is_err(),
                "{len} bytes accepted"
            );
        }
        assert!(matches!(
            Btf::from_file("/nonexistent/btf"),
            Err(BtfError::Unreadable { .. })
        ));
    }

    /// Looks up many members and types in bytes that may be anything.
    fn ask(bytes: Vec<u8>) {
        let Ok(btf) = Btf::parse(bytes) else { return };
        for (name, path) in [
            ("outer", "a"),
            ("outer", "nested.y"),
            ("outer", "arr"),
            ("inner", "x"),
            ("", ""),
            ("u32", "x"),
        ] {
            let _ = btf.member(name, path);
        }
        let _ = (
            btf.tracepoint_args("sample"),
            btf.has_func("bpf_iter_sample"),
        );
    }

    /// xorshift64: the same bytes on every run, and no dependency.
    fn random(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }

    #[test]
    fn hostile_bytes_never_panic() {
        let (good, mut seed) = (sample().bytes(), 0x5EED_1234_u64);
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..1 + random(&mut seed) % 4 {
                let at = random(&mut seed) as usize % bytes.len();
                bytes[at] =
                    [random(&mut seed) as u8, 0, 0xFF, 0x80][random(&mut seed) as usize % 4];
            }
            ask(bytes);
            let mut noise: Vec<u8> = (0..random(&mut seed) % 200)
                .map(|_| random(&mut seed) as u8)
                .collect();
            noise.splice(0..noise.len().min(2), MAGIC.to_ne_bytes());
            ask(noise);
        }
    }

    #[test]
    fn this_kernel() {
        let btf = match Btf::from_file(VMLINUX) {
            Ok(btf) => btf,
            Err(e) => panic!("this test needs the kernel's type information: {e}"),
        };
        let wanted = [
            ("sock_common", "skc_family"),
            ("sock_common", "skc_dport"),
            ("sock_common", "skc_num"),
            ("sock_common", "skc_daddr"),
            ("sock_common", "skc_rcv_saddr"),
            ("sock_common", "skc_v6_daddr"),
            ("sock_common", "skc_v6_rcv_saddr"),
            ("sock_common", "skc_state"),
            ("sock_common", "skc_flags"),
            ("sock", "sk_err"),
            ("sock", "sk_shutdown"),
            ("sock", "sk_protocol"),
            ("sock", "__sk_common.skc_net.net"),
            ("tcp_sock", "srtt_us"),
            ("tcp_sock", "total_retrans"),
            ("task_struct", "tgid"),
            ("task_struct", "pid"),
            ("socket", "sk"),
            ("net", "ns.inum"),
        ];
        for (name, path) in wanted {
            let member = btf.member(name, path).unwrap();
            assert!(
                member.size_bytes > 0 && member.offset_bytes < 16 << 10,
                "{name}.{path}: {member:?}"
            );
        }
        assert_eq!(btf.member("sock", "sk_err").unwrap().size_bytes, 4);
        assert_eq!(btf.offset("sock", "__sk_common").unwrap(), 0);
        assert_eq!(btf.offset("sock_common", "skc_family").unwrap(), 16);
        assert_eq!(btf.tracepoint_args("inet_sock_set_state"), Some(3));
        assert_eq!(btf.tracepoint_args("sched_process_fork"), Some(2));
        assert!(btf.has_func("bpf_iter_task_file") && !btf.has_tracepoint("no_such_tracepoint"));
    }
}
