//! The command line where neither rights nor kernel programs are needed: help, refusals, exit codes.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::process::{Command, Output};

const FILTER_FLAGS: [&str; 7] = [
    "--comm",
    "--exe",
    "--cgroup",
    "--port",
    "--cidr",
    "--host",
    "--include-loopback",
];
const OUTPUT_FLAGS: [&str; 8] = [
    "--json",
    "--interval",
    "--duration",
    "--no-tui",
    "--quiet",
    "--color",
    "--max-hosts",
    "--kernel-log",
];

fn tracer(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Refused with 2, in words that hold `word`, and nothing on standard output.
#[track_caller]
fn check_usage(arguments: &[&str], word: &str) {
    let output = tracer(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(said.contains(word), "{arguments:?}: no {word:?} in {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
}

/// The long help of a command holds these words.
#[track_caller]
fn check_help(arguments: &[&str], words: &[&str]) {
    let output = tracer(arguments);
    let help = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    for word in words {
        assert!(help.contains(word), "{arguments:?}: no {word:?} in {help}");
    }
    assert!(output.stderr.is_empty(), "{arguments:?}");
}

#[test]
fn help_names_every_flag() {
    let commands = [
        "attach",
        "run",
        "demo",
        "diff",
        "doctor",
        "config",
        "completions",
        "man",
    ];
    check_help(&["--help"], &commands);
    check_help(&["--help"], &["Exit codes:"]);
    for command in ["attach", "run"] {
        check_help(&[command, "--help"], &FILTER_FLAGS);
        check_help(&[command, "--help"], &OUTPUT_FLAGS);
        check_help(&[command, "--help"], &["Exit codes:"]);
    }
    check_help(&["attach", "--help"], &["--pid"]);
    check_help(&["run", "--help"], &["--user", "--child-log"]);
    check_help(&["doctor", "--help"], &["--json", "Exit codes:"]);
    check_help(&["completions", "--help"], &["bash", "fish", "zsh"]);
    check_help(&["man", "--help"], &["[COMMAND]"]);
}

#[test]
fn version() {
    let output = tracer(&["--version"]);
    let expected = format!("tracer {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn unknown_words_are_refused() {
    check_usage(&["no-such-command"], "no-such-command");
    check_usage(&["attach", "--no-such-flag"], "--no-such-flag");
    check_usage(&["man", "no-such-command"], "no-such-command");
    check_usage(&["completions", "no-such-shell"], "no-such-shell");
}

#[test]
fn values_out_of_range_are_refused() {
    check_usage(&["attach", "--port", "0"], "--port");
    check_usage(&["attach", "--port", "65536"], "--port");
    check_usage(&["attach", "--cidr", "10.0.0.0/33"], "--cidr");
    check_usage(&["attach", "--cidr", "example.org"], "--cidr");
    check_usage(&["attach", "--duration", "soon"], "--duration");
    check_usage(&["attach", "--duration", "0s"], "--duration");
    check_usage(&["attach", "--max-hosts", "0"], "--max-hosts");
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    check_usage(&["attach", "--interval", "1s"], "--json");
    check_usage(&["attach", "--json", "-", "--interval", "1s"], "--interval");
    check_usage(&["run", "--json", "-", "--", "true"], "--json");
}

/// Each mistake gives one line: what is wrong, and what to type.
#[test]
fn mistakes_word_for_word() {
    #[track_caller]
    fn check(line: &str, code: i32, expected: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let output = tracer(&words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, format!("tracer: {expected}\n"), "tracer {line}");
        assert_eq!(output.status.code(), Some(code), "tracer {line}");
        assert!(output.stdout.is_empty(), "tracer {line}");
    }
    check(
        "run ./x.sh",
        2,
        "`--` is missing before the command; type: tracer run -- ./x.sh",
    );
    check(
        "run --no-tui ./x.sh one",
        2,
        "`--` is missing before the command; type: tracer run --no-tui -- ./x.sh one",
    );
    check("run", 2, "a command is missing; type: tracer run -- CMD");
    check(
        "attach python3",
        2,
        "attach takes no `python3`; type: tracer attach --comm python3",
    );
    check(
        "attach 4711",
        2,
        "attach takes no `4711`; type: tracer attach --pid 4711",
    );
    check(
        "attach --port http",
        2,
        "--port: expected a number, got `http`; type: --port 80",
    );
    check(
        "attach --port 80,443",
        2,
        "--port: one port each; type: --port 80 --port 443",
    );
    check(
        "attach --pid python3",
        2,
        "--pid: expected a number, got `python3`; type: --comm python3, or --pid \"$(pgrep -n python3)\"",
    );
    check(
        "attach --interval 10s",
        2,
        "--interval says how often results are written; type: --json FILE --interval TIME, --hdr-log DIR --interval TIME, or --otlp URL --interval TIME",
    );
    check(
        "attach --otlp localhost:4318",
        2,
        "--otlp localhost:4318 begins with neither http:// nor https://; type, for example, --otlp http://localhost:4318",
    );
    check(
        "attach --metrics-hosts 5",
        2,
        "--metrics-hosts goes with metrics: --otlp URL, or --prometheus ADDR:PORT with attach and run",
    );
    check(
        "attach --host https://x/",
        2,
        "--host: `https://x/` is a URL, expected a host name or a pattern of names; use `x`",
    );
    check(
        "attach --josn f",
        2,
        "unknown flag --josn; did you mean --json?",
    );
    check(
        "attach --color blue",
        2,
        "--color: `blue` is none of auto, always, never",
    );
    check(
        &format!("replay {EXPORT}"),
        4,
        &format!(
            "{EXPORT} is an export, which has no records to replay; `tracer diff {EXPORT} OTHER.json` compares it with another one"
        ),
    );
    check(
        "run -- no-such-command",
        2,
        "no command `no-such-command` in PATH; check its name, or give its whole path",
    );
    check(
        "run -- Cargo.toml",
        2,
        "no command `Cargo.toml` in PATH; type: tracer run -- ./Cargo.toml",
    );
    check(
        "run -- ./no-such.sh",
        2,
        "there is no file ./no-such.sh; check its name, or give its whole path",
    );
    check(
        "run -- ./Cargo.toml",
        2,
        "./Cargo.toml is not executable; type: chmod +x ./Cargo.toml, or name its interpreter: tracer run -- sh ./Cargo.toml",
    );
}

/// sudo looks for commands in directories of its own.
#[test]
fn a_command_that_sudo_does_not_find() {
    let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args(["run", "--", "no-such-command"])
        .env("SUDO_USER", "somebody")
        .output()
        .unwrap();
    let expected = "tracer: no command `no-such-command` in PATH; sudo has a PATH of its own; type: sudo tracer run -- \"$(command -v no-such-command)\"\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
}

/// The last line of a crawl that fetched nothing says why, and what to do.
#[test]
fn crawls_that_fetch_nothing_say_why() {
    #[track_caller]
    fn check(url: &str, expected: &str) {
        let output = tracer(&["crawl", "--robots=false", "--retries", "0", url]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(5), "{said}");
        assert_eq!(said.lines().last(), Some(expected), "{said}");
    }
    // Nothing listens at a port that was free a moment ago.
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    check(
        &format!("http://{address}/"),
        &format!("tracer: nothing listens at {address}; check host and port of the URL"),
    );
}

#[test]
fn help_has_three_examples_and_says_what_a_time_is() {
    const TIME: &str = "TIME is a number with a unit, such as 250ms";
    for command in ["attach", "run", "replay", "demo", "diff", "crawl", "doctor"] {
        let output = tracer(&[command, "--help"]);
        let help = String::from_utf8(output.stdout).unwrap();
        let (_, examples) = help.split_once("Examples:\n").unwrap();
        let lines = examples.lines().take_while(|line| !line.is_empty());
        let calls = lines.filter(|line| line.contains("tracer ")).count();
        assert_eq!(calls, 3, "{help}");
        assert_eq!(help.contains(TIME), help.contains("<TIME>"), "{help}");
        let short = String::from_utf8(tracer(&[command, "-h"]).stdout).unwrap();
        assert!(!short.contains("Examples:"), "{short}");
        assert!(short.lines().count() < help.lines().count(), "{short}");
    }
}

/// Before rights are looked at: a mistake in the command line is the same for everybody.
#[test]
fn output_in_a_missing_directory_is_refused() {
    const FILE: &str = "/no/such/directory/export.json";
    check_usage(&["attach", "--json", FILE], "/no/such/directory");
    check_usage(&["run", "--json", FILE, "--", "true"], "/no/such/directory");
}

#[test]
fn a_page_is_troff_and_names_the_flags() {
    let output = tracer(&["man", "attach"]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains(".TH tracer-attach 1"), "{page}");
    for flag in FILTER_FLAGS.iter().chain(&OUTPUT_FLAGS) {
        let flag = flag.replace('-', "\\-");
        assert!(page.contains(&flag), "no {flag} in {page}");
    }
}

/// Runs with one environment variable and a configuration file of this text.
fn show(text: &str, variable: (&str, &str), flags: &[&str]) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("crawl.toml");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args(["config", "show", "--origin", "--config"])
        .arg(&file)
        .args(flags)
        .env(variable.0, variable.1)
        .output()
        .unwrap();
    let place = format!("{}/", directory.path().display());
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&place, "");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn config_show_says_where_each_value_comes_from() {
    let file = "profile = \"tuned\"\n[limits]\nrate = 5\nburst = 2\n";
    let variable = ("TRACER_CRAWL_LIMITS_BURST", "3");
    let (code, shown, said) = show(
        file,
        variable,
        &["--depth", "4", "http://a.example/", "http://b.example/"],
    );
    assert_eq!((code, said.as_str()), (Some(0), ""));
    for line in [
        "profile = \"tuned\"  # crawl.toml:1\n",
        "\nseeds = [\"http://a.example/\", \"http://b.example/\"]  # argument\n",
        "\ndepth = 4  # --depth\n",
        "\nrate = 5.0  # crawl.toml:3\n",
        "\nburst = 3  # TRACER_CRAWL_LIMITS_BURST\n",
        "\nidle_per_host = 100  # default of profile tuned\n",
    ] {
        assert!(shown.contains(line), "no {line:?} in {shown}");
    }
}

#[test]
fn config_faults_have_a_place_and_an_exit_code() {
    #[track_caller]
    fn check(file: &str, variable: (&str, &str), flags: &[&str], code: i32, says: &str) {
        let (found, shown, said) = show(file, variable, flags);
        assert_eq!((found, shown.as_str()), (Some(code), ""), "{said}");
        assert!(said.contains(says), "no {says:?} in {said}");
    }
    const NO: (&str, &str) = ("HARMLESS", "");
    check(
        "[limits]\nburts = 1",
        NO,
        &[],
        4,
        "tracer: crawl.toml:2: unknown key `limits.burts`; did you mean `limits.burst`?",
    );
    check(
        "[limits]\nburst = \"1\"",
        NO,
        &[],
        4,
        "crawl.toml:2: limits.burst: expected a whole number",
    );
    check("[limits", NO, &[], 4, "crawl.toml:1: not valid TOML");
    check(
        "",
        ("TRACER_CRAWL_LIMITS_BURTS", "1"),
        &[],
        2,
        "did you mean `TRACER_CRAWL_LIMITS_BURST`?",
    );
    check(
        "",
        ("TRACER_CRAWL_LIMITS_BURST", "0"),
        &[],
        2,
        "TRACER_CRAWL_LIMITS_BURST: limits.burst: 0 is not",
    );
    check("", NO, &["--burst", "x"], 2, "--burst");
    check(
        "",
        NO,
        &["--scope", "x"],
        2,
        "expected one of host, subdomains, any",
    );
    check("", NO, &["--burts", "1"], 2, "--burst");
    check_usage(
        &["config", "show", "--proxy", "http://u:p@h:1"],
        "credentials_file",
    );
    check_usage(&["config"], "Usage: tracer config");
}

#[test]
fn config_help_names_flags_of_every_group() {
    let flags = [
        "--profile",
        "--scope",
        "--robots",
        "--concurrency",
        "--dns",
        "--jsonl",
        "--exec-per-page",
        "--metrics",
        "Politeness:",
    ];
    check_help(&["config", "show", "--help"], &flags);
}

/// A file that is always full.
fn full() -> std::fs::File {
    std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
}

const EXPORT: &str = "../docs/schema/example.json";
const RECORDING: &str = "tests/recordings/crawl.trace";

/// Commands that print, and their status when somebody takes it.
fn printing() -> Vec<(Vec<&'static str>, i32)> {
    let doctor = tracer(&["doctor"]).status.code().unwrap();
    let lines: [(&str, i32); 12] = [
        ("--help", 0),
        ("run --help", 0),
        ("--version", 0),
        ("completions bash", 0),
        ("man", 0),
        ("config show", 0),
        ("doctor", doctor),
        ("doctor --json", doctor),
        ("replay --no-tui --until 1s RECORDING", 0),
        ("replay --no-tui --quiet --json - RECORDING", 0),
        ("diff EXPORT EXPORT", 0),
        ("diff --json EXPORT EXPORT", 0),
    ];
    let word = |word: &'static str| match word {
        "EXPORT" => EXPORT,
        "RECORDING" => RECORDING,
        word => word,
    };
    lines
        .into_iter()
        .map(|(line, code)| (line.split(' ').map(word).collect(), code))
        .collect()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracer"));
    command.args(arguments);
    command
}

/// Output that nobody takes is reported in one line, as an output that cannot be written.
#[test]
fn standard_output_that_is_full() {
    for (arguments, _) in printing() {
        let output = command(&arguments).stdout(full()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        let one_line = said.lines().count() == 1;
        assert!(
            one_line && said.starts_with("tracer: cannot write to standard output: No space left"),
            "{arguments:?}: {said}"
        );
    }
}

/// The status tells the failure even where no stream can say why.
#[test]
fn both_streams_are_full() {
    for (arguments, _) in printing() {
        let mut command = command(&arguments);
        let status = command.stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
    let refused = command(&["attach", "--no-such-flag"])
        .stderr(full())
        .status();
    assert_eq!(refused.unwrap().code(), Some(2));
}

/// Standard error is not needed; closed streams swallow what is written.
#[test]
fn streams_that_are_closed() {
    for (arguments, code) in printing() {
        let status = command(&arguments).stderr(full()).output().unwrap().status;
        assert_eq!(status.code(), Some(code), "{arguments:?} 2>/dev/full");
        for closing in [">&-", "2>&-", ">&- 2>&-"] {
            let status = Command::new("sh")
                .args(["-c", &format!("exec \"$@\" {closing}"), "sh"])
                .arg(env!("CARGO_BIN_EXE_tracer"))
                .args(&arguments)
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(code), "{arguments:?} {closing}");
        }
    }
}

#[test]
fn a_file_of_allowed_findings_that_is_wrong_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("allowed");
    let path = path.to_str().unwrap();
    let check = |word| check_usage(&["attach", "--no-tui", "--allow-file", path], word);
    check("cannot be read");
    std::fs::write(
        path,
        "server-slow # by design\n\nserver-slo # no such rule\n",
    )
    .unwrap();
    check("line 3: no finding `server-slo`; did you mean `server-slow`?");
}
