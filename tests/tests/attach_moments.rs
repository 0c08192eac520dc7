//! `tracer attach` at random moments in the life of clients that begin anew all the time: no failed request that was
//! none, and never a request more than the server's log has in that time.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracer_tests::certificate::Certificate;
use tracer_tests::check::Differences;
use tracer_tests::export::{Export, shown};
use tracer_tests::matrix::visitor;
use tracer_tests::process::{PATIENCE, Process, wait_for};
use tracer_tests::server::{Nginx, NginxOptions, Threaded, thinking};
use tracer_tests::tracer::Attached;

const MOMENTS: u32 = 10;
/// Time that the sites take for a page.
const THINK: Duration = Duration::from_millis(20);
/// Greatest difference between the clocks of the site's log and of the window of a trace.
const EDGE_S: f64 = 0.01;
/// More rounds or pages than a client gets to.
const MANY: u32 = 1_000_000;
/// Scripts of a page: loading them takes longer than starting the browser.
const SCRIPTS: u32 = 400;
/// Pages on a connection, where the client begins anew by itself.
const FEW: u32 = 5;

/// A client, with the site that it alone visits.
struct Visitor {
    name: &'static str,
    site: Nginx,
    command: String,
}

impl Visitor {
    fn new(
        name: &'static str,
        protocols: Option<&'static str>,
        [rounds, pages]: [u32; 2],
        pages_port: u16,
        certificate: &Certificate,
    ) -> Result<Self> {
        let options = NginxOptions {
            protocols,
            http2: name.contains("HTTP/2"),
            keepalive_requests: FEW + 2,
            upstream: Some(pages_port),
            ..NginxOptions::default()
        };
        let site = Nginx::start(options, certificate)?;
        let scheme = if protocols.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}/", site.port);
        let client = visitor(name, &url, rounds, pages, certificate.path())?;
        let variables = client.environment.iter();
        let variables: String = variables
            .map(|(key, value)| format!("{key}='{}' ", value.to_string_lossy()))
            .collect();
        let visit = format!("{variables}{} >/dev/null 2>&1", client.line());
        // A client that ends after few pages begins anew, as long as its site is there.
        let command = format!("while {visit}; do :; done &\n");
        Ok(Self {
            name,
            site,
            command,
        })
    }
}

/// A shell with all clients in its process group, which end with it.
struct Family(Process);

impl Family {
    fn start(visitors: &[Visitor]) -> Result<Self> {
        let commands: String = visitors.iter().map(|visitor| &*visitor.command).collect();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("{commands}wait")])
            .process_group(0);
        Ok(Self(Process::start(&mut shell)?))
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        let _ = killpg(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGKILL);
    }
}

/// Numbers of a generator (xorshift); its seed is printed.
struct Random(u64);

impl Random {
    fn new() -> Result<Self> {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as u64 | 1;
        println!("seed {seed}");
        Ok(Self(seed))
    }

    fn up_to(&mut self, limit: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        limit.mul_f64((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// Requests counted, in flight and failed on connections to a port.
fn requests(export: &Export, port: u16) -> [u64; 3] {
    let hosts = export.hosts.iter().filter(|host| host.port == port);
    hosts.fold([0; 3], |sums, host| {
        let requests = &host.group.requests;
        let counts = [requests.count, requests.in_flight_now, requests.failed];
        std::array::from_fn(|place| sums[place] + counts[place].unwrap_or_default())
    })
}

/// Time of an export in seconds since 1970.
fn seconds(time: &str) -> Result<f64> {
    let time = OffsetDateTime::parse(time, &Rfc3339)?;
    Ok(time.unix_timestamp_nanos() as f64 / 1e9)
}

/// Attaches for a moment to all clients, which are the children of `parent`, and compares each with its site. Gives the number
/// of requests of each.
fn check_moment(
    visitors: &[Visitor],
    parent: u32,
    time: Duration,
    case: String,
) -> Result<Vec<u64>> {
    let duration = format!("{}ms", time.as_millis());
    let attached = Attached::start(&["--pid", &parent.to_string(), "--duration", &duration])?;
    let traced = attached.finish()?;
    let window = &traced.export.window;
    let from_s = seconds(&window.started_at)? - EDGE_S;
    let to_s = seconds(&window.ended_at)? + EDGE_S;
    let mut differences = Differences::of(case);
    traced.export.compare_losses(&mut differences);
    let mut counts = Vec::new();
    for visitor in visitors {
        let [count, in_flight, failed] = requests(&traced.export, visitor.site.port);
        let of_site = visitor.site.logged_between(from_s, to_s)?;
        let name = visitor.name;
        let most = of_site + in_flight;
        println!("{name}: {count} requests, {in_flight} in flight, the site has {of_site}");
        differences.equal(&format!("{name}: failed requests"), failed, 0);
        differences.holds(
            &format!("{name}: {count} requests are {most} or less"),
            count <= most,
        );
        counts.push(count);
    }
    differences.finish(|| format!("{}\nhosts: {}", traced.story(), shown(&traced.export.hosts)))?;
    Ok(counts)
}

/// Starts the clients and attaches to all of them at once, at ten moments.
fn check(clients: &[(&'static str, Option<&'static str>, [u32; 2])]) -> Result<()> {
    let certificate = Certificate::small()?;
    let pages = Threaded::start(thinking(THINK, page))?;
    let visitors: Vec<Visitor> = clients
        .iter()
        .map(|(name, protocols, pace)| {
            Visitor::new(name, *protocols, *pace, pages.port(), &certificate)
        })
        .collect::<Result<_>>()?;
    let family = Family::start(&visitors)?;
    for visitor in &visitors {
        wait_for(visitor.name, PATIENCE, || {
            Ok((visitor.site.logged()? > 2).then_some(()))
        })
        .context("its first pages")?;
    }
    let mut random = Random::new()?;
    let mut seen = vec![0; visitors.len()];
    for moment in 0..MOMENTS {
        sleep(random.up_to(Duration::from_millis(300)));
        let time = Duration::from_millis(100) + random.up_to(Duration::from_millis(500));
        let counts = check_moment(
            &visitors,
            family.0.id(),
            time,
            format!("moment {moment}, for {time:?}"),
        )?;
        seen.iter_mut()
            .zip(counts)
            .for_each(|(sum, count)| *sum += count);
    }
    for (visitor, count) in visitors.iter().zip(seen) {
        let name = visitor.name;
        ensure!(
            name.contains("HTTP/2") || count != 0,
            "{name}: no request seen"
        );
    }
    Ok(())
}

/// Page of the sites; the one that the browser opens has scripts.
fn page(request: &[u8]) -> String {
    if !request.starts_with(b"GET /pages ") {
        return "// a page\n".into();
    }
    let scripts = (0..SCRIPTS).map(|number| format!("<script src=\"/{number}.js\"></script>"));
    format!(
        "<link rel=\"icon\" href=\"data:,\">{}",
        scripts.collect::<String>()
    )
}

#[test]
fn clients_of_http_1() -> Result<()> {
    check(&[
        ("curl", None, [MANY, FEW]),
        ("requests", Some("TLSv1.3"), [MANY, FEW]),
        ("Node fetch", Some("TLSv1.3"), [2, MANY]),
        ("JDK", Some("TLSv1.2"), [MANY, FEW]),
    ])
}

#[test]
fn more_clients_of_http_1() -> Result<()> {
    check(&[
        ("wget", Some("TLSv1.3"), [MANY, FEW]),
        ("wget2", Some("TLSv1.2"), [MANY, FEW]),
        ("Go tuned", Some("TLSv1.3"), [MANY, FEW]),
        ("aiohttp", Some("TLSv1.3"), [MANY, FEW]),
        ("httpx", Some("TLSv1.2"), [MANY, FEW]),
    ])
}

#[test]
fn most_clients_of_http_1() -> Result<()> {
    check(&[
        ("Scrapy", Some("TLSv1.3"), [2, 500]),
        ("undici", Some("TLSv1.3"), [2, MANY]),
        ("reqwest", Some("TLSv1.3"), [MANY, FEW]),
        ("curl_cffi", Some("TLSv1.3"), [MANY, FEW]),
        ("Chromium", Some("TLSv1.3"), [1, FEW]),
    ])
}

#[test]
fn clients_of_http_2() -> Result<()> {
    check(&[
        ("Go default, HTTP/2", Some("TLSv1.3"), [MANY, FEW]),
        ("curl, HTTP/2", Some("TLSv1.2"), [MANY, FEW]),
        ("httpx, HTTP/2", Some("TLSv1.3"), [MANY, FEW]),
        ("JDK, HTTP/2", Some("TLSv1.3"), [MANY, FEW]),
    ])
}
