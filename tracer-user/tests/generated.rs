//! Documents that tracer itself prints: docs/man, docs/completions, the settings of a crawl and the sample summary of the quick start.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tracer_crawler::settings::{Change, Key, PROFILE, Profile, Settings};

const UPDATE: &str = "UPDATE_GENERATED";
const COMMANDS: [&str; 14] = [
    "attach",
    "run",
    "replay",
    "demo",
    "check",
    "diff",
    "merge",
    "report",
    "explain",
    "doctor",
    "crawl",
    "config",
    "completions",
    "man",
];
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
    let show = printed(&["man", "config-show"]);
    expected.insert("tracer-config-show.1".to_owned(), show);
    check("man", &expected);
}

/// The page of configuration keys: made from the crawler's own table.
#[test]
fn crawl_settings() {
    let path = docs().join("user/crawl-config.md");
    let expected = settings_page();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{}: not as generated; update with: {UPDATE}=1 cargo test -p tracer --test generated",
        path.display()
    );
}

const SETTINGS_HEAD: &str = "# Settings of a crawl

This page is generated from the crawler's own table of settings.

Each setting is a key of a configuration file (TOML), an environment variable and a flag. Later ones win over earlier ones in this order: defaults of the profile, file (`--config FILE`),
environment, flags. `tracer config show` prints the settings that a crawl would have; with `--origin` it also prints where each value comes from:

```sh
tracer config show --origin --config crawl.toml --profile tuned https://example.org/
```

- The name of the variable is `TRACER_CRAWL_` and the key in capitals, with `_` for the dot: `limits.per_host` is `TRACER_CRAWL_LIMITS_PER_HOST`. Lists are separated by
  commas, or a TOML array where a comma is part of a value. `TRACER_CRAWL_CONFIG` names the file.
- A switch is on by its flag alone and off by `--no-FLAG`; `true`, `yes`, `on`, `1` and `false`, `no`, `off`, `0` do it too, as in `--robots=no`, `--robots no` and
  `TRACER_CRAWL_POLITENESS_ROBOTS=no`.
- The flag of a list takes values with commas between them, or is given more than once. Seeds, expressions and header lines, which may have commas of their own, are one
  value each.
- A key that is unknown, misspelt or of the wrong type stops the start. The error names the file, the line and what was expected.
- `none` unsets a setting that has a default.
- Times have a unit (`250ms`, `10s`, `1.5m`, `1h`, `2d`) or are a bare number of seconds. Sizes have a unit (`64KiB`, `10MiB`, `2GB`) or are a bare number of bytes; rates are per second or have one (`10`, `30/m`).
- Paths in a file are below the file's directory.
- **Live** settings can change while the crawl runs: when the file changes, on SIGHUP, and through the control interface. A configuration is taken as a whole or,
  when anything in it is wrong, not at all; the log has a line for each change. For a changed setting that is not live, the log says that it needs a new start.
- Secrets are in none of these keys. They are in files that `proxy.credentials_file`, `headers.secrets_file` and `control.token_file` name, or in the variables
  `TRACER_CRAWL_PROXY_CREDENTIALS`, `TRACER_CRAWL_HEADER_SECRETS` and `TRACER_CRAWL_CONTROL_TOKEN`, and they are never printed.
";

fn settings_page() -> String {
    let mut page = SETTINGS_HEAD.to_owned();
    let mut section = "";
    for key in [&PROFILE].into_iter().chain(Settings::keys()) {
        let (table, _) = key.split();
        if table != section || key.name == PROFILE.name {
            section = table;
            let title = if table.is_empty() {
                "Profile".to_owned()
            } else {
                format!("`[{table}]` {}", key.title)
            };
            page += &format!(
                "\n## {title}\n\n| key | flag | `default` | `tuned` | live | |\n| --- | --- | --- | --- | --- | --- |\n"
            );
        }
        page += &settings_row(key);
    }
    page
}

fn settings_row(key: &Key) -> String {
    let value = |profile| {
        let text = Settings::of(profile).get(key.name).unwrap().to_string();
        format!("`{}`", text.replace('"', "").replace('|', "\\|"))
    };
    let (default, tuned) = (value(Profile::Default), value(Profile::Tuned));
    let tuned = if default == tuned {
        String::new()
    } else {
        tuned
    };
    let (_, field) = key.split();
    let flag = if key.flag.is_empty() {
        "`URL…`".to_owned()
    } else {
        format!("`--{}`", key.flag)
    };
    let live = if key.change == Change::Live {
        "yes"
    } else {
        ""
    };
    let choices = if key.choices.is_empty() {
        String::new()
    } else {
        format!(" One of `{}`.", key.choices.join("`, `"))
    };
    format!(
        "| `{field}` | {flag} | {default} | {tuned} | {live} | {}{choices} |\n",
        key.doc.replace('|', "\\|")
    )
}

const SAMPLE_HEAD: &str = "\
<!-- The sample is printed by `tracer replay --no-tui --color never tracer-user/tests/recordings/crawl.trace`; tracer-user/tests/generated.rs checks it. -->
```
";
const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/crawl.trace");

/// Text of a page before, inside and after the code block that follows [`SAMPLE_HEAD`].
fn split_sample(page: &str) -> (&str, &str, &str) {
    let (_, rest) = page.split_once(SAMPLE_HEAD).unwrap();
    let (sample, _) = rest.split_once("```\n").unwrap();
    let (before, rest) = page.split_at(page.len() - rest.len());
    let (sample, after) = rest.split_at(sample.len());
    (before, sample, after)
}

#[test]
fn quick_start_sample() {
    let path = docs().join("user/quick-start.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, sample, after) = split_sample(&page);
    let expected = printed(&["replay", "--no-tui", "--color", "never", RECORDING]);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, format!("{before}{expected}{after}")).unwrap();
        return;
    }
    assert_eq!(
        sample,
        expected,
        "{}: not as generated; update with: {UPDATE}=1 cargo test -p tracer --test generated",
        path.display()
    );
}

#[test]
fn findings() {
    let path = docs().join("user/findings.md");
    let expected = printed(&["explain", "--markdown"]);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, &expected).unwrap();
        return;
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap_or_default(),
        expected,
        "{}: not as generated; update with: {UPDATE}=1 cargo test -p tracer --test generated",
        path.display()
    );
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
