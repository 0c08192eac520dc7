//! Each rule refuses what it should, in a small made-up crate.

use super::super::tests::graph;
use super::*;

const NONE: Rules<'_> = Rules {
    floors: &[],
    bans: &[],
    circles: &[],
    arrows: &[],
    modules: &[],
};

/// A crate in which `low` uses `high`, `high` uses `low`, and both use other crates.
fn faults(rules: &Rules<'_>) -> Vec<String> {
    let crate_files = [
        ("lib.rs", "mod low;\nmod high;"),
        ("low.rs", "use crate::high::deep::D;\npub struct L;"),
        ("high.rs", "pub mod deep;"),
        (
            "high/deep.rs",
            "use crate::low::L;\nuse std::{fs, time::Instant};\npub struct D;",
        ),
    ];
    of(&graph(&crate_files), rules)
}

/// Checks that each fault found holds the words expected of it.
fn check(rules: &Rules<'_>, expected: &[&[&str]]) {
    let found = faults(rules);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (fault, words) in found.iter().zip(expected) {
        let missing = words.iter().find(|word| !fault.contains(**word));
        assert_eq!(missing, None, "in {fault:?}");
    }
}

const CIRCLE: &[&str] = &[
    "circle in made: made/src/low.rs:1 (crate::high::deep::D) -> made/src/high/deep.rs:1 (crate::low::L) -> made/src/low.rs",
];

fn circle(files: &'static [&'static str]) -> CircleException {
    CircleException {
        package: "made",
        files,
        why: "for a test",
    }
}

fn arrow(from: &'static str, to: &'static str) -> ArrowException {
    ArrowException {
        package: "made",
        from,
        to,
        why: "for a test",
    }
}

/// The rules with the circle of the made-up crate allowed, so that only other faults are left.
const ALLOWED: &[CircleException] = &[CircleException {
    package: "made",
    files: &["low", "high/deep"],
    why: "for a test",
}];

#[test]
fn a_circle_is_refused_and_told_by_its_lines() {
    check(&NONE, &[CIRCLE]);
}

#[test]
fn an_exception_covers_the_whole_circle_and_no_more() {
    let with = |circles: &[CircleException], expected: &[&[&str]]| {
        check(&Rules { circles, ..NONE }, expected);
    };
    with(&[circle(&["low", "high/deep"])], &[]);
    with(
        &[circle(&["low"])],
        &[CIRCLE, &["no circle of low any more"]],
    );
    with(
        &[circle(&["low", "high/deep", "gone"])],
        &[&["no longer in the circle: gone"]],
    );
    with(
        &[circle(&["low", "high/deep"]), circle(&["x", "y"])],
        &[&["no circle of x y any more"]],
    );
}

#[test]
fn an_exception_of_another_package_excuses_nothing() {
    let other = CircleException {
        package: "other",
        ..circle(&["low", "high/deep"])
    };
    check(
        &Rules {
            circles: &[other],
            ..NONE
        },
        &[CIRCLE],
    );
}

#[test]
fn an_arrow_that_climbs_is_refused() {
    let with = |floors: &[&[&str]], arrows: &[ArrowException], expected: &[&[&str]]| {
        let rules = Rules {
            floors,
            arrows,
            circles: ALLOWED,
            ..NONE
        };
        check(&rules, expected);
    };
    let floors: &[&[&str]] = &[&["lib"], &["high"], &["low"]];
    with(
        floors,
        &[],
        &[&["made/src/low.rs:1", "climbs from low to high/deep"]],
    );
    with(floors, &[arrow("low", "high")], &[]);
    with(
        floors,
        &[arrow("low", "high"), arrow("high", "lib")],
        &[&["no forbidden arrow leads from high to lib"]],
    );
    // The same floor, and the part of a room that stands on a floor of its own.
    with(&[&["lib"], &["high", "low"]], &[], &[]);
    with(
        &[&["lib"], &["high"], &["low"], &["high/deep"]],
        &[],
        &[&["climbs from high/deep to low"]],
    );
}

#[test]
fn a_file_on_no_floor_is_a_fault() {
    let rules = Rules {
        floors: &[&["lib"], &["high"]],
        circles: ALLOWED,
        ..NONE
    };
    check(&rules, &[&["made/src/low.rs: stands on no floor"]]);
}

#[test]
fn what_a_child_uses_of_its_parent_does_not_climb() {
    let graph = graph(&[
        ("lib.rs", "mod a;"),
        ("a.rs", "mod x; pub struct A;"),
        ("a/x.rs", "use super::A;"),
    ]);
    let floors: &[&[&str]] = &[&["lib"], &["a"], &["a/x"]];
    assert_eq!(of(&graph, &Rules { floors, ..NONE }), [""; 0]);
}

fn banned(
    within: &'static str,
    except: &'static [&'static str],
    to: &'static [&'static str],
    expected: &[&[&str]],
) {
    let ban = Ban {
        package: "made",
        within,
        except,
        to,
        why: "the reason",
    };
    let rules = Rules {
        bans: &[ban],
        circles: ALLOWED,
        ..NONE
    };
    check(&rules, expected);
}

#[test]
fn a_forbidden_room_is_refused() {
    banned(
        "low",
        &[],
        &["high"],
        &[&["made/src/low.rs:1: crate::high::deep::D (the reason)"]],
    );
    banned("low", &[], &["high/deep"], &[&["low.rs:1"]]);
    banned("high", &[], &["high"], &[]);
    banned("low", &[], &["hig"], &[]);
}

#[test]
fn a_forbidden_crate_is_refused_however_it_is_imported() {
    banned(
        "",
        &[],
        &["std::time::Instant"],
        &[&["high/deep.rs:2: std::time::Instant (the reason)"]],
    );
    banned(
        "",
        &[],
        &["std::"],
        &[&["std::fs"], &["std::time::Instant"]],
    );
    banned("", &["high"], &["std::"], &[]);
    banned("", &[], &["std::f"], &[]);
    banned("low", &[], &["std::"], &[]);
}

#[test]
fn a_module_in_the_wrong_place_is_refused() {
    let graph = graph(&[
        ("lib.rs", "mod a;"),
        (
            "a.rs",
            "#[cfg(test)]\nmod edges;\n#[cfg(test)]\nmod tests;\n#[path = \"far.rs\"]\nmod near;\n#[cfg(test)]\nmod inner {}",
        ),
        ("far.rs", ""),
    ]);
    let with = |modules: &[ModuleException]| of(&graph, &Rules { modules, ..NONE });
    let found = with(&[]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("made/src/a.rs:2: module edges: tests belong"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("made/src/a.rs:6: module near: its file"),
        "{found:?}"
    );
    let allow = |module| ModuleException {
        package: "made",
        file: "a",
        module,
        why: "for a test",
    };
    assert_eq!(with(&[allow("edges"), allow("near")]), [""; 0]);
    let found = with(&[allow("edges"), allow("near"), allow("gone")]);
    assert!(
        found[0].contains("module gone of a is in its place"),
        "{found:?}"
    );
}
