//! House rules that are checked on the text: the length of functions, subtractions of times, and nothing left unfinished.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::{graph, workspace};

const LONGEST_FUNCTION: usize = 80;

/// Macros that stand for code still to be written.
const UNFINISHED: &[&str] = &["todo", "unimplemented"];

/// Sources in which times of the kernel are subtracted, and the one file of each that does it.
const DIFFERENCES: &[(&str, &str)] = &[
    ("tracer-core/src", "tracer-core/src/elapsed.rs"),
    ("tracer-ebpf/src", "tracer-flow/src/difference.rs"),
    ("tracer-flow/src", "tracer-flow/src/difference.rs"),
];
/// Ways to subtract a time. A negative difference would wrap, or become zero unseen.
const SUBTRACTIONS: &[&str] = &[
    "_ns - ",
    "_ns -= ",
    "_ns.checked_sub(",
    "_ns.saturating_sub(",
    "_ns.wrapping_sub(",
];
/// Subtraction that wraps. Sequence numbers need it in the same file, and a bound that the verifier needs.
const WRAP: &str = "wrapping_sub(";
/// Crates in which no other file may subtract like this.
const WRAPLESS: &[&str] = &["tracer-ebpf", "tracer-flow"];
const MAY_WRAP: &str = "tracer-flow/src/bound.rs";

/// Places whose code reads exports, with the one below each that may hold their keys.
const READERS: &[(&str, &str)] = &[
    ("tests", ""),
    ("tracer-user", "tracer-user/src/sink/json/export.rs"),
    ("xtask", "xtask/src/tidy.rs"),
];
/// Beginnings of paths into an export, and its keys where a value is indexed by them.
const EXPORT_KEYS: &[&str] = &[
    "\"/totals/",
    "\"/events/",
    "\"/time_wait/",
    "\"totals\"]",
    "\"events\"]",
    "\"processes\"]",
    "\"hosts\"]",
    "\"phases\"]",
    "\"time_wait\"]",
    "\"dns_names\"]",
];

/// Every breach, as `file:line: what`.
pub(crate) fn breaches() -> Result<Vec<String>> {
    let root = workspace::root();
    let mut found = Vec::new();
    for package in graph::packages()? {
        for file in workspace::rust_files(&root.join(&package.name))? {
            let text = fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.strip_prefix(&root).unwrap_or(&file);
            found.extend(in_file(name, &text));
        }
    }
    Ok(found)
}

fn in_file(name: &Path, text: &str) -> Vec<String> {
    let production = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    let is_test =
        name.starts_with("tests") || name.components().any(|part| part.as_os_str() == "tests");
    let mut found = unfinished(name, production);
    found.extend(differences(name, production));
    found.extend(reads_by_key(name, text));
    if !is_test {
        found.extend(long_functions(name, production));
    }
    found
}

fn unfinished(name: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        let words = UNFINISHED
            .iter()
            .filter(|word| holds(code, &format!("{word}!(")));
        found.extend(
            words.map(|word| format!("{}:{}: {word}! (unfinished)", name.display(), index + 1)),
        );
    }
    found
}

/// Reads of an export by its keys, tests included.
fn reads_by_key(name: &Path, text: &str) -> Vec<String> {
    let mut readers = READERS.iter();
    let reads =
        readers.any(|(within, except)| name.starts_with(within) && name != Path::new(except));
    if !reads {
        return Vec::new();
    }
    let lines = text.lines().enumerate();
    let keyed = lines.filter(|(_, line)| EXPORT_KEYS.iter().any(|key| line.contains(key)));
    let fault = |(index, _)| {
        format!(
            "{}:{}: an export is read through tracer-export, never by its keys",
            name.display(),
            index + 1
        )
    };
    keyed.map(fault).collect()
}

/// Times that are subtracted elsewhere than in the file for it.
fn differences(name: &Path, text: &str) -> Vec<String> {
    let place = DIFFERENCES
        .iter()
        .find(|(within, _)| name.starts_with(within));
    let Some((_, only)) = place.filter(|(_, only)| name != Path::new(only)) else {
        return Vec::new();
    };
    let is_wrapless = WRAPLESS.iter().any(|package| name.starts_with(package));
    let may_wrap = !is_wrapless || name == Path::new(MAY_WRAP);
    let more: &[&str] = if may_wrap { &[] } else { &[WRAP] };
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        let mut all = SUBTRACTIONS.iter().chain(more);
        if let Some(word) = all.find(|word| code.contains(**word)) {
            let place = format!("{}:{}", name.display(), index + 1);
            found.push(format!(
                "{place}: {word} (only {only} subtracts times and sequence numbers)"
            ));
        }
    }
    found
}

/// Tells whether the code holds the word itself, not as the tail of a longer one: `my_todo!(` is not `todo!(`.
fn holds(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Finds functions that are too long. rustfmt puts the closing brace into the column of the signature, so that no parser is
/// needed.
fn long_functions(name: &Path, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| starts_function(line))
    {
        let indent = line.len() - line.trim_start().len();
        let close = format!("{}}}", &line[..indent]);
        let length = lines[start..]
            .iter()
            .position(|line| *line == close)
            .map_or(1, |end| end + 1);
        if length > LONGEST_FUNCTION && !line.trim_end().ends_with(';') {
            found.push(format!(
                "{}:{}: function of {length} lines, more than {LONGEST_FUNCTION}",
                name.display(),
                start + 1
            ));
        }
    }
    found
}

fn starts_function(line: &str) -> bool {
    let words = line
        .split_whitespace()
        .take_while(|word| !word.starts_with("//"));
    let mut words = words.skip_while(|word| {
        word.starts_with("pub")
            || ["const", "async", "unsafe", "extern", "\"C\"", "in"].contains(word)
            || word.ends_with(')')
    });
    words.next() == Some("fn")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str, expected: &[&str]) {
        let found = in_file(Path::new(name), text);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found:?} holds no {expected:?}");
        }
    }

    #[test]
    fn exports_are_read_through_their_type() {
        for line in [
            "let n = export.at(\"/totals/tls/full\");\n",
            "let n = &value[\"totals\"][\"tls\"];\n",
        ] {
            check("tests/tests/a.rs", line, &["tracer-export"]);
            check("tracer-user/src/diff/row.rs", line, &["tracer-export"]);
            check("xtask/src/bench/a.rs", line, &["tracer-export"]);
            check("tracer-export/src/tests.rs", line, &[]);
        }
    }

    #[test]
    fn times_are_subtracted_in_one_file() {
        for line in [
            "let a_ns = end_ns - start_ns;\n",
            "let a_ns = end_ns.saturating_sub(start_ns);\n",
            "let a_ns = end_ns.wrapping_sub(start_ns);\n",
        ] {
            check("tracer-core/src/turn.rs", line, &["elapsed.rs"]);
            check("tracer-ebpf/src/dns.rs", line, &["difference.rs"]);
            check("tracer-flow/src/turn.rs", line, &["difference.rs"]);
            check("tracer-core/src/elapsed.rs", line, &[]);
            check("tracer-flow/src/difference.rs", line, &[]);
            check("tracer-user/src/trace/engine.rs", line, &[]);
        }
        let sequence = "let length = end.wrapping_sub(start);\n";
        check("tracer-ebpf/src/dns.rs", sequence, &["difference.rs"]);
        check("tracer-flow/src/turn.rs", sequence, &["difference.rs"]);
        check("tracer-flow/src/bound.rs", sequence, &[]);
        check("tracer-core/src/turn.rs", sequence, &[]);
    }

    #[test]
    fn functions_are_measured_to_their_closing_brace() {
        let body = "    x();\n".repeat(79);
        check(
            "tracer-core/src/a.rs",
            &format!("pub(crate) fn long() {{\n{body}}}\n"),
            &["81 lines"],
        );
        check(
            "tracer-core/src/a.rs",
            &format!("fn fits() {{\n{}}}\n", &body[9..]),
            &[],
        );
        check(
            "tests/tests/a.rs",
            &format!("fn long() {{\n{body}}}\n"),
            &[],
        );
    }

    #[test]
    fn nothing_is_left_unfinished() {
        check(
            "tracer-core/src/a.rs",
            "fn a() {\n    todo!()\n}\n",
            &["unfinished"],
        );
    }
}
