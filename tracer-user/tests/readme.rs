//! Checks of what the documents name: tracer accepts every `tracer …` line in the README and in docs/user, with
//! each flag; every test that ARCHITECTURE.md names exists, and every module has a row there.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Commands that the documents must show, so that a change of their form does not leave nothing to check.
const SHOWN: [&str; 9] = [
    "attach",
    "run",
    "demo",
    "diff",
    "doctor",
    "crawl",
    "config",
    "completions",
    "man",
];

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = vec![root.join("README.md")];
    let user = fs::read_dir(root.join("docs/user")).unwrap();
    found.extend(user.map(|entry| entry.unwrap().path()));
    found
}

/// Command lines of the `sh` code blocks, with their continuation lines joined.
fn command_lines(text: &str) -> Vec<String> {
    let (mut lines, mut inside, mut open) = (Vec::new(), false, String::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with("```") {
            inside = line == "```sh";
            continue;
        }
        if !inside {
            continue;
        }
        open.push_str(line.trim_end_matches('\\'));
        if !line.ends_with('\\') {
            lines.push(std::mem::take(&mut open));
        }
    }
    lines
}

/// The words behind `tracer` that are its own: up to `--`, a pipe, a list, a redirection or a comment.
fn own_words(line: &str) -> Option<Vec<&str>> {
    let line = line.strip_prefix("sudo ").unwrap_or(line);
    let words = line.strip_prefix("tracer ")?.split_whitespace();
    let ends = ["--", "|", "&&", ";", "&", ">", "#"];
    Some(words.take_while(|word| !ends.contains(word)).collect())
}

/// The command, with that of a command of commands, and what follows.
fn split_command(words: Vec<&str>) -> Option<(Vec<&str>, Vec<&str>)> {
    let length = if words.first() == Some(&"config") {
        2
    } else {
        1
    };
    let (command, rest) = words.split_at_checked(length)?;
    Some((command.to_vec(), rest.to_vec()))
}

fn help_of(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args(command)
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success(), "no command {command:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn has_flag(help: &str, flag: &str) -> bool {
    help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .any(|word| word == flag)
}

/// Flags among the words that the help does not name.
fn unknown_flags<'a>(help: &str, words: &[&'a str]) -> Vec<&'a str> {
    words
        .iter()
        .filter(|word| word.starts_with('-') && word.len() > 1)
        // A negative number is part of an expression.
        .filter(|word| !word[1..].starts_with(|c: char| c.is_ascii_digit()))
        .filter_map(|word| word.split('=').next())
        .filter(|flag| !has_flag(help, flag))
        .collect()
}

#[test]
fn commands_in_the_documents_exist() {
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for line in command_lines(&text) {
            let Some((command, rest)) = own_words(&line).and_then(split_command) else {
                continue;
            };
            let help = helps
                .entry(command[0].to_owned())
                .or_insert_with(|| help_of(&command));
            let unknown = unknown_flags(help, &rest);
            assert!(
                unknown.is_empty(),
                "{}: {line}: no {unknown:?}",
                document.display()
            );
        }
    }
    for command in SHOWN {
        assert!(
            helps.contains_key(command),
            "no document shows `tracer {command}`"
        );
    }
}

/// Files named behind `Test:` or `Tests:` in each paragraph or list item, with the tests named before each file.
fn named_tests(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    for part in text.split("\n\n").flat_map(|part| part.split("\n- ")) {
        let at = part.find("Test: ").or_else(|| part.find("Tests: "));
        let Some((_, part)) = at.map(|at| part.split_at(at)) else {
            continue;
        };
        let mut names = Vec::new();
        for span in part.split('`').skip(1).step_by(2) {
            if span.ends_with(".rs") {
                found.push((span, std::mem::take(&mut names)));
            } else if span.contains('_') && !span.contains(' ') {
                names.push(span);
            }
        }
        assert!(names.is_empty(), "no file is named for {names:?}");
    }
    found
}

/// Tests among the names that the file does not hold; its path and all names when there is no such file.
fn missing_tests<'a>(root: &Path, (file, names): &(&'a str, Vec<&'a str>)) -> Vec<&'a str> {
    let Ok(text) = fs::read_to_string(root.join(file)) else {
        return [&[*file], names.as_slice()].concat();
    };
    let is_missing = |name: &&&str| !text.contains(&format!("fn {name}("));
    names.iter().filter(is_missing).copied().collect()
}

#[test]
fn tests_named_in_the_architecture_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let named = named_tests(&text);
    assert!(named.len() > 20, "too few tests are named: {named:?}");
    for file in &named {
        let missing = missing_tests(&root, file);
        assert!(
            missing.is_empty(),
            "ARCHITECTURE.md: {} holds no {missing:?}",
            file.0
        );
    }
}

/// Crates with a table of modules in ARCHITECTURE.md, below a heading with their name.
const MAPPED: [&str; 14] = [
    "tracer-common",
    "tracer-core",
    "tracer-crawler",
    "tracer-ebpf",
    "tracer-export",
    "tracer-flow",
    "tracer-gate",
    "tracer-otlp",
    "tracer-probe",
    "tracer-recording",
    "tracer-testbed",
    "tracer-settings",
    "tracer-text",
    "tracer-user",
];

/// Modules with a row of their own below the heading of a crate.
fn rows<'a>(text: &'a str, package: &str) -> BTreeSet<&'a str> {
    let heading = format!("\n### {package}\n");
    let at = text.find(&heading).unwrap() + heading.len();
    let section = text[at..].split("\n#").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `"));
    cells.filter_map(|rest| rest.split('`').next()).collect()
}

/// Modules right below the root of a crate.
fn modules(source: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(source).unwrap();
    let names = entries.map(|entry| entry.unwrap().path());
    let modules = names.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let stems = modules.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
    stems
        .filter(|stem| !["lib", "main", "tests"].contains(&stem.as_str()))
        .collect()
}

#[test]
fn every_module_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    for package in MAPPED {
        let source = root.join(package).join("src");
        let rows = rows(&text, package);
        let missing: Vec<String> = modules(&source)
            .into_iter()
            .filter(|module| !rows.contains(module.as_str()))
            .collect();
        assert!(missing.is_empty(), "{package}: no row for {missing:?}");
        let is_gone = |row: &&&str| !source.join(format!("{row}.rs")).exists();
        let gone: Vec<_> = rows.iter().filter(is_gone).collect();
        assert!(gone.is_empty(), "{package}: no module {gone:?}");
    }
}

#[test]
fn missing_tests_are_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = "An invariant of `a_thing`. Tests: `missing_tests_are_found`, `no_such_test` in\n`tests/readme.rs`; `tests/none.rs`.\n- Test: no test yet";
    let named = named_tests(text);
    let missing: Vec<Vec<&str>> = named.iter().map(|file| missing_tests(root, file)).collect();
    assert_eq!(missing, [vec!["no_such_test"], vec!["tests/none.rs"]]);
}

#[test]
fn own_words_end_where_tracer_ends() {
    let words = |line: &'static str| own_words(line).map(|words| words.join(" "));
    assert_eq!(
        words("sudo tracer run --json a -- curl --pid").as_deref(),
        Some("run --json a")
    );
    assert_eq!(
        words("tracer attach --json - | jq --pid").as_deref(),
        Some("attach --json -")
    );
    assert_eq!(words("cargo xtask demo"), None);
}

#[test]
fn unknown_flags_are_found() {
    let help = help_of(&["attach"]);
    let words = ["--port", "443", "--pidd", "1", "--color=never", "-q"];
    assert_eq!(unknown_flags(&help, &words), ["--pidd"]);
}

#[test]
fn continued_lines_are_joined() {
    let lines = command_lines("```sh\ntracer attach \\\n  --port 443\n```\n```\ntracer no\n```\n");
    assert_eq!(lines, ["tracer attach --port 443"]);
}
