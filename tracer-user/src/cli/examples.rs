//! Examples of each command and the form of times, for the help and the manual pages.

use clap::Command;

/// Line of a shell, and what it does.
type Example = (&'static str, &'static str);

/// Examples of every command. A command inside another one is called as its manual page is.
const EXAMPLES: &[(&str, [Example; 3])] = &[
    (
        "attach",
        [
            (
                "sudo tracer attach",
                "watch everything that opens connections",
            ),
            (
                "sudo tracer attach --pid 4711 --duration 1m --json crawl.json",
                "one process for a minute, figures to a file",
            ),
            (
                "sudo tracer attach --comm 'python*' --host '*.example.org' --no-tui",
                "some processes, some hosts, text at the end",
            ),
        ],
    ),
    (
        "run",
        [
            (
                "sudo tracer run -- ./crawl.sh",
                "watch a command from its first socket",
            ),
            (
                "sudo tracer run --user $USER --json crawl.json -- ./crawl.sh",
                "the command without root's rights, figures to a file",
            ),
            (
                "sudo tracer run --no-tui -- curl https://example.org/",
                "text at the end, the command's output untouched",
            ),
        ],
    ),
    (
        "replay",
        [
            (
                "tracer replay crawl.trace",
                "watch a recording as it happened",
            ),
            ("tracer replay --speed 10 crawl.trace", "ten times as fast"),
            (
                "tracer replay --quiet --json - crawl.trace | jq .totals",
                "the export of a recording",
            ),
        ],
    ),
    (
        "demo",
        [
            ("sudo tracer demo", "compare a naive and a tuned crawl"),
            (
                "sudo tracer demo --rtt 20ms --time 5s",
                "a shorter round trip, a quarter of the time",
            ),
            (
                "sudo tracer demo --tui",
                "with the live screen of each trace",
            ),
        ],
    ),
    (
        "diff",
        [
            (
                "tracer diff before.json after.json",
                "every figure with its change",
            ),
            (
                "tracer diff --short before.json after.json",
                "one line, and what changed most",
            ),
            (
                "tracer diff --json before.json after.json | jq .summary",
                "for other programs",
            ),
        ],
    ),
    (
        "check",
        [
            (
                "tracer check crawl.json --fail-on 'requests.reuse_ratio<0.9'",
                "fail when connections are not reused",
            ),
            (
                "tracer check crawl.json --fail-on 'phases.tls.p99_ns>200ms'",
                "fail when handshakes are slow",
            ),
            (
                "tracer check crawl.json --fail-on 'findings.warning>0'",
                "fail on any fault",
            ),
        ],
    ),
    (
        "merge",
        [
            (
                "tracer merge a.json b.json -o all.json",
                "one export of two machines",
            ),
            ("tracer merge node-*.json -o fleet.json", "of many"),
            (
                "tracer merge a.json b.json -o - | jq .totals",
                "to standard output",
            ),
        ],
    ),
    (
        "report",
        [
            (
                "tracer report crawl.json -o crawl.html",
                "a page about an export",
            ),
            (
                "tracer report before.json after.json -o change.html",
                "a page that compares two",
            ),
            (
                "tracer report crawl.json -o - | gzip > crawl.html.gz",
                "to standard output",
            ),
        ],
    ),
    (
        "explain",
        [
            ("tracer explain", "list all findings"),
            ("tracer explain no-connection-reuse", "one of them"),
            ("tracer explain --markdown slow-pickup", "as Markdown"),
        ],
    ),
    (
        "doctor",
        [
            ("sudo tracer doctor", "check this machine"),
            ("sudo tracer doctor --json", "for other programs"),
            (
                "sudo tracer doctor | grep -A1 -E '^(FAIL|warn)'",
                "only what is wrong, with its remedy",
            ),
        ],
    ),
    (
        "crawl",
        [
            (
                "tracer crawl --max-pages 100 https://example.org/",
                "a hundred pages of a site",
            ),
            (
                "tracer crawl --profile tuned --jsonl pages.jsonl https://example.org/",
                "as a good crawler does, a line for each page",
            ),
            (
                "sudo tracer crawl --trace --max-pages 100 https://example.org/",
                "traced while it runs",
            ),
        ],
    ),
    (
        "config-show",
        [
            (
                "tracer config show",
                "the settings of a crawl without flags",
            ),
            (
                "tracer config show --origin --profile tuned",
                "with the place each comes from",
            ),
            ("tracer config show --config crawl.toml", "of a file"),
        ],
    ),
    (
        "completions",
        [
            (
                "tracer completions bash | sudo tee /etc/bash_completion.d/tracer",
                "for bash",
            ),
            ("tracer completions zsh > ~/.zfunc/_tracer", "for zsh"),
            (
                "tracer completions fish > ~/.config/fish/completions/tracer.fish",
                "for fish",
            ),
        ],
    ),
    (
        "man",
        [
            ("tracer man | man -l -", "read the page of tracer"),
            ("tracer man attach | man -l -", "the page of a command"),
            ("tracer man run > tracer-run.1", "write it to a file"),
        ],
    ),
    (
        "",
        [
            ("sudo tracer demo", "see what it shows"),
            ("sudo tracer run -- ./crawl.sh", "trace a command"),
            ("sudo tracer attach", "trace what is running"),
        ],
    ),
];

/// Form of the values called TIME.
const TIMES: &str = "TIME is a number with a unit, such as 250ms, 10s, 1.5h or 2d; without a unit it is in seconds.";

/// Examples of a command by the name of its manual page; the empty name is tracer itself.
pub(super) fn of(name: &str) -> Option<&'static [Example; 3]> {
    let found = EXAMPLES.iter().find(|(known, _)| *known == name);
    found.map(|(_, examples)| examples)
}

/// Adds the examples to the long help of every command.
pub(super) fn add(root: Command) -> Command {
    let mut root = with(root, "");
    let names: Vec<String> = names(&root);
    for name in names {
        root = root.mut_subcommand(&name, |command| {
            let mut command = with(command, &name);
            for inner in self::names(&command) {
                let page = format!("{name}-{inner}");
                command = command.mut_subcommand(inner, |command| with(command, &page));
            }
            command
        });
    }
    root
}

fn names(command: &Command) -> Vec<String> {
    let commands = command.get_subcommands();
    commands.map(|it| it.get_name().to_owned()).collect()
}

fn with(command: Command, page: &str) -> Command {
    let long = command.get_after_long_help().or(command.get_after_help());
    let rest = long.map(|text| text.to_string()).unwrap_or_default();
    let parts = [examples(page), times(&command), rest];
    let command = match page {
        // The flag is shared with `run`, which has more to say of it.
        "attach" => command.mut_arg("duration", |it| it.help("Stop after this time")),
        _ => command,
    };
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    command.after_help("").after_long_help(parts.join("\n\n"))
}

/// Examples as text: each line of the shell, and below it what it does.
fn examples(page: &str) -> String {
    let Some(examples) = of(page) else {
        return String::new();
    };
    let lines = examples
        .iter()
        .map(|(line, what)| format!("  {line}\n      {what}"));
    format!("Examples:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

fn times(command: &Command) -> String {
    let mut arguments = command.get_arguments();
    let has_time = arguments.any(|argument| {
        let mut names = argument.get_value_names().unwrap_or_default().iter();
        names.any(|name| name.as_str() == "TIME")
    });
    if has_time {
        TIMES.to_owned()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args;

    #[test]
    fn every_command_has_examples() {
        let root = args::command();
        for command in root.get_subcommands() {
            let name = command.get_name();
            let inner = names(command);
            let pages = match inner.is_empty() {
                true => vec![name.to_owned()],
                false => inner.iter().map(|it| format!("{name}-{it}")).collect(),
            };
            for page in pages {
                assert!(of(&page).is_some(), "{page} has no examples");
            }
        }
    }

    /// The lines of the shell are such as the parser takes.
    #[test]
    fn examples_are_right() {
        let root = args::command();
        for (page, examples) in EXAMPLES {
            let name = page.split('-').next().unwrap();
            if !page.is_empty() && root.find_subcommand(name).is_none() {
                continue;
            }
            for (line, _) in examples {
                let line = line
                    .split(" | ")
                    .next()
                    .unwrap()
                    .split(" > ")
                    .next()
                    .unwrap();
                let words = line.trim_start_matches("sudo ").split(' ');
                let words: Vec<String> = words.map(|word| word.replace('\'', "")).collect();
                let parsed = root.clone().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }
}
