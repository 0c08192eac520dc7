//! Resolver with a cache that follows the TTL, caches negative answers too (RFC 2308), and sends one query for all
//! requests that wait for the same name.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::{Addresses, Family, System};
use crate::outcome::NoAddress;

/// Options for look-ups and their cache.
#[derive(Debug, Clone)]
pub struct CachedOptions {
    /// Servers to ask; if empty, those of /etc/resolv.conf.
    pub servers: Vec<SocketAddr>,
    /// Address families used.
    pub family: Family,
    /// Timeout of one look-up, including all attempts.
    pub timeout: Duration,
    /// Limit of cached names.
    pub max_entries: usize,
    /// Limit of the time that an answer is cached.
    pub max_ttl: Duration,
    /// Limit of the time that a negative answer is cached.
    pub max_negative_ttl: Duration,
    /// Limit of names looked up ahead at the same time.
    pub prewarm: usize,
}

impl Default for CachedOptions {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            family: Family::Both,
            timeout: Duration::from_secs(5),
            max_entries: 100_000,
            max_ttl: Duration::from_secs(86_400),
            max_negative_ttl: Duration::from_secs(60),
            prewarm: 64,
        }
    }
}

/// The configuration of the resolver does not work.
#[derive(Debug, thiserror::Error)]
#[error("resolver: {0}; give servers with `--dns`, or use `--dns-mode system`")]
pub struct ResolverError(String);

#[derive(Debug, Default)]
struct Counts {
    hits: AtomicU64,
    negative_hits: AtomicU64,
    lookups: AtomicU64,
    joined: AtomicU64,
    fallbacks: AtomicU64,
}

/// Counts of the cache's events, returned by [`Cached::figures`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct CacheFigures {
    /// Look-ups answered from the cache with addresses.
    pub hits: u64,
    /// Look-ups answered from the cache with a negative answer.
    pub negative_hits: u64,
    /// Look-ups for which a server was asked.
    pub lookups: u64,
    /// Look-ups that waited for one already under way.
    pub joined: u64,
    /// Look-ups passed to the C library because no server answered.
    pub fallbacks: u64,
}

#[derive(Debug)]
enum Entry {
    Known { answer: Addresses, until: Instant },
    Asked(watch::Receiver<Option<Addresses>>),
}

/// Resolver with a cache, shared by all clones of its `Arc`.
#[derive(Debug)]
pub struct Cached {
    inner: TokioResolver,
    fallback: System,
    options: CachedOptions,
    entries: Mutex<HashMap<Box<str>, Entry>>,
    ahead: Arc<Semaphore>,
    counts: Counts,
}

enum Found {
    Known(Addresses),
    Wait(watch::Receiver<Option<Addresses>>),
    Ask(
        watch::Sender<Option<Addresses>>,
        watch::Receiver<Option<Addresses>>,
    ),
}

impl Cached {
    /// Makes a resolver. Reads /etc/resolv.conf unless servers are given. Needs a tokio runtime.
    pub fn new(options: CachedOptions) -> Result<Arc<Self>, ResolverError> {
        let inner = build(&options).map_err(|error| ResolverError(error.to_string()))?;
        Ok(Arc::new(Self {
            inner,
            fallback: System {
                family: options.family,
                timeout: options.timeout,
            },
            entries: Mutex::default(),
            ahead: Arc::new(Semaphore::new(options.prewarm.max(1))),
            counts: Counts::default(),
            options,
        }))
    }

    /// Addresses of `name`, from the cache or by a look-up that all waiting callers share.
    pub async fn resolve(self: &Arc<Self>, name: &str) -> Addresses {
        let mut receiver = match self.find(name) {
            Found::Known(answer) => return answer,
            Found::Wait(receiver) => {
                self.counts.joined.fetch_add(1, Ordering::Relaxed);
                receiver
            }
            Found::Ask(sender, receiver) => {
                self.ask(name.into(), sender);
                receiver
            }
        };
        match receiver.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or(Err(NoAddress::Timeout)),
            // The task that asked was ended with its runtime.
            Err(_) => Err(NoAddress::Timeout),
        }
    }

    /// Starts a look-up if the name is not cached and few look-ups ahead are under way.
    pub fn prewarm(self: &Arc<Self>, name: &str) {
        let Ok(permit) = Arc::clone(&self.ahead).try_acquire_owned() else {
            return;
        };
        if name.parse::<IpAddr>().is_ok() || name.starts_with('[') {
            return;
        }
        if let Found::Ask(sender, mut receiver) = self.find(name) {
            self.ask(name.into(), sender);
            tokio::spawn(async move {
                // The permit is held until the look-up has ended.
                drop(receiver.wait_for(Option::is_some).await);
                drop(permit);
            });
        }
    }

    /// Counts of events so far.
    pub fn figures(&self) -> CacheFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheFigures {
            hits: read(&self.counts.hits),
            negative_hits: read(&self.counts.negative_hits),
            lookups: read(&self.counts.lookups),
            joined: read(&self.counts.joined),
            fallbacks: read(&self.counts.fallbacks),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &str) -> Found {
        let now = Instant::now();
        let mut entries = self.lock();
        match entries.get(name) {
            Some(Entry::Known { answer, until }) if *until > now => {
                let counter = match answer {
                    Ok(_) => &self.counts.hits,
                    Err(_) => &self.counts.negative_hits,
                };
                counter.fetch_add(1, Ordering::Relaxed);
                return Found::Known(answer.clone());
            }
            // If the sender is gone without an answer, its runtime has ended.
            Some(Entry::Asked(receiver)) if receiver.has_changed().is_ok() => {
                return Found::Wait(receiver.clone());
            }
            _ => {}
        }
        if entries.len() >= self.options.max_entries {
            make_room(&mut entries, now);
        }
        let (sender, receiver) = watch::channel(None);
        entries.insert(name.into(), Entry::Asked(receiver.clone()));
        Found::Ask(sender, receiver)
    }

    /// Starts a look-up in a task of its own, because the caller that started it may give up while others wait.
    fn ask(self: &Arc<Self>, name: Box<str>, sender: watch::Sender<Option<Addresses>>) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let (answer, ttl) = this.look_up(&name).await;
            let until = Instant::now() + ttl;
            let known = Entry::Known {
                answer: answer.clone(),
                until,
            };
            this.lock().insert(name, known);
            sender.send_replace(Some(answer));
        });
    }

    async fn look_up(&self, name: &str) -> (Addresses, Duration) {
        self.counts.lookups.fetch_add(1, Ordering::Relaxed);
        // The final dot prevents the use of search domains: a URL's host is absolute.
        let absolute = format!("{}.", name.trim_end_matches('.'));
        let lookup = tokio::time::timeout(self.options.timeout, self.inner.lookup_ip(absolute));
        let failed = match lookup.await {
            Ok(Ok(found)) => {
                let ttl = found
                    .valid_until()
                    .saturating_duration_since(std::time::Instant::now());
                let addresses: Vec<_> = found
                    .iter()
                    .filter(|address| self.options.family.holds(*address))
                    .collect();
                if addresses.is_empty() {
                    return (Err(NoAddress::NoRecord), self.options.max_negative_ttl);
                }
                return (Ok(addresses.into()), ttl.min(self.options.max_ttl));
            }
            Ok(Err(error)) => match negative(&error) {
                Some((reason, ttl)) => {
                    return (Err(reason), ttl.min(self.options.max_negative_ttl));
                }
                None => reason(&error),
            },
            Err(_) => NoAddress::Timeout,
        };
        self.fall_back(name, failed).await
    }

    /// Asks the C library, which knows ways that this resolver does not (mDNS, a resolver in a container). If servers
    /// were configured, only those are used.
    async fn fall_back(&self, name: &str, failed: NoAddress) -> (Addresses, Duration) {
        // The failure is not cached, because another try may succeed.
        if !self.options.servers.is_empty() {
            return (Err(failed), Duration::ZERO);
        }
        self.counts.fallbacks.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(name, ?failed, "name servers failed, asking the C library");
        match self.fallback.resolve(name).await {
            Ok(addresses) => (Ok(addresses), FALLBACK_TTL),
            Err(_) => (Err(failed), Duration::ZERO),
        }
    }
}

/// TTL of answers from the C library, which does not report one.
const FALLBACK_TTL: Duration = Duration::from_secs(30);

fn build(options: &CachedOptions) -> Result<TokioResolver, NetError> {
    let provider = TokioRuntimeProvider::default();
    let mut builder = if options.servers.is_empty() {
        TokioResolver::builder(provider)?
    } else {
        TokioResolver::builder_with_config(config(&options.servers), provider)
    };
    configure(builder.options_mut(), options);
    builder.build()
}

fn config(servers: &[SocketAddr]) -> ResolverConfig {
    let servers = servers.iter().map(|server| {
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        for connection in &mut connections {
            connection.port = server.port();
        }
        NameServerConfig::new(server.ip(), true, connections)
    });
    ResolverConfig::from_name_servers(servers.collect())
}

fn configure(inner: &mut ResolverOpts, options: &CachedOptions) {
    inner.ip_strategy = match options.family {
        Family::Both => LookupIpStrategy::Ipv4AndIpv6,
        Family::V4 => LookupIpStrategy::Ipv4Only,
        Family::V6 => LookupIpStrategy::Ipv6Only,
    };
    // The inner cache is off because [`Cached`] has one, which also joins concurrent look-ups.
    inner.cache_size = 0;
    inner.attempts = 2;
    inner.timeout = options.timeout / 2;
}

/// Reason and TTL of a negative answer (RFC 2308 section 5: the minimum of the SOA; without an SOA it is not cached).
fn negative(error: &NetError) -> Option<(NoAddress, Duration)> {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else {
        return None;
    };
    let ttl = Duration::from_secs(none.negative_ttl.unwrap_or(0).into());
    if error.is_nx_domain() {
        return Some((NoAddress::NotFound, ttl));
    }
    let no_error = u16::from(none.response_code) == 0;
    no_error.then_some((NoAddress::NoRecord, ttl))
}

fn reason(error: &NetError) -> NoAddress {
    match error {
        NetError::Timeout => NoAddress::Timeout,
        NetError::Dns(_) => NoAddress::Server,
        other => NoAddress::Other(other.to_string().into()),
    }
}

/// Removes expired entries; if these are fewer than half, removes about half of the others.
fn make_room(entries: &mut HashMap<Box<str>, Entry>, now: Instant) {
    let before = entries.len();
    entries.retain(|_, entry| match entry {
        Entry::Known { until, .. } => *until > now,
        Entry::Asked(_) => true,
    });
    if entries.len() > before / 2 {
        let mut drop_this = false;
        entries.retain(|_, entry| {
            drop_this = !drop_this;
            matches!(entry, Entry::Asked(_)) || drop_this
        });
    }
}

#[cfg(test)]
mod tests;
