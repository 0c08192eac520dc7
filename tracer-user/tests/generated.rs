//! docs/man and docs/completions are what `tracer man` and `tracer completions` print today.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const UPDATE: &str = "UPDATE_GENERATED";
const COMMANDS: [&str; 6] = ["attach", "run", "diff", "doctor", "completions", "man"];
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "tracer.bash"),
    ("fish", "tracer.fish"),
    ("zsh", "_tracer"),
];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every file that `directory` should hold is there as generated, and no other.
fn check(directory: &str, expected: &BTreeMap<String, String>) {
    let directory = docs().join(directory);
    if std::env::var_os(UPDATE).is_some() {
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in expected {
            fs::write(directory.join(name), text).unwrap();
        }
    }
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(&directory).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        found.insert(name, fs::read_to_string(entry.path()).unwrap());
    }
    let stale: Vec<&String> = found
        .keys()
        .chain(expected.keys())
        .filter(|&name| found.get(name) != expected.get(name))
        .collect();
    assert!(
        stale.is_empty(),
        "{}: not as generated: {stale:?}; update with: {UPDATE}=1 cargo test -p tracer --test generated (and remove what belongs to no command)",
        directory.display()
    );
}

#[test]
fn manual_pages() {
    let mut expected = BTreeMap::from([("tracer.1".to_owned(), printed(&["man"]))]);
    for command in COMMANDS {
        expected.insert(format!("tracer-{command}.1"), printed(&["man", command]));
    }
    check("man", &expected);
}

#[test]
fn every_command_has_a_page() {
    let help = printed(&["--help"]);
    let listed = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let commands: Vec<&str> = listed
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert_eq!(commands, COMMANDS);
}

#[test]
fn completions() {
    let expected = COMPLETIONS
        .iter()
        .map(|(shell, file)| ((*file).to_owned(), printed(&["completions", shell])))
        .collect();
    check("completions", &expected);
}
