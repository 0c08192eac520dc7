//! Script of the GitHub Action (packaging/action/run.sh) with the environment of a job. The command runs untraced, because tracing needs
//! rights: a script in the place of tracer leaves the example export, and hands everything else to the real tracer.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// The place of tracer: `run` starts the command and leaves an export.
const TRACER: &str = r#"#!/bin/bash
[ "$1" = run ] || exec "$REAL" "$@"
while [ "$1" != -- ]; do
  [ "$1" != --json ] || cp "$EXAMPLE" "$2"
  shift
done
shift
exec "$@"
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Status, output and files of a job.
struct Job {
    status: Option<i32>,
    summary: String,
    outputs: String,
    printed: String,
}

/// Runs the script with these inputs.
fn job(inputs: &[(&str, &str)]) -> Job {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str| home.path().join(name);
    script(&file("tracer"), TRACER);
    script(&file("sudo"), "#!/bin/sh\nexec \"$@\"\n");
    let path = format!(
        "{}:{}",
        home.path().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new("bash")
        .arg(root().join("packaging/action/run.sh"))
        .current_dir(home.path())
        .env("PATH", path)
        .env("REAL", env!("CARGO_BIN_EXE_tracer"))
        .env("EXAMPLE", root().join("docs/schema/example.json"))
        .env("TRACER", file("tracer"))
        .env("GITHUB_STEP_SUMMARY", file("summary"))
        .env("GITHUB_OUTPUT", file("output"))
        .envs(inputs.iter().copied())
        .output()
        .unwrap();
    let text = |name: &str| fs::read_to_string(file(name)).unwrap_or_default();
    Job {
        status: output.status.code(),
        summary: text("summary"),
        outputs: text("output"),
        printed: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

#[test]
fn a_job_without_conditions_has_the_status_of_its_command() {
    let good = job(&[("INPUT_RUN", "echo crawled; true | cat")]);
    assert_eq!(good.status, Some(0));
    assert_eq!(good.printed, "crawled\n");
    assert_eq!(good.outputs, "export=tracer.json\nstatus=0\nverdict=none\n");
    let bad = job(&[
        ("INPUT_RUN", "false | cat\necho not reached"),
        ("INPUT_EXPORT", "my file.json"),
    ]);
    assert_eq!(bad.status, Some(1));
    assert_eq!(bad.printed, "");
    assert_eq!(bad.outputs, "export=my file.json\nstatus=1\nverdict=none\n");
}

#[test]
fn conditions_decide_and_are_in_the_summary() {
    let passed = job(&[
        ("INPUT_RUN", "true"),
        (
            "INPUT_FAIL_ON",
            "\nrequests.count < 1\nevents.lost > 1000M\n",
        ),
    ]);
    assert_eq!(passed.status, Some(0), "{}", passed.printed);
    assert!(
        passed.outputs.ends_with("verdict=passed\n"),
        "{}",
        passed.outputs
    );
    assert!(
        passed.summary.contains("### Conditions"),
        "{}",
        passed.summary
    );
    let failed = job(&[
        ("INPUT_RUN", "true"),
        ("INPUT_FAIL_ON", "requests.count < 1\nrequests.count > 0"),
    ]);
    assert_eq!(failed.status, Some(1));
    assert!(
        failed.outputs.ends_with("status=0\nverdict=failed\n"),
        "{}",
        failed.outputs
    );
    assert!(
        failed.summary.contains("requests.count > 0"),
        "{}",
        failed.summary
    );
    let wrong = job(&[
        ("INPUT_RUN", "true"),
        ("INPUT_FAIL_ON", "requests.cuont > 0"),
    ]);
    assert_eq!(wrong.status, Some(2));
}

#[test]
fn unknown_figures_fail_unless_they_may() {
    let unknown = "hosts[\"no.such.host\"].requests.failed > 0";
    let strict = job(&[("INPUT_RUN", "true"), ("INPUT_FAIL_ON", unknown)]);
    assert_eq!(strict.status, Some(1));
    let lax = [
        ("INPUT_RUN", "true"),
        ("INPUT_FAIL_ON", unknown),
        ("INPUT_ALLOW_UNKNOWN", "true"),
    ];
    assert_eq!(job(&lax).status, Some(0));
}

#[test]
fn the_change_to_a_baseline_is_in_the_summary() {
    let baseline = root().join("docs/schema/example.json");
    let baseline = baseline.to_str().unwrap();
    let same = job(&[("INPUT_RUN", "true"), ("INPUT_BASELINE", baseline)]);
    assert_eq!(same.status, Some(0));
    assert!(same.outputs.ends_with("verdict=none\n"), "{}", same.outputs);
    assert!(
        same.summary.contains("### Change to the baseline"),
        "{}",
        same.summary
    );
    assert!(same.summary.contains('|'), "{}", same.summary);
    let gate = "requests.count >= +0%";
    let worse = job(&[
        ("INPUT_RUN", "true"),
        ("INPUT_BASELINE", baseline),
        ("INPUT_DIFF_FAIL_ON", gate),
    ]);
    assert_eq!(worse.status, Some(1), "{}", worse.summary);
    assert!(
        worse.outputs.ends_with("verdict=failed\n"),
        "{}",
        worse.outputs
    );
}

/// The inputs that the script reads are those that action.yml passes, and each of them is declared.
#[test]
fn inputs_of_the_script_and_of_the_action_agree() {
    let action = fs::read_to_string(root().join("action.yml")).unwrap();
    let text = fs::read_to_string(root().join("packaging/action/run.sh")).unwrap();
    for line in action
        .lines()
        .filter_map(|line| line.trim().strip_prefix("INPUT_"))
    {
        let (name, value) = line.split_once(": ${{ inputs.").unwrap();
        assert!(
            text.contains(&format!("INPUT_{name}")),
            "{name} is not read"
        );
        let input = value.trim_end_matches(" }}");
        assert_eq!(name.to_lowercase().replace('_', "-"), input);
        assert!(
            action.contains(&format!("\n  {input}:\n")),
            "{input} is not declared"
        );
    }
}
