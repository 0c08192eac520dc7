//! `tracer crawl` as a user runs it, against a small server in this process.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown, lchown, symlink},
        net::UnixStream,
    },
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use tracer_crawler::settings::Settings;

const PAGES: usize = 30;

/// A site of pages that link to the next two, one that robots.txt forbids, one that is missing, and one that never
/// answers.
struct Site {
    address: SocketAddr,
    /// Heads of requests.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let site = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
        };
        let asked = Arc::clone(&site.asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let asked = Arc::clone(&asked);
                std::thread::spawn(move || serve(stream.unwrap(), &asked));
            }
        });
        site
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn serve(stream: TcpStream, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let known = head.to_lowercase().contains("if-none-match: \"1\"");
        asked.lock().unwrap().push(head);
        if path == "/never" {
            // Holds the connection until the crawler gives up.
            let _ = reader.read_line(&mut String::new());
            return;
        }
        let (status, body) = match answer(&path) {
            ("200 OK", _) if known => ("304 Not Modified", String::new()),
            other => other,
        };
        let text = format!(
            "HTTP/1.1 {status}\r\nETag: \"1\"\r\nSet-Cookie: sid=c00kie\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if writer.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(path: &str) -> (&'static str, String) {
    let number = path
        .strip_prefix("/p")
        .and_then(|number| number.parse::<usize>().ok());
    match (path, number) {
        ("/robots.txt", _) => ("200 OK", "User-agent: *\nDisallow: /private\n".to_owned()),
        ("/", _) => (
            "200 OK",
            "<a href=/p0>0</a><a href=/private>p</a><a href=/missing>m</a>".to_owned(),
        ),
        (_, Some(n)) if n < PAGES => {
            let (a, b) = ((n + 1) % PAGES, (n + 2) % PAGES);
            ("200 OK", format!("<a href=/p{a}>a</a><a href=/p{b}>b</a>"))
        }
        _ => ("404 Not Found", String::new()),
    }
}

fn crawl(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracer"));
    command.arg("crawl").args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = crawl(arguments).output().unwrap();
    (
        status.code(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

/// Paths of the JSON lines, without what robots.txt forbids.
fn paths(lines: &str) -> BTreeSet<String> {
    let path = |line: &str| {
        let page: serde_json::Value = serde_json::from_str(line).unwrap();
        if page["skipped"] == "robots" {
            return None;
        }
        let url = page["url"].as_str().unwrap().to_owned();
        let path = url.splitn(4, '/').nth(3);
        Some(format!("/{}", path.unwrap()))
    };
    lines.lines().filter_map(path).collect()
}

/// The start page, the missing one and all numbered ones.
fn all_pages() -> BTreeSet<String> {
    let numbered = (0..PAGES).map(|n| format!("/p{n}"));
    numbered
        .chain(["/".to_owned(), "/missing".to_owned()])
        .collect()
}

#[test]
fn the_whole_site_and_nothing_else() {
    let site = Site::start();
    for profile in ["default", "tuned"] {
        let (code, lines, said) = run(&["--profile", profile, "--jsonl", "-", &site.url("/")]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(paths(&lines), all_pages(), "{profile}");
        assert!(said.contains("nothing is left to fetch (done)"), "{said}");
        assert!(
            said.contains("32 (2xx 31, 4xx 1)") && said.contains("robots 1"),
            "{said}"
        );
    }
    let heads = site.asked.lock().unwrap();
    let agent = format!("user-agent: tracer/{}\r\n", env!("CARGO_PKG_VERSION"));
    assert!(
        heads
            .iter()
            .all(|head| head.to_lowercase().contains(&agent)),
        "{}",
        heads[0]
    );
    assert!(!heads.iter().any(|head| head.starts_with("GET /private")));
}

#[test]
fn limits_end_it() {
    let site = Site::start();
    let (code, lines, _) = run(&[
        "--quiet",
        "--max-pages",
        "5",
        "--jsonl",
        "-",
        &site.url("/"),
    ]);
    assert_eq!((code, paths(&lines).len()), (Some(0), 5));
    let (code, lines, said) = run(&["--quiet", "--depth", "1", "--jsonl", "-", &site.url("/")]);
    assert_eq!((code, said.as_str()), (Some(0), ""), "--quiet");
    assert_eq!(
        paths(&lines),
        ["/", "/missing", "/p0"].map(str::to_owned).into()
    );
}

#[test]
fn exit_codes() {
    #[track_caller]
    fn check(arguments: &[&str], code: i32, says: &str) {
        let (found, _, said) = run(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: no {says:?} in {said}");
    }
    let site = Site::start();
    let (start, missing) = (site.url("/"), site.url("/missing"));
    check(
        &["--retries", "0", &missing],
        5,
        "failed       1 (status 1)",
    );
    check(&["ftp://a.example/"], 2, "expected http://HOST/");
    check(&["--depth", "1"], 2, "no URL to begin with");
    check(&[&start, "false"], 2, "--robots=false");
    check(&["--robots=maybe", &start], 2, "expected true or false");
    check(&["--links-from", "a,b", &start], 2, "`b`");
    let directory = tempfile::tempdir().unwrap();
    let seeds = directory.path().join("seeds");
    fs::write(&seeds, "http://127.0.0.1:1/\n\nnot a url\n").unwrap();
    let seeds = seeds.to_str().unwrap();
    check(&["--seeds", seeds], 4, &format!("{seeds}:3: \"not a url\""));
    check(&[], 2, "no URL to begin with");
    check(
        &["--jsonl", "/no/such/directory/x", &start],
        2,
        "/no/such/directory/x",
    );
    check(&["--seeds", "/no/such/file"], 4, "/no/such/file");
    check(&["--config", "/no/such/file", &start], 4, "/no/such/file");
    check(&["--ca-file", "/no/such/file", &start], 4, "/no/such/file");
    check(
        &["--header-profiles", "/no/such/file", &start],
        4,
        "/no/such/file",
    );
    check(&["--log", "a=b=c", &start], 2, "log.filter");
    check(
        &["--metrics", &site.address.to_string(), &start],
        2,
        "cannot listen on",
    );
    check(&["--control", "0.0.0.0:1", &start], 2, "loopback");
    let says = match cfg!(feature = "render") {
        true => "render.program: no-such-browser is not there",
        false => "feature `render`",
    };
    check(
        &["--render", "--render-program", "no-such-browser", &start],
        2,
        says,
    );
}

/// Tells whether the page that robots.txt forbids was fetched, whatever else was.
fn is_private_fetched(arguments: &[&str]) -> bool {
    let site = Site::start();
    let (code, _, said) = run(&[arguments, &["--depth", "1", "--quiet", &site.url("/")]].concat());
    assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
    let heads = site.asked.lock().unwrap();
    heads.iter().any(|head| head.starts_with("GET /private"))
}

#[test]
fn switches_are_taken_as_people_type_them() {
    for off in [
        &["--robots=false"][..],
        &["--robots", "false"],
        &["--robots", "no"],
        &["--robots", "OFF"],
        &["--robots=0"],
        &["--no-robots"],
        &["--robots", "--no-robots"],
    ] {
        assert!(is_private_fetched(off), "{off:?}");
    }
    for on in [
        &["--robots"][..],
        &["--robots", "yes"],
        &["--robots=1"],
        &["--no-robots", "--robots", "true"],
    ] {
        assert!(!is_private_fetched(on), "{on:?}");
    }
}

/// Each switch of the crawler has all forms: the settings say what came of them.
#[test]
fn every_switch_can_be_turned_off_and_on() {
    let show = |words: &[String]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
            .args(["config", "show"])
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.parse::<toml::Table>().unwrap()
    };
    let keys = || Settings::keys().filter(|key| key.switch);
    assert!(keys().count() > 10);
    type Form = fn(&str) -> Vec<String>;
    let forms: [(Form, bool); 5] = [
        (|flag| vec![format!("--no-{flag}")], false),
        (|flag| vec![format!("--{flag}"), "off".to_owned()], false),
        (|flag| vec![format!("--{flag}=no")], false),
        (|flag| vec![format!("--{flag}")], true),
        (|flag| vec![format!("--{flag}"), "1".to_owned()], true),
    ];
    for (form, expected) in forms {
        // The browser may not be built in.
        let keys = || keys().filter(|key| !expected || key.name != "render.enabled");
        let words: Vec<_> = keys().flat_map(|key| form(key.flag)).collect();
        let shown = show(&words);
        for key in keys() {
            let (table, field) = key.split();
            assert_eq!(
                shown[table][field].as_bool(),
                Some(expected),
                "{words:?}: {}",
                key.name
            );
        }
    }
}

#[test]
fn lists_take_commas() {
    let arguments = [
        "--links-from=a,img",
        "--retry-status",
        "500,503",
        "--allow-host",
        "a.example,b.example",
        "--no-proxy=10.*, c.example",
        "--dns",
        "9.9.9.9,[::1]:53",
        "--include=a{1,2}",
        "--header",
        "Accept: a,b",
        "http://h/?a,b",
    ];
    let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args(["config", "show"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8(output.stdout).unwrap();
    for line in [
        r#"links = ["a", "img"]"#,
        "statuses = [500, 503]",
        r#"allow_hosts = ["a.example", "b.example"]"#,
        r#"bypass = ["10.*", "c.example"]"#,
        r#"servers = ["9.9.9.9:53", "[::1]:53"]"#,
        r#"include = ["a{1,2}"]"#,
        r#"extra = ["Accept: a,b"]"#,
        r#"seeds = ["http://h/?a,b"]"#,
    ] {
        assert!(shown.contains(line), "no {line} in {shown}");
    }
}

#[test]
fn seeds_come_from_a_file_and_from_standard_input() {
    let site = Site::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("seeds");
    fs::write(
        &file,
        format!("# mine\n{}\n\n{}\n", site.url("/p1"), site.url("/p2")),
    )
    .unwrap();
    let base = ["--quiet", "--depth", "0", "--jsonl", "-", "--seeds"];
    let (_, lines, _) = run(&[&base[..], &[file.to_str().unwrap()]].concat());
    assert_eq!(paths(&lines), ["/p1", "/p2"].map(str::to_owned).into());
    let mut child = crawl(&[&base[..], &["-"]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(site.url("/p3").as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        paths(&String::from_utf8(output.stdout).unwrap()),
        ["/p3".to_owned()].into()
    );
}

#[test]
fn waiting_for_the_rate_is_no_failure() {
    let site = Site::start();
    let base = ["--robots=false", "--jsonl", "-"];
    let slow = [
        "--rate",
        "30/m",
        "--task-timeout",
        "500ms",
        "--max-pages",
        "3",
    ];
    let (code, lines, said) = run(&[&base[..], &slow, &[&site.url("/p0")]].concat());
    assert_eq!((code, paths(&lines).len()), (Some(0), 3), "{said}");
    assert!(said.contains("failed       0"), "{said}");
    // One page at once; the next would come in an hour, and is not waited for.
    let slower = ["--rate", "1/h", "--max-time", "1s"];
    let (code, lines, said) = run(&[&base[..], &slower, &[&site.url("/")]].concat());
    assert_eq!((code, paths(&lines).len()), (Some(0), 1), "{said}");
    assert!(said.contains("(time_limit)"), "{said}");
}

/// Checks the same seeds on each machine: each seed is fetched by one of them.
#[test]
fn a_fleet_shares_the_seeds() {
    let port = Site::start().address.port();
    // Nobody listens at most of them; a page that fails has its line, too.
    let seeds: BTreeSet<String> = (1..=9)
        .map(|n| format!("http://127.0.0.{n}:{port}/p1"))
        .collect();
    let mut fetched = BTreeSet::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let mut arguments = vec!["--shard", shard, "--depth", "0", "--robots=false"];
        arguments.extend(["--retries", "0", "--jsonl", "-"]);
        arguments.extend(seeds.iter().map(String::as_str));
        let (_, lines, said) = run(&arguments);
        assert!(said.contains("other_shard"), "{said}");
        for line in lines.lines() {
            let page: serde_json::Value = serde_json::from_str(line).unwrap();
            let url = page["url"].as_str().unwrap().to_owned();
            assert!(fetched.insert(url), "twice: {line}");
        }
    }
    assert_eq!(fetched, seeds);
}

#[test]
fn secrets_are_sent_and_not_shown() {
    let site = Site::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secrets");
    fs::write(&file, "Authorization: Bearer hunter2\n").unwrap();
    let warc = directory.path().join("w.warc");
    let arguments = [
        "--header-secrets-file",
        file.to_str().unwrap(),
        "--header",
        "Cookie: given=g1ven",
        "--cookies",
        "--depth",
        "1",
        "--log",
        "trace",
        "--jsonl",
        "-",
        "--warc",
        warc.to_str().unwrap(),
        &site.url("/p1"),
    ];
    let (code, lines, said) = run(&arguments);
    assert_eq!(code, Some(0), "{said}");
    let heads = site.asked.lock().unwrap().concat();
    assert!(heads.contains("Bearer hunter2"), "{heads}");
    assert!(heads.contains("cookie: given=g1ven; sid=c00kie"), "{heads}");
    for secret in ["hunter2", "g1ven", "c00kie"] {
        assert!(!lines.contains(secret), "{secret} in {lines}");
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

#[test]
fn the_settings_are_shown_without_secrets() {
    let output = Command::new(env!("CARGO_BIN_EXE_tracer"))
        .args([
            "config",
            "show",
            "--header",
            "Authorization: Bearer hunter2",
        ])
        .arg("https://me:pa55@h.example/")
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains(r#"seeds = ["https://h.example/"]"#),
        "{shown}"
    );
    assert!(
        shown.contains(r#"extra = ["authorization: (secret)"]"#),
        "{shown}"
    );
}

#[test]
fn a_command_for_each_page() {
    let site = Site::start();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("pages");
    let command = format!("cat >> {}", out.display());
    let (code, _, said) = run(&[
        "--exec-per-page",
        &command,
        "--exec-concurrency",
        "1",
        &site.url("/"),
    ]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(paths(&fs::read_to_string(out).unwrap()), all_pages());
    assert!(said.contains("hooks        32 done, 0 failed"), "{said}");
    let (code, _, said) = run(&["--exec-per-page", "exit 1", "--depth", "0", &site.url("/")]);
    assert_eq!(code, Some(0));
    assert!(
        said.contains("hooks        0 done, 1 failed") && said.contains("exit status: 1"),
        "{said}"
    );
}

/// A crawl that waits for a page which never comes, so that it runs until it is told.
struct Running {
    child: Child,
    directory: tempfile::TempDir,
}

impl Running {
    fn start(site: &Site, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("crawl.toml");
        fs::write(&config, "[limits]\nburst = 2\n").unwrap();
        let socket = format!("unix:{}", directory.path().join("control").display());
        let child = crawl(arguments)
            .args([
                "--config",
                config.to_str().unwrap(),
                "--control",
                &socket,
                "--request-timeout",
                "1h",
                "--task-timeout",
                "1h",
                "--log",
                "info",
            ])
            .args([site.url("/never"), site.url("/")])
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("said")).unwrap())
            .spawn()
            .unwrap();
        let running = Self { child, directory };
        running.wait("the figures", || {
            running.ask("GET", "/stats", "").contains("\"pages\": 32")
        });
        running
    }

    fn wait(&self, what: &str, mut done: impl FnMut() -> bool) {
        for _ in 0..600 {
            if done() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{what} did not come; it said {}", self.said());
    }

    fn said(&self) -> String {
        fs::read_to_string(self.directory.path().join("said")).unwrap()
    }

    /// The answer of the control interface, head included; nothing while it is not there.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let Ok(mut stream) = UnixStream::connect(self.directory.path().join("control")) else {
            return String::new();
        };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(status.success());
    }

    fn code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn settings_change_while_it_runs() {
    let site = Site::start();
    let mut running = Running::start(&site, &["--shutdown-timeout", "100ms"]);
    let answer = running.ask("PATCH", "/settings", r#"{"limits.per_host": 3}"#);
    assert!(
        answer.contains("\"changed\": [\n    \"limits.per_host\""),
        "{answer}"
    );
    fs::write(
        running.directory.path().join("crawl.toml"),
        "[limits]\nburst = 7\n[cpu]\npin = true\n",
    )
    .unwrap();
    running.wait("the new file", || running.said().contains("limits.burst"));
    running.wait("keys that need a restart", || {
        running.said().contains("cpu.pin")
    });
    fs::write(
        running.directory.path().join("crawl.toml"),
        "[limits]\nburst = 0\n",
    )
    .unwrap();
    running.wait("the refusal", || {
        running.said().contains("configuration not taken")
    });
    let settings = running.ask("GET", "/settings", "");
    assert!(settings.contains("\"value\": 7"), "{settings}");
    assert!(running.ask("POST", "/stop", "").contains("202 Accepted"));
    assert_eq!(running.code(), Some(6), "{}", running.said());
    assert!(
        running.said().contains("it was told to stop (interrupted)"),
        "{}",
        running.said()
    );
    assert!(!running.directory.path().join("control").exists());
}

#[test]
fn a_higher_rate_counts_for_pages_that_wait() {
    let site = Site::start();
    let directory = tempfile::tempdir().unwrap();
    let control = format!("unix:{}", directory.path().join("control").display());
    let child = crawl(&["--rate", "1/h", "--control", &control, &site.url("/")])
        .stderr(fs::File::create(directory.path().join("said")).unwrap())
        .spawn()
        .unwrap();
    let mut running = Running { child, directory };
    // The first page has come, and those it links to wait.
    running.wait("the first page", || {
        running.ask("GET", "/stats", "").contains("\"pages\": 1")
    });
    let answer = running.ask("PATCH", "/settings", r#"{"limits.rate": "1000"}"#);
    assert!(answer.contains("200 OK"), "{answer}");
    assert_eq!(running.code(), Some(0), "{}", running.said());
    let said = running.said();
    assert!(said.contains("32 (2xx 31, 4xx 1)"), "{said}");
}

#[test]
fn figures_are_served() {
    let site = Site::start();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let mut running = Running::start(&site, &["--metrics", &port, "--shutdown-timeout", "100ms"]);
    let get = |path: &str| {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        stream
            .write_all(
                format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
            )
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let text = get("/metrics");
    for line in [
        "\ntracer_crawl_pages_total{status=\"2xx\"} 31\n",
        "\ntracer_crawl_in_flight 1.0\n",
        "\n# EOF\n",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    assert!(get("/readyz").starts_with("HTTP/1.1 200"));
    running.signal("TERM");
    assert_eq!(running.code(), Some(6), "{}", running.said());
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let site = Site::start();
    let mut running = Running::start(&site, &["--shutdown-timeout", "1h"]);
    running.signal("INT");
    running.wait("the stop", || {
        running.ask("GET", "/stats", "").contains("stopping")
    });
    running.signal("INT");
    assert_eq!(running.code(), Some(130), "{}", running.said());
}

#[test]
fn an_interrupted_crawl_goes_on_with_its_state() {
    let site = Site::start();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (state, lines) = (file("state"), file("lines"));
    let mut running = Running::start(
        &site,
        &[
            "--state",
            &state,
            "--jsonl",
            &lines,
            "--shutdown-timeout",
            "100ms",
        ],
    );
    running.signal("INT");
    assert_eq!(running.code(), Some(6), "{}", running.said());
    let done = fs::read_to_string(Path::new(&lines)).unwrap();
    assert_eq!(paths(&done), all_pages());
    // The page under way is asked for again, the others are not.
    site.asked.lock().unwrap().clear();
    let (code, _, said) = run(&[
        "--quiet",
        "--state",
        &state,
        "--jsonl",
        &lines,
        "--request-timeout",
        "1s",
        "--retries",
        "0",
        &site.url("/"),
    ]);
    assert_eq!(
        code,
        Some(5),
        "only the page that never comes is left: {said}"
    );
    let heads = site.asked.lock().unwrap();
    let asked: Vec<&str> = heads
        .iter()
        .filter_map(|head| head.split(' ').nth(1))
        .collect();
    assert_eq!(asked, ["/robots.txt", "/never"]);
}

#[test]
fn a_second_crawl_asks_only_for_what_has_changed() {
    let site = Site::start();
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let arguments = [
        "--cache",
        cache.to_str().unwrap(),
        "--jsonl",
        "-",
        &site.url("/"),
    ];
    let (code, first, said) = run(&arguments);
    assert_eq!((code, paths(&first)), (Some(0), all_pages()), "{said}");
    let (code, second, said) = run(&arguments);
    assert_eq!(
        (code, paths(&second)),
        (Some(0), all_pages()),
        "links of unchanged pages are known: {said}"
    );
    assert!(
        said.contains("(3xx 31, 4xx 1)") && said.contains("31 not modified"),
        "{said}"
    );
    assert_eq!(second.matches("\"not_modified\":true").count(), PAGES + 1);
}

#[test]
fn only_links_that_are_asked_for() {
    let site = Site::start();
    let (_, lines, said) = run(&["--links-from", "img", "--jsonl", "-", &site.url("/")]);
    assert_eq!(paths(&lines), ["/".to_owned()].into());
    assert!(said.contains("link_kind 3"), "{said}");
}

/// Number of the user who has called sudo, and of that user's group.
const NOBODY: u32 = 65534;

/// A crawl into a directory with every kind of output, as sudo would start it.
fn crawl_into(directory: &Path, site: &Site) -> (Option<i32>, String) {
    let at = |name: &str| directory.join(name).display().to_string();
    let mut command = crawl(&["--quiet"]);
    for (flag, name) in [
        ("--jsonl", "pages.jsonl"),
        ("--warc", "pages.warc.gz"),
        ("--bodies", "deep/bodies"),
        ("--state", "deep/state"),
        ("--cache", "deep/cache"),
    ] {
        command.args([flag, &at(name)]);
    }
    command.arg(site.url("/"));
    for variable in ["SUDO_UID", "SUDO_GID"] {
        command.env(variable, NOBODY.to_string());
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

/// Owners of everything below a directory, by path.
fn owners(directory: &Path, found: &mut BTreeSet<(u32, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        found.insert((meta.uid(), path.display().to_string()));
        if meta.is_dir() {
            owners(&path, found);
        }
    }
}

/// All files of a crawl belong to the user behind sudo in that user's directory, and to root in root's; the second time
/// they are there already.
#[test]
fn files_under_sudo() {
    let site = Site::start();
    for owner in [NOBODY, 0] {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        chown(directory.path(), Some(owner), Some(owner)).unwrap();
        for round in 1..=2 {
            let (code, said) = crawl_into(directory.path(), &site);
            assert_eq!(code, Some(0), "round {round}: {said}");
            let mut found = BTreeSet::new();
            owners(directory.path(), &mut found);
            let wrong: Vec<_> = found.iter().filter(|(uid, _)| *uid != owner).collect();
            assert!(wrong.is_empty(), "round {round}, not of {owner}: {wrong:?}");
            for part in [
                "pages.warc.gz",
                "frontier.redb",
                "seen.dedup",
                "seeds",
                "responses.redb",
            ] {
                let is_there = found.iter().any(|(_, path)| path.ends_with(part));
                assert!(is_there, "no {part} in {found:?}");
            }
        }
    }
}

/// A link that the user behind sudo made does not lead root to files of root's.
#[test]
fn a_link_under_sudo_leads_nowhere() {
    let site = Site::start();
    let (theirs, roots) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    chown(theirs.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let secret = roots.path().join("secret");
    fs::write(&secret, "precious").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    for name in ["pages.jsonl", "pages.warc.gz"] {
        let link = theirs.path().join(name);
        symlink(&secret, &link).unwrap();
        lchown(&link, Some(NOBODY), Some(NOBODY)).unwrap();
        let (code, said) = crawl_into(theirs.path(), &site);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("symbolic link made by user 65534"), "{said}");
        assert_eq!(fs::read_to_string(&secret).unwrap(), "precious");
        fs::remove_file(link).unwrap();
    }
}

/// A crawl needs no reader for log lines and for the text at the end, and says when pages cannot be written.
#[test]
fn streams_that_are_full() {
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let site = Site::start();
    let mut talking = crawl(&["--log", "debug", &site.url("/")]);
    let status = talking.stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let mut writing = crawl(&["--quiet", "--jsonl", "-", &site.url("/")]);
    let output = writing.stdout(full()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("No space left"), "{said}");
}
