use std::fs;

use super::*;

struct Case {
    directory: tempfile::TempDir,
    layers: Layers,
}

impl Case {
    fn new(file: &str, environment: &[(&str, &str)], flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tracer.toml");
        fs::write(&path, file).unwrap();
        let words = command_line(flags.iter().map(|word| (*word).to_owned()));
        let environment = environment.iter();
        let layers = Layers {
            file: Some(path),
            environment: environment
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..layers(&words).unwrap()
        };
        Self { directory, layers }
    }

    fn load(&self) -> Effective {
        load(&self.layers).unwrap()
    }

    /// Text of the error, without the directory.
    fn error(&self) -> String {
        let text = load(&self.layers).unwrap_err().to_string();
        text.replace(&format!("{}/", self.directory.path().display()), "")
    }
}

#[test]
fn the_higher_layer_wins_and_its_name_is_kept() {
    let case = Case::new(
        "[filter]\nport = [80, 443]\ncomm = [\"a\"]\n[output]\njson = \"out.json\"\ninterval = \"10s\"\nquiet = true\n",
        &[
            ("TRACER_ATTACH_FILTER_COMM", "b,c"),
            ("TRACER_ATTACH_OUTPUT_INTERVAL", "20s"),
        ],
        &["--interval", "30s", "--rotate=1h"],
    );
    let effective = case.load();
    let attach = &effective.attach;
    assert_eq!(attach.filter.port, [80, 443]);
    assert_eq!(attach.filter.comm, ["b", "c"]);
    let results = &attach.output.results;
    assert_eq!(results.interval.unwrap().as_secs(), 30);
    assert_eq!(attach.service.rotate.unwrap().as_secs(), 3600);
    assert_eq!(results.json, Some(case.directory.path().join("out.json")));
    assert!(results.quiet && attach.filter.include_loopback);
    let origin = |name| {
        effective
            .origin(AttachKeys::find(name).unwrap())
            .to_string()
    };
    assert!(origin("filter.port").ends_with("tracer.toml:2"));
    assert_eq!(origin("filter.comm"), "TRACER_ATTACH_FILTER_COMM");
    assert_eq!(origin("output.interval"), "--interval");
    assert_eq!(origin("tracing.http2"), "default");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    #[track_caller]
    fn check(file: &str, environment: &[(&str, &str)], expected: &str) {
        let error = Case::new(file, environment, &[]).error();
        assert!(error.starts_with(expected), "{error}");
    }
    check(
        "[filter]\nprot = [80]",
        &[],
        "tracer.toml:2: unknown key `filter.prot`; did you mean `filter.port`?",
    );
    check(
        "zzzzzzzzzzzz = 1",
        &[],
        "tracer.toml:1: unknown key `zzzzzzzzzzzz`; `tracer attach --show-config` lists all",
    );
    check(
        "[filter]\nport = [0]",
        &[],
        "tracer.toml:2: filter.port: expected a number from 1 to 65535",
    );
    check(
        "[filter]\nport = 80",
        &[],
        "tracer.toml:2: filter.port: expected a list in brackets, found a value of type integer",
    );
    check(
        "[output]\nquiet = \"yes\"",
        &[],
        "tracer.toml:2: output.quiet: expected true or false",
    );
    check(
        "[tracing]\nhttp2 = \"maybe\"",
        &[],
        "tracer.toml:2: tracing.http2: `maybe` is none of",
    );
    check(
        "[gate]\nallow_unknown = true",
        &[],
        "tracer.toml: --fail-on",
    );
    check(
        "[gate]\nfail_on = [\"requests.cuont > 1\"]",
        &[],
        "tracer.toml:2: gate.fail_on: ",
    );
    check("[filter\n", &[], "tracer.toml:1: not valid TOML");
    check(
        "",
        &[("TRACER_ATTACH_FILTER_PORTS", "1")],
        "TRACER_ATTACH_FILTER_PORTS: unknown key `TRACER_ATTACH_FILTER_PORTS`; did you mean `TRACER_ATTACH_FILTER_PORT`?",
    );
}

#[test]
fn what_is_shown_gives_the_same_settings() {
    let file = "[filter]\ninclude_loopback = false\nhost = [\"*.example.org\"]\n[gate]\nfail_on = [\"requests.count > 1\"]\n[output]\njson = \"-\"\n";
    let first = Case::new(file, &[], &["--max-hosts=7", "--quiet"]).load();
    let shown = first.to_toml();
    let again = Case::new(&shown, &[], &[]).load();
    assert!(first.changes(&again).is_empty(), "{shown}");
    assert!(
        shown.contains("max_hosts = \"7\"  # --max-hosts\n"),
        "{shown}"
    );
    assert!(!again.attach.filter.include_loopback);
}

#[test]
fn keys_that_need_a_restart_keep_their_values() {
    let before = Case::new("[filter]\nport = [80]\n", &[], &[]).load();
    let new = Case::new(
        "[filter]\nport = [81]\n[tracing]\nhttp2 = \"off\"\n",
        &[],
        &[],
    )
    .load();
    let changed: Vec<&str> = new.changes(&before).iter().map(|key| key.name).collect();
    assert_eq!(changed, ["filter.port", "tracing.http2"]);
    let http2 = AttachKeys::find("tracing.http2").unwrap();
    let kept = new.keep(&[http2], &before).unwrap();
    assert_eq!(kept.attach.filter.port, [81]);
    assert_eq!(kept.value(http2), before.value(http2));
}
