//! Graphs of small made-up crates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::package::{Package, Target};
use super::{Graph, report};

/// The graph of a library whose files are given by their names below `src`.
pub(super) fn graph(files: &[(&str, &str)]) -> Graph {
    let target = |root: &str, import: Option<&str>| Target {
        import: import.map(str::to_owned),
        root: PathBuf::from(root),
    };
    let mut targets = vec![target("made/src/lib.rs", Some("made"))];
    if files.iter().any(|(name, _)| *name == "main.rs") {
        targets.push(target("made/src/main.rs", None));
    }
    let name = "made".to_owned();
    let files: BTreeMap<PathBuf, &str> = files
        .iter()
        .map(|(name, text)| (Path::new("made/src").join(name), *text))
        .collect();
    let read = |path: &Path| files.get(path).map(|text| (*text).to_owned());
    Graph::build(&Package { name, targets }, &read).unwrap()
}

/// Checks the arrows of a crate, as `from:line to`.
fn arrows(files: &[(&str, &str)], expected: &[&str]) {
    let graph = graph(files);
    let room = |id: usize| graph.files[id].room.as_str();
    let mut found: Vec<String> = graph
        .arrows
        .iter()
        .map(|arrow| format!("{}:{} {}", room(arrow.from), arrow.line, room(arrow.to)))
        .collect();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn imports_lead_to_the_file_that_defines_the_name() {
    let lib = ("lib.rs", "mod a; mod b; mod c;");
    let b = (
        "b.rs",
        "pub struct B; pub fn f() {} pub(crate) mod inner { pub struct I; }",
    );
    let c = ("c.rs", "pub struct C;");
    let check = |text, expected: &[&str]| arrows(&[lib, ("a.rs", text), b, c], expected);
    check("use crate::b::B;", &["a:1 b"]);
    check("use super::b::B as Other;", &["a:1 b"]);
    check(
        "use crate::{\n    b::{self, B},\n    c::C,\n};",
        &["a:2 b", "a:3 c"],
    );
    check("use crate::b::*;", &["a:1 b"]);
    check("use crate::b::inner::I;", &["a:1 b"]);
    check("fn g() { use crate::c::C; }", &["a:1 c"]);
    check("pub(in crate::b) struct A;", &[]);
    check("mod d { use super::super::c::C; }", &["a:1 c"]);
    check("use crate::b as c; fn g() { c::f() }", &["a:1 b"]);
}

#[test]
fn a_module_that_is_only_named_is_no_arrow() {
    let files = |a| {
        [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", a),
            ("b.rs", "pub fn f() {}"),
        ]
    };
    arrows(&files("use crate::b;"), &[]);
    arrows(&files("use crate::b;\nfn g() { b::f() }"), &["a:2 b"]);
}

#[test]
fn paths_in_code_count_wherever_they_stand() {
    let lib = ("lib.rs", "mod a; mod b;");
    let b = (
        "b.rs",
        "pub struct B; pub fn f() {} macro_rules! m { () => {} } pub(crate) use m;",
    );
    let check = |text, expected: &[&str]| arrows(&[lib, ("a.rs", text), b], expected);
    check("fn g() {\n    crate::b::f();\n}", &["a:2 b"]);
    check("struct A(Vec<Option<crate::b::B>>);", &["a:1 b"]);
    check("fn g(x: &[u8]) { if let crate::b::B = x {} }", &["a:1 b"]);
    check("fn g() { println!(\"{}\", crate::b::f()) }", &["a:1 b"]);
    check("macro_rules! n { () => { $crate::b::f() } }", &["a:1 b"]);
    check("fn g() { crate::b::m!() }", &["a:1 b"]);
    check("#[arg(value_parser = crate::b::f)] struct A;", &["a:1 b"]);
    check(
        "struct A { #[serde(with = \"crate::b::B\")] x: u8 }",
        &["a:1 b"],
    );
    check("/// See [`crate::b::B`].\nstruct A;", &[]);
}

#[test]
fn code_for_tests_is_left_out() {
    let lib = ("lib.rs", "mod a; mod b; #[cfg(test)] mod missing;");
    let b = ("b.rs", "pub struct B;");
    let check = |text, expected: &[&str]| arrows(&[lib, ("a.rs", text), b], expected);
    check("#[cfg(test)] use crate::b::B;", &[]);
    check("#[cfg(test)] mod tests { use crate::b::B; }", &[]);
    check("impl A { #[cfg(test)] fn x() { crate::b::B; } }", &[]);
    check("#[cfg(not(test))] use crate::b::B;", &["a:1 b"]);
}

#[test]
fn a_name_handed_on_leads_to_its_definition() {
    let lib = (
        "lib.rs",
        "pub mod out; mod a; pub use out::record::Record as Row;",
    );
    let out = (
        "out.rs",
        "pub mod record; mod disk; pub use self::{record::Record, disk::*};",
    );
    let record = ("out/record.rs", "pub struct Record;");
    let disk = ("out/disk.rs", "pub struct Disk;");
    let check = |text, mut expected: Vec<&str>| {
        expected.extend(["lib:1 out/record", "out:1 out/disk", "out:1 out/record"]);
        arrows(&[lib, out, record, disk, ("a.rs", text)], &expected);
    };
    check("use crate::out::Record;", vec!["a:1 out/record"]);
    check("use crate::Row;", vec!["a:1 out/record"]);
    check("use crate::out::Disk;", vec!["a:1 out/disk"]);
    check(
        "use crate::out; fn f() { out::Record; }",
        vec!["a:1 out/record"],
    );
}

#[test]
fn both_forms_of_modules_and_named_paths_are_found() {
    arrows(
        &[
            ("lib.rs", "mod a; mod b; mod c { mod d; }"),
            ("a/mod.rs", "mod x; use x::X;"),
            ("a/x.rs", "pub struct X;"),
            (
                "b.rs",
                "mod y; #[path = \"other.rs\"] mod z; use {y::Y, z::Z};",
            ),
            ("b/y.rs", "pub struct Y;"),
            ("other.rs", "mod w; pub struct Z; use w::W;"),
            ("w.rs", "pub struct W;"),
            ("c/d.rs", "use crate::b::y::Y;"),
        ],
        &["a:1 a/x", "b:1 b/y", "b:1 other", "c/d:1 b/y", "other:1 w"],
    );
}

#[test]
fn a_program_uses_the_library_beside_it_by_its_name() {
    let files = [
        ("lib.rs", "pub mod a;"),
        ("a.rs", "pub struct A;"),
        ("main.rs", "use made::a::A; use other::thing;"),
    ];
    arrows(&files, &["main:1 a"]);
    let graph = graph(&files);
    let outside: Vec<String> = graph.outside.iter().map(|it| it.path.join("::")).collect();
    assert_eq!(outside, ["other::thing"]);
}

#[test]
fn another_crate_is_seen_through_its_names_here() {
    let graph = graph(&[(
        "lib.rs",
        "use std::time::{self, Instant as Now};\nfn f() { time::SystemTime::now(); }",
    )]);
    let outside: Vec<String> = graph.outside.iter().map(|it| it.path.join("::")).collect();
    for path in [
        "std::time",
        "std::time::Instant",
        "std::time::SystemTime::now",
    ] {
        assert!(outside.iter().any(|it| it == path), "{path} in {outside:?}");
    }
}

/// Checks the circles of a crate, each as its rooms.
fn circles(files: &[(&str, &str)], expected: &[&str]) {
    let graph = graph(files);
    let rooms = |ids: &Vec<usize>| {
        let rooms: Vec<&str> = ids
            .iter()
            .map(|id| graph.files[*id].room.as_str())
            .collect();
        rooms.join(" ")
    };
    let found: Vec<String> = graph.circles().iter().map(rooms).collect();
    assert_eq!(found, expected);
}

#[test]
fn files_that_use_each_other_are_a_circle() {
    let lib = ("lib.rs", "mod a; mod b; mod c;");
    let (a, b) = (
        ("a.rs", "use crate::b::B; pub struct A;"),
        "use crate::c::C; pub struct B;",
    );
    circles(
        &[
            lib,
            a,
            ("b.rs", b),
            ("c.rs", "use crate::a::A; pub struct C;"),
        ],
        &["a b c"],
    );
    circles(&[lib, a, ("b.rs", b), ("c.rs", "pub struct C;")], &[]);
}

#[test]
fn a_file_may_use_its_parent_but_not_the_root() {
    let parent = ("a.rs", "mod x; pub struct A; use x::X;");
    let child = ("a/x.rs", "use super::A; pub struct X;");
    circles(&[("lib.rs", "mod a;"), parent, child], &[]);
    let root = ("lib.rs", "mod b; pub struct L; use b::B;");
    circles(&[root, ("b.rs", "use crate::L; pub struct B;")], &["lib b"]);
    // Two children of one parent have no such excuse.
    let parent = ("a.rs", "mod x; mod y;");
    let (x, y) = (
        ("a/x.rs", "use super::y::Y; pub struct X;"),
        ("a/y.rs", "use super::x::X; pub struct Y;"),
    );
    circles(&[("lib.rs", "mod a;"), parent, x, y], &["a/x a/y"]);
}

#[test]
fn a_circle_is_told_by_the_lines_that_close_it() {
    let graph = graph(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "\nuse crate::b::B;\npub struct A;"),
        ("b.rs", "pub struct B(crate::a::A);"),
    ]);
    let circle = &graph.circles()[0];
    assert_eq!(
        report::way(&graph, &graph.shortest(circle)),
        "made/src/a.rs:2 (crate::b::B) -> made/src/b.rs:1 (crate::a::A) -> made/src/a.rs"
    );
}

#[test]
fn imports_in_a_ring_come_to_an_end() {
    circles(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub use crate::b::*; pub use crate::b::X;"),
            ("b.rs", "pub use crate::a::*; pub use crate::a::X;"),
        ],
        &["a b"],
    );
}
