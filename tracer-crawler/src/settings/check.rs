//! Checks that concern more than the type of a value: ranges, and settings that depend on each other.

use super::{Listen, Settings};

/// Setting with a value that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct Fault {
    /// Key of the setting.
    pub key: &'static str,
    /// Description of the fault and of a valid value.
    pub problem: String,
}

fn fault(key: &'static str, problem: impl Into<String>) -> Result<(), Fault> {
    Err(Fault {
        key,
        problem: problem.into(),
    })
}

impl Settings {
    /// Checks everything that the types do not, and returns the first fault.
    pub fn check(&self) -> Result<(), Fault> {
        self.check_counts()?;
        self.check_times()?;
        self.check_sizes()?;
        self.check_wire()?;
        self.check_servers()?;
        self.check_output()
    }

    fn check_counts(&self) -> Result<(), Fault> {
        let counts = [
            ("limits.concurrency", self.limits.concurrency, 1, 100_000),
            ("limits.per_host", self.limits.per_host, 1, 10_000),
            ("limits.burst", self.limits.burst, 1, 100_000),
            ("adaptive.min_workers", self.adaptive.min_workers, 1, 4096),
            (
                "scope.max_path_segments",
                self.scope.max_path_segments,
                1,
                10_000,
            ),
            ("http.http2_streams", self.http.http2_streams, 1, 10_000),
            ("http.redirects", self.http.redirects, 0, 100),
            ("retry.attempts", self.retry.attempts, 0, 100),
            ("parse.max_links", self.parse.max_links, 1, 10_000_000),
            ("cpu.threads", self.cpu.threads.unwrap_or(1), 1, 4096),
            (
                "hooks.exec_concurrency",
                self.hooks.exec_concurrency,
                1,
                1024,
            ),
            ("render.browsers", self.render.browsers, 1, 64),
            ("render.tabs", self.render.tabs, 1, 64),
            (
                "render.pages_per_browser",
                self.render.pages_per_browser,
                1,
                1_000_000,
            ),
            ("dns.max_entries", self.dns.max_entries, 1, 100_000_000),
            ("dns.prewarm", self.dns.prewarm, 0, 100_000),
        ];
        for (key, value, least, most) in counts {
            if !(least..=most).contains(&value) {
                return fault(key, format!("{value} is not within {least} to {most}"));
            }
        }
        if self
            .adaptive
            .max_workers
            .is_some_and(|most| most < self.adaptive.min_workers)
        {
            return fault("adaptive.max_workers", "is less than adaptive.min_workers");
        }
        match self
            .retry
            .statuses
            .iter()
            .find(|code| !(400..600).contains(*code))
        {
            Some(code) => fault("retry.statuses", format!("{code} is not within 400 to 599")),
            None => Ok(()),
        }
    }

    fn check_times(&self) -> Result<(), Fault> {
        let times = [
            ("timeouts.connect", self.timeouts.connect),
            ("timeouts.tls", self.timeouts.tls),
            ("timeouts.request", self.timeouts.request),
            ("timeouts.task", self.timeouts.task),
            ("politeness.robots_timeout", self.politeness.robots_timeout),
            ("dns.timeout", self.dns.timeout),
            ("state.snapshot_interval", self.state.snapshot_interval),
            ("hooks.exec_timeout", self.hooks.exec_timeout),
            ("render.timeout", self.render.timeout),
        ];
        match times.iter().find(|(_, time)| time.is_zero()) {
            Some((key, _)) => fault(
                key,
                "0 would let nothing happen; give a time, as in \"10s\"",
            ),
            None => Ok(()),
        }
    }

    fn check_sizes(&self) -> Result<(), Fault> {
        let sizes = [
            ("scope.max_url_bytes", self.scope.max_url_bytes, 64),
            ("body.max_wire", self.body.max_wire, 1),
            ("body.max_decoded", self.body.max_decoded, 1),
            ("body.max_header", self.body.max_header, 8 << 10),
            ("parse.max_memory", self.parse.max_memory, 64 << 10),
            ("state.frontier_memory", self.state.frontier_memory, 1 << 20),
            ("cache.max_size", self.cache.max_size, 1 << 20),
            ("render.max_memory", self.render.max_memory, 128 << 20),
            ("output.warc_max_size", self.output.warc_max_size, 1 << 20),
        ];
        match sizes.iter().find(|(_, size, least)| size.bytes() < *least) {
            Some((key, size, least)) => fault(
                key,
                format!("{} bytes are too few; {least} at least", size.bytes()),
            ),
            None => Ok(()),
        }
    }

    fn check_wire(&self) -> Result<(), Fault> {
        if let Some(url) = &self.proxy.url {
            check_proxy(url)?;
        }
        for line in &self.headers.extra {
            check_header("headers.extra", line)?;
        }
        let values = [
            ("headers.user_agent", &self.headers.user_agent),
            ("headers.contact", &self.headers.contact),
            ("headers.accept_language", &self.headers.accept_language),
        ];
        for (key, value) in values {
            if value
                .as_deref()
                .is_some_and(|value| value.is_empty() || !value.is_ascii())
            {
                return fault(key, "expected visible ASCII text");
            }
        }
        Ok(())
    }

    fn check_servers(&self) -> Result<(), Fault> {
        match &self.control.address {
            Some(Listen::Tcp(address)) if !address.ip().is_loopback() => fault(
                "control.address",
                format!("{address} is not on loopback; use 127.0.0.1:PORT or unix:/path"),
            ),
            _ => Ok(()),
        }
    }

    fn check_output(&self) -> Result<(), Fault> {
        if self.render.enabled && !cfg!(feature = "render") {
            return fault(
                "render.enabled",
                "this build has no browser: it was made without the feature `render`",
            );
        }
        if self.log.filter.is_empty() {
            return fault("log.filter", "expected a level, as in warn");
        }
        Ok(())
    }
}

fn check_proxy(text: &str) -> Result<(), Fault> {
    const KEY: &str = "proxy.url";
    let url = url::Url::parse(text).map_err(|e| Fault {
        key: KEY,
        problem: format!("not a URL ({e}), expected http://HOST:PORT or socks5://HOST:PORT"),
    })?;
    if !matches!(url.scheme(), "http" | "socks5" | "socks5h")
        || url.host_str().is_none_or(str::is_empty)
    {
        return fault(KEY, "expected http://HOST:PORT or socks5://HOST:PORT");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return fault(
            KEY,
            "holds a user name or password; put USER:PASSWORD into a file and name it in proxy.credentials_file",
        );
    }
    Ok(())
}

/// Checks that a line `Name: value` is a valid header.
pub(crate) fn check_header(key: &'static str, line: &str) -> Result<(), Fault> {
    let valid = line.split_once(':').is_some_and(|(name, value)| {
        hyper::header::HeaderName::from_bytes(name.trim().as_bytes()).is_ok()
            && hyper::header::HeaderValue::from_str(value.trim()).is_ok()
    });
    if valid {
        return Ok(());
    }
    let name = line.split(':').next().unwrap_or_default().trim();
    fault(
        key,
        format!(
            "`{}` does not begin a header line; expected `Name: value`",
            name.escape_debug()
        ),
    )
}
