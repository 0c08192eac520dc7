//! Settings of the program and its machine: parsing, output, logs, CPU, hooks, metrics, control, browser.

use std::{path::PathBuf, time::Duration};

use super::{
    quantity::ByteSize,
    table::group,
    word::{LinkSource, Listen, LogFormat, ProgressMode, RenderWait},
};

group! {
    /// Settings for reading links from pages.
    Parse in "parse", "Links" {
        /// Elements that links are taken from.
        links: Vec<LinkSource> = vec![LinkSource::A, LinkSource::Area, LinkSource::Link, LinkSource::Frame, LinkSource::Refresh], "links-from", restart;
        /// Links taken from one page at most.
        max_links: u32 = 10_000, "max-links", restart;
        /// Memory of one page's parser.
        max_memory: ByteSize = ByteSize::mib(4), "parser-memory", restart;
    }
}

group! {
    /// Settings for results.
    Output in "output", "Output" {
        /// File that gets one JSON object a page; `-` is standard output.
        jsonl: Option<PathBuf> = None, "jsonl", restart;
        /// Links of each page are part of its JSON object.
        jsonl_links: bool = false, "jsonl-links", restart;
        /// File that gets requests and answers (WARC 1.1, gzip).
        warc: Option<PathBuf> = None, "warc", restart;
        /// Size at which the next WARC file is begun.
        warc_max_size: ByteSize = ByteSize::gib(1), "warc-max-size", restart;
        /// A body that is in the WARC files already is not written again: a revisit record names the first one.
        warc_dedup: bool = false, "warc-dedup", restart;
        /// Directory that gets bodies, named by their SHA-256.
        bodies: Option<PathBuf> = None, "bodies", restart;
        /// Display of progress on standard error while crawling.
        progress: ProgressMode = ProgressMode::Auto, "progress", restart;
        /// No progress and no text at the end.
        quiet: bool = false, "quiet", restart;
    }
}

group! {
    /// Settings for log lines.
    Log in "log", "Log" {
        /// Level of log lines: off, error, warn, info, debug, trace, or per module as in `warn,tracer_crawler=debug`.
        filter: String = "warn,tracer_crawler::config=info".to_owned(), "log", live;
        /// Form of the lines, on standard error.
        format: LogFormat = LogFormat::Text, "log-format", restart;
    }
}

group! {
    /// Settings for threads.
    Cpu in "cpu", "CPU" {
        /// Threads that fetch and parse; without it one per core that may be used.
        threads: Option<u32> = None, "threads", restart;
        /// Each thread stays on a physical core of its own.
        pin: bool = false, "pin", restart;
    }
}

group! {
    /// Settings for commands run per page.
    Hooks in "hooks", "Hooks" {
        /// Command run for each page, by the shell; gets the page as a JSON object on standard input.
        exec_per_page: Option<String> = None, "exec-per-page", restart;
        /// Time after which it is killed with all it has started.
        exec_timeout: Duration = Duration::from_secs(10), "exec-timeout", restart;
        /// Number of commands that run at once; further pages wait.
        exec_concurrency: u32 = 4, "exec-concurrency", restart;
    }
}

group! {
    /// Settings for figures in Prometheus format.
    Metrics in "metrics", "Metrics and control" {
        /// Serves /metrics, /healthz and /readyz there; a bare port is on loopback.
        address: Option<Listen> = None, "metrics", restart;
    }
}

group! {
    /// Settings for changes during the crawl.
    Control in "control", "Metrics and control" {
        /// Serves the control interface there: a port on loopback or unix:/path.
        address: Option<Listen> = None, "control", restart;
        /// File with the token that requests over TCP have to carry; TRACER_CRAWL_CONTROL_TOKEN does it too.
        token_file: Option<PathBuf> = None, "control-token-file", restart;
    }
}

group! {
    /// Settings for pages that need a browser.
    Render in "render", "Browser" {
        /// Run the scripts of HTML pages in Chromium and take the links that are there then.
        enabled: bool = false, "render", restart;
        /// The browser's program, found in PATH.
        program: PathBuf = PathBuf::from("chromium"), "render-program", restart;
        /// Browsers at once.
        browsers: u32 = 1, "render-browsers", restart;
        /// Pages at once in one browser.
        tabs: u32 = 4, "render-tabs", restart;
        /// Sign that a page is complete: its load event, or no request under way for half a second after it.
        wait: RenderWait = RenderWait::Idle, "render-wait", restart;
        /// CSS selector that has to be there before a page counts as complete.
        wait_selector: Option<String> = None, "render-wait-selector", restart;
        /// Time for one page.
        timeout: Duration = Duration::from_secs(20), "render-timeout", restart;
        /// Memory of one browser with all its processes; above it, it is replaced.
        max_memory: ByteSize = ByteSize::gib(1), "render-memory", restart;
        /// Pages after which a browser is replaced.
        pages_per_browser: u32 = 200, "render-pages", restart;
    }
}
