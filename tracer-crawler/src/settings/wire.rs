//! Settings for fetching pages: HTTP, connections, DNS, TLS, proxy, times, retries, sizes.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::{
    quantity::ByteSize,
    table::group,
    word::{AddressFamily, DnsMode, ReferrerPolicy, TlsVersion},
};

group! {
    /// Settings for HTTP.
    Http in "http", "HTTP" {
        /// Offer HTTP/2 in TLS handshakes.
        http2: bool = false, "http2", restart;
        /// Requests under way at once on one HTTP/2 connection. A server that allows fewer gets fewer.
        http2_streams: u32 = 100, "http2-streams", restart;
        /// Ask for compressed answers (gzip, br, deflate, zstd).
        compression: bool = false => true, "compression", restart;
        /// Redirects followed from one URL.
        redirects: u32 = 10, "redirects", live;
        /// Keep cookies, per registered name, in memory.
        cookies: bool = false, "cookies", restart;
    }
}

group! {
    /// Settings for connections that are kept for the next request.
    Pool in "pool", "Connections" {
        /// Idle connections kept to one host.
        idle_per_host: u32 = 2 => 100, "idle-per-host", restart;
        /// Idle connections kept in all.
        idle_total: u32 = 100 => 10_000, "idle-total", restart;
        /// Idle time after which a connection is closed.
        idle_timeout: Duration = Duration::from_secs(90) => Duration::from_secs(30), "idle-timeout", restart;
        /// Age at which a connection is not used again.
        max_age: Option<Duration> = None, "max-connection-age", restart;
        /// Requests after which a connection is not used again.
        max_requests: Option<u64> = None, "max-connection-requests", restart;
        /// Head start of the first address before the next one is tried as well (RFC 8305).
        happy_eyeballs: Duration = Duration::from_millis(250), "happy-eyeballs", restart;
        /// Send small segments at once (TCP_NODELAY).
        nodelay: bool = true, "nodelay", restart;
        /// Local address of connections.
        local_address: Option<IpAddr> = None, "local-address", restart;
    }
}

group! {
    /// Settings for name look-ups.
    Dns in "dns", "DNS" {
        /// Resolver of names: the C library once a connection, or an own one with a cache.
        mode: DnsMode = DnsMode::System => DnsMode::Cached, "dns-mode", restart;
        /// Name servers to ask instead of those of /etc/resolv.conf; means `cached`.
        servers: Vec<SocketAddr> = Vec::new(), "dns", restart;
        /// Addresses used.
        family: AddressFamily = AddressFamily::Both, "address-family", restart;
        /// Time for one lookup, all attempts included.
        timeout: Duration = Duration::from_secs(5), "dns-timeout", restart;
        /// Hosts of the frontier whose names are looked up ahead.
        prewarm: u32 = 0 => 64, "dns-prewarm", restart;
        /// Names in the cache at most.
        max_entries: u32 = 100_000, "dns-cache-entries", restart;
        /// An answer counts for no longer than this, whatever its TTL.
        max_ttl: Duration = Duration::from_secs(86_400), "dns-max-ttl", restart;
        /// A negative answer counts for no longer than this, whatever its TTL.
        max_negative_ttl: Duration = Duration::from_secs(60), "dns-max-negative-ttl", restart;
    }
}

group! {
    /// Settings for encryption.
    Tls in "tls", "TLS" {
        /// Resume sessions.
        resumption: bool = false => true, "tls-resumption", restart;
        /// Sessions remembered.
        sessions: u32 = 256 => 10_000, "tls-sessions", restart;
        /// File with certificates (PEM) to trust besides the built-in ones.
        ca_file: Option<PathBuf> = None, "ca-file", restart;
        /// Accept any certificate. Only for tests.
        insecure: bool = false, "insecure", restart;
        /// Oldest version spoken.
        min_version: TlsVersion = TlsVersion::Tls12, "tls-min-version", restart;
    }
}

group! {
    /// Settings for proxies.
    Proxy in "proxy", "Proxy" {
        /// `http://HOST:PORT` (CONNECT for https, absolute form for http) or `socks5://HOST:PORT`.
        url: Option<String> = None, "proxy", restart;
        /// File with `USER:PASSWORD` for the proxy; the environment variable TRACER_CRAWL_PROXY_CREDENTIALS does it too.
        credentials_file: Option<PathBuf> = None, "proxy-credentials-file", restart;
        /// Hosts reached without it, with * and ?.
        bypass: Vec<String> = Vec::new(), "no-proxy", restart;
    }
}

group! {
    /// Settings for timeouts, which are independent of each other.
    Timeouts in "timeouts", "Times" {
        /// TCP connect.
        connect: Duration = Duration::from_secs(10) => Duration::from_secs(5), "connect-timeout", live;
        /// TLS handshake.
        tls: Duration = Duration::from_secs(10) => Duration::from_secs(5), "tls-timeout", live;
        /// Time for a request, from its first byte to the last of its answer.
        request: Duration = Duration::from_secs(30) => Duration::from_secs(15), "request-timeout", live;
        /// Time for a URL with all its retries and redirects; no retry sets it back.
        task: Duration = Duration::from_secs(120), "task-timeout", live;
        /// Time for requests under way to end, once the crawl has been told to stop.
        shutdown: Duration = Duration::from_secs(10), "shutdown-timeout", live;
    }
}

group! {
    /// Settings for retries.
    Retry in "retry", "Retries" {
        /// Tries after the first one, for failures that pass.
        attempts: u32 = 2, "retries", live;
        /// Wait before the first of them; doubles each time, with jitter.
        backoff: Duration = Duration::from_millis(500), "retry-backoff", live;
        /// Longest such wait.
        max_backoff: Duration = Duration::from_secs(30), "retry-max-backoff", live;
        /// Longest pause of a host by its Retry-After; with a longer one the page counts as failed, and its host pauses for this long.
        max_retry_after: Duration = Duration::from_secs(120), "max-retry-after", live;
        /// Status codes that pass.
        statuses: Vec<u16> = vec![408, 429, 500, 502, 503, 504, 522, 524], "retry-status", live;
    }
}

group! {
    /// Settings for limits on the size of a page.
    Body in "body", "Sizes" {
        /// Bytes read from the wire.
        max_wire: ByteSize = ByteSize::mib(10), "max-body", live;
        /// Bytes after decompression; a bomb is cut here.
        max_decoded: ByteSize = ByteSize::mib(40), "max-decoded", live;
        /// Bytes of an answer's header.
        max_header: ByteSize = ByteSize::kib(64), "max-header", restart;
    }
}

group! {
    /// Settings for the headers of requests.
    Headers in "headers", "Headers" {
        /// User-Agent. Without it `tracer/VERSION`, with the contact when there is one.
        user_agent: Option<String> = None, "user-agent", restart;
        /// Address or URL to reach the person who crawls; part of the User-Agent.
        contact: Option<String> = None, "contact", restart;
        /// Accept-Language.
        accept_language: Option<String> = None, "accept-language", restart;
        /// Further header lines, `Name: value`. Authorization and Cookie are secret, as those of the secrets file are.
        extra: Vec<String> = Vec::new(), "header", restart;
        /// File with header lines that are secret (one a line); they go to scheme, host and port of seeds alone.
        secrets_file: Option<PathBuf> = None, "header-secrets-file", restart;
        /// File with header profiles (TOML); each host gets one and keeps it.
        profiles: Option<PathBuf> = None, "header-profiles", restart;
        /// Part of the referring page's address that goes into Referer.
        referrer_policy: ReferrerPolicy = ReferrerPolicy::NoReferrer => ReferrerPolicy::StrictOriginWhenCrossOrigin, "referrer-policy", restart;
    }
}
