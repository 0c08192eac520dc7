//! `tracer attach` at random moments in the life of clients that begin anew all the time: no failed request that was
//! none, and never a request more than the server's log has in that time.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
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
/// More rounds or pages than a client gets to: it ends when its site has gone.
const MANY: u32 = 1_000_000;
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
        let command = format!("{variables}{} >/dev/null 2>&1 &\n", client.line());
        Ok(Self {
            name,
            site,
            command,
        })
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

/// Attaches for a moment to all clients, which are the children of `parent`, and compares each with its site.
fn check_moment(visitors: &[Visitor], parent: u32, time: Duration, case: String) -> Result<()> {
    let duration = format!("{}ms", time.as_millis());
    let attached = Attached::start(&["--pid", &parent.to_string(), "--duration", &duration])?;
    let traced = attached.finish()?;
    let window = &traced.export.window;
    let from_s = seconds(&window.started_at)? - EDGE_S;
    let to_s = seconds(&window.ended_at)? + EDGE_S;
    let mut differences = Differences::of(case);
    traced.export.compare_losses(&mut differences);
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
    }
    differences.finish(|| format!("{}\nhosts: {}", traced.story(), shown(&traced.export.hosts)))
}

/// Starts the clients and attaches to all of them at once, at ten moments.
fn check(clients: &[(&'static str, Option<&'static str>, [u32; 2])]) -> Result<()> {
    let certificate = Certificate::small()?;
    let pages = Threaded::start(thinking(THINK, |_request| "page\n".into()))?;
    let visitors: Vec<Visitor> = clients
        .iter()
        .map(|(name, protocols, pace)| {
            Visitor::new(name, *protocols, *pace, pages.port(), &certificate)
        })
        .collect::<Result<_>>()?;
    let commands: String = visitors.iter().map(|visitor| &*visitor.command).collect();
    let shell = Process::start(Command::new("sh").args(["-c", &format!("{commands}wait")]))?;
    for visitor in &visitors {
        wait_for(visitor.name, PATIENCE, || {
            Ok((visitor.site.logged()? > 2).then_some(()))
        })
        .context("its first pages")?;
    }
    let mut random = Random::new()?;
    for moment in 0..MOMENTS {
        sleep(random.up_to(Duration::from_millis(300)));
        let time = Duration::from_millis(100) + random.up_to(Duration::from_millis(500));
        check_moment(
            &visitors,
            shell.id(),
            time,
            format!("moment {moment}, for {time:?}"),
        )?;
    }
    // Without their sites the clients fail and end.
    drop(visitors);
    shell.finish().map(drop)
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
fn clients_of_http_2() -> Result<()> {
    check(&[
        ("Go default, HTTP/2", Some("TLSv1.3"), [MANY, FEW]),
        ("curl, HTTP/2", Some("TLSv1.2"), [MANY, FEW]),
    ])
}
