//! Our own look-ups with a cache that keeps what the TTL says, negative answers too (RFC 2308), and asks once for many who wait.

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

use super::{Answer, Family, System};
use crate::outcome::NoAddress;

/// How names are looked up and how long answers count.
#[derive(Debug, Clone)]
pub struct CachedOptions {
    /// Servers to ask; those of /etc/resolv.conf when empty.
    pub servers: Vec<SocketAddr>,
    /// Addresses used.
    pub family: Family,
    /// Time for one look-up, all attempts included.
    pub timeout: Duration,
    /// Names remembered.
    pub max_entries: usize,
    /// An answer counts no longer than this.
    pub max_ttl: Duration,
    /// A negative answer counts no longer than this.
    pub max_negative_ttl: Duration,
    /// Names looked up ahead at once.
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

/// [`Cached::figures`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct CacheFigures {
    /// Answered from the cache with addresses.
    pub hits: u64,
    /// Answered from the cache: there are none.
    pub negative_hits: u64,
    /// Asked of a server.
    pub lookups: u64,
    /// Waited for a look-up that another had begun.
    pub joined: u64,
    /// Asked of the C library, because no server gave an answer.
    pub fallbacks: u64,
}

#[derive(Debug)]
enum Entry {
    Known { answer: Answer, until: Instant },
    Asked(watch::Receiver<Option<Answer>>),
}

/// Look-ups with a cache. Clones of its `Arc` share it.
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
    Known(Answer),
    Wait(watch::Receiver<Option<Answer>>),
    Ask(
        watch::Sender<Option<Answer>>,
        watch::Receiver<Option<Answer>>,
    ),
}

impl Cached {
    /// Reads /etc/resolv.conf unless servers are given. Needs a tokio runtime.
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

    /// Addresses of `name`: remembered, or asked for once by all who want them.
    pub async fn resolve(self: &Arc<Self>, name: &str) -> Answer {
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

    /// Begins a look-up if the name is unknown and few are under way.
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
                // Only the permit's life matters here.
                drop(receiver.wait_for(Option::is_some).await);
                drop(permit);
            });
        }
    }

    /// Events so far.
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
            // A receiver whose sender is gone without an answer is of a runtime that ended.
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

    /// In a task of its own: he who asked first may leave while others wait.
    fn ask(self: &Arc<Self>, name: Box<str>, sender: watch::Sender<Option<Answer>>) {
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

    async fn look_up(&self, name: &str) -> (Answer, Duration) {
        self.counts.lookups.fetch_add(1, Ordering::Relaxed);
        // The final dot keeps search domains out: a URL's host is absolute.
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

    /// Asks the C library, which knows ways that we do not (mDNS, a resolver in a container). With servers of one's own choice there is no other way.
    async fn fall_back(&self, name: &str, failed: NoAddress) -> (Answer, Duration) {
        // Not remembered: another try may do better.
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

/// The C library tells no TTL.
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
    // One cache, ours: it also joins those who ask at once.
    inner.cache_size = 0;
    inner.attempts = 2;
    inner.timeout = options.timeout / 2;
}

/// What a server's "no" says, and for how long (RFC 2308 section 5: the SOA's minimum; without an SOA not at all).
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

/// Forgets what has run out; when that is not enough, half of what is known.
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
#[path = "cached_tests.rs"]
mod tests;
