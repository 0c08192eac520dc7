//! Examination of small files that are made here: what is in them is found, and no damage makes it panic.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use proptest::prelude::*;
use tracer_probe::{Function, Place, Places, Returns, Unfit, examine};

/// Address of the first byte of the file in memory.
const BASE: u64 = 0x40_0000;
/// Offset of the code.
const CODE: u64 = 0x200;
/// Bytes between two functions.
const STEP: u64 = 16;

/// `cmp rsp, [r14+16]; jbe +8; ret; nop; ret`, and what fills the room up to the next function.
const GO_CODE: [u8; STEP as usize] = [
    0x49, 0x3b, 0x66, 0x10, 0x76, 0x08, 0xc3, 0x90, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
];

/// A section: name, type, link, bytes.
type Section = (&'static str, u32, u32, Vec<u8>);

fn words(values: &[u64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// Names with a zero behind each, and the place of each.
fn strings(names: &[&str]) -> (Vec<u8>, Vec<u32>) {
    let (mut bytes, mut places) = (vec![0], Vec::new());
    for name in names {
        places.push(bytes.len() as u32);
        bytes.extend(name.as_bytes());
        bytes.push(0);
    }
    (bytes, places)
}

/// An executable for x86-64 with these sections behind 16 functions.
fn file(sections: &[Section]) -> Vec<u8> {
    let mut bytes = vec![0; CODE as usize];
    bytes.extend(GO_CODE.repeat(16));
    let mut headers = vec![0; 64];
    let names: Vec<&str> = sections.iter().map(|it| it.0).chain([".names"]).collect();
    let (table, places) = strings(&names);
    let named = (".names", 3, 0, table);
    for ((_, kind, link, content), place) in sections.iter().chain([&named]).zip(places) {
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        let at = bytes.len() as u64;
        bytes.extend(content);
        let mut header = [place.to_le_bytes(), kind.to_le_bytes()].concat();
        header.extend(words(&[0, BASE + at, at, content.len() as u64]));
        header.extend([link.to_le_bytes(), 0u32.to_le_bytes()].concat());
        header.extend(words(&[1, 24]));
        headers.extend(header);
    }
    let (at, count) = (bytes.len() as u64, sections.len() as u16 + 2);
    bytes.extend(headers);
    // The whole file is loaded, readable and executable.
    let loaded = [1u32.to_le_bytes(), 5u32.to_le_bytes()].concat();
    let size = bytes.len() as u64;
    bytes[64..72].copy_from_slice(&loaded);
    bytes[72..120].copy_from_slice(&words(&[0, BASE, BASE, size, size, 0x1000]));
    bytes[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    // Executable, x86-64, version 1.
    bytes[16..24].copy_from_slice(&[2, 0, 62, 0, 1, 0, 0, 0]);
    bytes[24..48].copy_from_slice(&words(&[BASE + CODE, 64, at]));
    let sizes: [u16; 6] = [64, 56, 1, 64, count, count - 1];
    let sizes: Vec<u8> = sizes.iter().flat_map(|it| it.to_le_bytes()).collect();
    bytes[52..64].copy_from_slice(&sizes);
    bytes
}

/// Symbols of functions that follow one another from the first one on.
fn symbols(names: &[&str]) -> [Section; 2] {
    let (table, places) = strings(names);
    let mut bytes = vec![0; 24];
    for (place, number) in places.into_iter().zip(0..) {
        bytes.extend(place.to_le_bytes());
        // A global function of the first section.
        bytes.extend([0x12, 0, 1, 0]);
        bytes.extend(words(&[BASE + CODE + number * STEP, STEP]));
    }
    [(".dynsym", 11, 2, bytes), (".dynstr", 3, 0, table)]
}

/// Build information as Go writes it since 1.18.
fn build_information(version: &str) -> Section {
    let mut bytes = b"\xff Go buildinf:\x08\x02".to_vec();
    bytes.resize(32, 0);
    bytes.push(version.len() as u8);
    bytes.extend(version.as_bytes());
    (".go.buildinfo", 1, 0, bytes)
}

const GO_NAMES: [&str; 3] = [
    "runtime.main",
    "crypto/tls.(*Conn).Write",
    "crypto/tls.(*Conn).Read",
];

/// The runtime's table of three functions.
fn lines(magic: u32, text: u64) -> Section {
    let (names, places) = strings(&GO_NAMES);
    let is_absolute = magic == 0xffff_fffa;
    let numbers = if is_absolute { 7 } else { 8 };
    let header = 8 + 8 * numbers;
    let functions = (header + names.len() as u64).next_multiple_of(8);
    let mut bytes = [&magic.to_le_bytes()[..], &[0, 0, 1, 8]].concat();
    let head: &[u64] = match is_absolute {
        true => &[3, 0, header, functions, 0, 0, functions],
        false => &[3, 0, text, header, functions, 0, 0, functions],
    };
    bytes.extend(words(head));
    bytes.extend(names);
    bytes.resize(functions as usize, 0);
    let entries = [0, 1, 2, 3].map(|number| number * STEP);
    if is_absolute {
        // Pairs, the end, then the descriptions: entry and name.
        for (entry, number) in entries.iter().take(3).zip(0..) {
            bytes.extend(words(&[BASE + CODE + entry, 56 + number * 16]));
        }
        bytes.extend(words(&[BASE + CODE + entries[3]]));
        for (entry, place) in entries.iter().zip(places) {
            bytes.extend(words(&[BASE + CODE + entry, place.into()]));
        }
    } else {
        for (entry, number) in entries.iter().take(3).zip(0u32..) {
            bytes.extend(
                [
                    (*entry as u32).to_le_bytes(),
                    (28 + number * 8).to_le_bytes(),
                ]
                .concat(),
            );
        }
        bytes.extend((entries[3] as u32).to_le_bytes());
        for (entry, place) in entries.iter().zip(places) {
            bytes.extend([(*entry as u32).to_le_bytes(), place.to_le_bytes()].concat());
        }
    }
    (".gopclntab", 1, 0, bytes)
}

fn openssl() -> Vec<u8> {
    file(&symbols(&[
        "other",
        "SSL_write",
        "SSL_read",
        "SSL_free",
        "SSL_write_early_data",
    ]))
}

fn go(version: &str, magic: u32) -> Vec<u8> {
    file(&[build_information(version), lines(magic, BASE + CODE)])
}

/// Places of the functions that Go's table names: the second and the third one.
fn go_places() -> Vec<Place> {
    let place = |(function, number): (Function, u64)| {
        let at = CODE + number * STEP;
        Place {
            function,
            entry: at + 4,
            returns: Returns::At(vec![at + 6, at + 8]),
        }
    };
    let functions = [(Function::GoWrite, 1), (Function::GoRead, 2)];
    functions.into_iter().map(place).collect()
}

#[test]
fn exported_functions_are_found_by_their_whole_name() {
    let found = examine(&*openssl()).unwrap();
    let place = |function, number: u64, returns| Place {
        function,
        entry: CODE + number * STEP,
        returns,
    };
    let expected = [
        place(Function::SslWrite, 1, Returns::ByAddress),
        place(Function::SslRead, 2, Returns::ByAddress),
        place(Function::SslFree, 3, Returns::Unneeded),
    ];
    assert_eq!(found.places, expected);
    assert_eq!(found.go, None);
}

#[test]
fn go_is_read_by_each_layout_of_its_table() {
    for (version, magic) in [
        ("go1.17.13", 0xffff_fffa),
        ("go1.19.8", 0xffff_fff0),
        ("go1.27.3", 0xffff_fff1),
        ("devel go1.28-abc", 0xffff_fff1),
    ] {
        let found = examine(&*go(version, magic)).unwrap();
        let expected = Places {
            places: go_places(),
            go: Some(version.to_owned()),
        };
        assert_eq!(found, expected, "{version}");
    }
}

#[test]
fn old_go_is_told_and_a_wrong_address_is_noticed() {
    let old = examine(&*go("go1.16.15", 0xffff_fffa));
    assert!(matches!(old, Err(Unfit::OldGo(version)) if version == "go1.16.15"));
    // The code does not begin where the table says.
    let moved = file(&[
        build_information("go1.19"),
        lines(0xffff_fff0, BASE + CODE + 1),
    ]);
    let moved = examine(&*moved);
    assert!(matches!(moved, Err(Unfit::Unlike(Function::GoWrite))));
}

#[test]
fn the_rest_of_both_is_found_without_section_headers() {
    let mut bare = go("go1.19", 0xffff_fff0);
    bare[40..48].fill(0);
    bare[60..64].fill(0);
    // The segment has to be writable to be searched for the version, and readable data to be searched for the table.
    bare[68] = 6;
    let found = examine(&*bare);
    // The code is in no executable segment any more, which is the only thing that is missing.
    assert!(matches!(
        found,
        Err(Unfit::Damaged("the code of crypto/tls"))
    ));
}

/// Numbers that additions and sizes go wrong with.
const EXTREMES: &[u64] = &[
    0,
    8,
    u64::MAX,
    u64::MAX - 7,
    i64::MAX as u64,
    u32::MAX as u64,
];

proptest! {
    #[test]
    fn damage_never_panics(
        which in 0..3usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        numbers in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(EXTREMES)), 0..3),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = match which {
            0 => openssl(),
            1 => go("go1.19", 0xffff_fff1),
            _ => go("go1.17", 0xffff_fffa),
        };
        for (place, value) in changes {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        for (place, value) in numbers {
            let at = place.index(bytes.len() / 8) * 8;
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        let _ = examine(&*bytes);
        let _ = tracer_probe::links(&*bytes);
    }
}
