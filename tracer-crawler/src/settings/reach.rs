//! Settings that decide what is crawled: seeds, scope, politeness, limits, state.

use std::{path::PathBuf, time::Duration};

use super::{
    quantity::{ByteSize, PerSecond},
    table::group,
    word::{Pattern, ScopeMode, ShardShare},
};

group! {
    /// Settings for the begin and end of the crawl.
    Crawl in "crawl", "Crawl" {
        /// URLs to begin with.
        seeds: Vec<String> = Vec::new(), "", restart;
        /// File with one URL a line to begin with; `-` is standard input. Empty lines and those that begin with # are left out.
        seeds_file: Option<PathBuf> = None, "seeds", restart;
        /// Links followed from a seed at most; 0 fetches the seeds alone.
        depth: Option<u32> = None, "depth", live;
        /// Pages fetched at most.
        max_pages: Option<u64> = None, "max-pages", live;
        /// Time after which no new page is begun.
        max_time: Option<Duration> = None, "max-time", live;
    }
}

group! {
    /// Settings for the URLs that belong to the crawl, and for the URLs that count as the same.
    Scope in "scope", "Scope" {
        /// Hosts that belong to the crawl: those of the seeds, also names below them, or any.
        mode: ScopeMode = ScopeMode::Host, "scope", restart;
        /// Further hosts that belong to it, with * and ?.
        allow_hosts: Vec<String> = Vec::new(), "allow-host", restart;
        /// Hosts that do not, with * and ?; comes before all others.
        deny_hosts: Vec<String> = Vec::new(), "deny-host", restart;
        /// Only URLs that one of these expressions is found in. Seeds are always fetched.
        include: Vec<Pattern> = Vec::new(), "include", restart;
        /// No URLs that one of these expressions is found in.
        exclude: Vec<Pattern> = Vec::new(), "exclude", restart;
        /// Pages fetched from one host at most; ends traps.
        max_pages_per_host: Option<u64> = None, "max-pages-per-host", restart;
        /// Longer URLs are skipped.
        max_url_bytes: ByteSize = ByteSize::kib(2), "max-url", restart;
        /// URLs with more path segments are skipped; ends traps that grow by a directory.
        max_path_segments: u32 = 32, "max-path-segments", restart;
        /// Two URLs whose query parameters differ in order alone are the same.
        sort_query: bool = false, "sort-query", restart;
        /// Query parameters left out of URLs, with * and ?, as in `utm_*`.
        drop_query: Vec<String> = Vec::new(), "drop-query", restart;
        /// Crawl the I-th of N shares of the hosts, and no seeds of others; machines with the other shares crawl the rest.
        shard: Option<ShardShare> = None, "shard", restart;
    }
}

group! {
    /// Settings for obeying robots.txt and other wishes of servers.
    Politeness in "politeness", "Politeness" {
        /// Obey robots.txt (RFC 9309), with its crawl delay.
        robots: bool = true, "robots", restart;
        /// Time for robots.txt of one host, all redirects included.
        robots_timeout: Duration = Duration::from_secs(10), "robots-timeout", live;
        /// Age at which robots.txt is fetched again.
        robots_max_age: Duration = Duration::from_secs(86_400), "robots-max-age", restart;
        /// Longest crawl delay obeyed as it is; a longer one counts as this.
        max_crawl_delay: Duration = Duration::from_secs(60), "max-crawl-delay", live;
        /// Time between the begins of two requests to one host, when robots.txt asks for no longer one.
        delay: Duration = Duration::ZERO, "delay", live;
        /// Obey nofollow and noindex of links, meta elements and X-Robots-Tag.
        nofollow: bool = true, "nofollow", restart;
        /// Take URLs from sitemaps that robots.txt names.
        sitemaps: bool = false, "sitemaps", restart;
    }
}

group! {
    /// Settings for concurrency and rates.
    Limits in "limits", "Limits" {
        /// Requests under way at once.
        concurrency: u32 = 50 => 256, "concurrency", live;
        /// Requests under way at once to one host; also the most connections to it.
        per_host: u32 = 8 => 16, "per-host", live;
        /// Requests a second, all hosts together.
        rate: Option<PerSecond> = None, "rate", live;
        /// Requests a second to one host.
        per_host_rate: Option<PerSecond> = None, "per-host-rate", live;
        /// Requests that may go at once after a quiet time, where a rate is set.
        burst: u32 = 1, "burst", live;
    }
}

group! {
    /// Settings for limits that adapt themselves.
    Adaptive in "adaptive", "Adaptive limits" {
        /// Grow and shrink the number of page workers by CPU use and queueing time.
        workers: bool = false => true, "adaptive-workers", restart;
        /// Page workers at least.
        min_workers: u32 = 2, "min-workers", live;
        /// Page workers at most; without it twice the number of cores.
        max_workers: Option<u32> = None, "max-workers", live;
        /// Lower a host's rate on errors and growing latency, and raise it again.
        rate: bool = false => true, "adaptive-rate", restart;
        /// Lowest rate a host is slowed down to.
        min_rate: PerSecond = PerSecond::of(0.1), "min-rate", live;
    }
}

group! {
    /// Settings for the state that lets a crawl be resumed.
    State in "state", "State" {
        /// Directory of frontier and seen URLs; a crawl that finds one goes on with it. Without it they are in memory.
        dir: Option<PathBuf> = None, "state", restart;
        /// Time between two snapshots of the state.
        snapshot_interval: Duration = Duration::from_secs(5), "snapshot-interval", live;
        /// Memory for the frontier's cache.
        frontier_memory: ByteSize = ByteSize::mib(64), "frontier-memory", restart;
    }
}

group! {
    /// Settings for stored answers and conditional requests.
    Cache in "cache", "Cache" {
        /// Directory of stored answers; with it pages are asked for with If-None-Match and If-Modified-Since.
        dir: Option<PathBuf> = None, "cache", restart;
        /// Room for stored answers; the least used go first.
        max_size: ByteSize = ByteSize::gib(1), "cache-size", restart;
    }
}
