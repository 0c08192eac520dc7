//! Every `tracer …` line in the README and in docs/user is one that tracer takes: the command exists, and so
//! does each flag.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    collections::BTreeMap,
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
