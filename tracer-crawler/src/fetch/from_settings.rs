//! Derives the fetcher's options from the settings.

use tracer_text::glob::Globs;

use super::body::BodyLimits;
use super::connection::Reuse;
use super::dial::TcpOptions;
use super::options::{Dns, Options, Terms};
use super::pool::Bounds;
use super::proxy::{Credentials, Proxy, ProxyError};
use super::resolver::{CachedOptions, Family, System};
use super::tls::TlsOptions;
use crate::config::secret::Secrets;
use crate::deadline::Clocks;
use crate::settings::{AddressFamily, DnsMode, Settings, TlsVersion};

impl Options {
    /// Makes the options from the settings.
    pub fn of(settings: &Settings, secrets: &Secrets) -> Result<Self, ProxyError> {
        Ok(Self {
            dns: dns(settings),
            tcp: TcpOptions {
                head_start: settings.pool.happy_eyeballs,
                nodelay: settings.pool.nodelay,
                local: settings.pool.local_address,
            },
            tls: TlsOptions {
                sessions: if settings.tls.resumption {
                    settings.tls.sessions as usize
                } else {
                    0
                },
                ca_file: settings.tls.ca_file.clone(),
                insecure: settings.tls.insecure,
                only_1_3: settings.tls.min_version == TlsVersion::Tls13,
                http2: settings.http.http2,
            },
            pool: Bounds {
                per_host: settings.limits.per_host as usize,
                idle_per_host: settings.pool.idle_per_host as usize,
                idle_total: settings.pool.idle_total as usize,
                idle_timeout: settings.pool.idle_timeout,
            },
            reuse: Reuse {
                max_age: settings.pool.max_age,
                max_requests: settings.pool.max_requests,
            },
            proxy: proxy(settings, secrets)?,
            max_head_bytes: settings.body.max_header.as_usize(),
            admit: None,
            cookies: settings.http.cookies,
            http2_streams: settings.http.http2_streams as usize,
        })
    }
}

impl Terms {
    /// Makes the terms of a request from the current settings.
    pub fn of(settings: &Settings) -> Self {
        let times = &settings.timeouts;
        Self {
            clocks: Clocks {
                connect: times.connect,
                tls: times.tls,
                request: times.request,
                task: times.task,
            },
            body: BodyLimits {
                wire_bytes: settings.body.max_wire.bytes(),
                decoded_bytes: settings.body.max_decoded.bytes(),
            },
        }
    }
}

fn dns(settings: &Settings) -> Dns {
    let dns = &settings.dns;
    let family = match dns.family {
        AddressFamily::Both => Family::Both,
        AddressFamily::Ipv4 => Family::V4,
        AddressFamily::Ipv6 => Family::V6,
    };
    if dns.mode == DnsMode::System && dns.servers.is_empty() {
        return Dns::System(System {
            family,
            timeout: dns.timeout,
        });
    }
    Dns::Cached(CachedOptions {
        servers: dns.servers.clone(),
        family,
        timeout: dns.timeout,
        max_entries: dns.max_entries as usize,
        max_ttl: dns.max_ttl,
        max_negative_ttl: dns.max_negative_ttl,
        prewarm: dns.prewarm as usize,
    })
}

fn proxy(settings: &Settings, secrets: &Secrets) -> Result<Option<Proxy>, ProxyError> {
    let Some(url) = &settings.proxy.url else {
        return Ok(None);
    };
    let credentials = secrets.proxy_credentials.as_ref().map(|secret| {
        let (user, password) = secret
            .expose()
            .split_once(':')
            .unwrap_or((secret.expose(), ""));
        Credentials {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    });
    let mut proxy = Proxy::parse(url, credentials)?;
    proxy.bypass = Globs::new(&settings.proxy.bypass);
    Ok(Some(proxy))
}
