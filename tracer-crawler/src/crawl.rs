//! A whole crawl: frontier, robots.txt, fetching, parsing and outputs tied together.

mod adapt;
mod conditional;
mod crawl_scope;
mod engine;
mod links;
mod load_shedding;
mod outputs;
mod page;
mod pause;
#[cfg(feature = "render")]
mod render;
mod report;
mod robots;
mod run;
mod seeds;
mod sink;
mod sitemap;
mod throttle;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use outputs::Outputs;
pub(crate) use outputs::record;
pub use report::{Needs, Out, OutError, PageReport, Step, Written};

use crawl_scope::CrawlScope;
use engine::{Engine, EngineParts};

use crate::cache::{CacheError, ResponseCache};
use crate::config::secret::Secrets;
use crate::fetch::proxy::ProxyError;
use crate::fetch::{Admit, Fetcher, FetcherError, Options};
use crate::files::Files;
use crate::frontier::{Candidate, DiskOptions, Frontier, FrontierError, Kind};
use crate::header::{HeaderError, HeaderMaker};
use crate::hook::{self, Hooks};
use crate::parse::ParseOptions;
#[cfg(feature = "render")]
use crate::render::{RenderError, Renderer};
use crate::robots::agent_of;
use crate::scope::ScopeError;
use crate::settings::{LinkSource, LiveSettings, Settings};
use crate::stats::{FinishReason, Snapshot, Stats};

/// Reasons why a crawl could not begin.
#[derive(Debug, thiserror::Error)]
pub enum CrawlError {
    /// No seed on the command line or in the state directory.
    #[error("no URL to begin with; give one or more, as in https://example.org/")]
    NoSeeds,
    /// A seed that is no usable URL.
    #[error("seed {got:?}: {reason}")]
    Seed {
        /// The seed as given, shortened.
        got: String,
        /// The rule that the seed breaks.
        reason: String,
    },
    /// The file of seeds in the state directory could not be read or written.
    #[error("{}: {source}; the state directory has to be writable", path.display())]
    SeedsFile {
        /// Path of the file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Error in the rules about URLs.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// Error of encryption or name look-ups.
    #[error(transparent)]
    Fetcher(#[from] FetcherError),
    /// Error in the proxy's settings.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Error in the configured headers.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Error of the browser.
    #[cfg(feature = "render")]
    #[error(transparent)]
    Render(#[from] RenderError),
    /// Error of the cache of answers.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Error of the state directory.
    #[error(transparent)]
    Frontier(#[from] FrontierError),
}

/// Everything that a crawl needs besides its seeds.
pub struct Parts {
    /// Settings, which may change while the crawl runs.
    pub live: Arc<LiveSettings>,
    /// Credentials of the proxy and secret headers.
    pub secrets: Secrets,
    /// Called at begin and end of crawl and pages; `()` for none.
    pub hooks: Arc<dyn Hooks>,
    /// Outputs, each of which gets every page that has ended.
    pub outs: Vec<Arc<dyn Out>>,
    /// Figures, to be shown while the crawl runs.
    pub stats: Arc<Stats>,
    /// Opener of its own files, the state and the cache.
    pub files: Files,
}

/// A crawl that can be run.
pub struct Crawl {
    engine: Arc<Engine>,
}

impl Crawl {
    /// Opens the state and queues the seeds. Needs a tokio runtime.
    ///
    /// `seeds` are absolute URLs. With a state directory that holds an unfinished crawl they may be empty.
    pub fn new(parts: Parts, seeds: &[String]) -> Result<Self, CrawlError> {
        let settings = parts.live.load();
        // Opening the frontier makes the state directory and locks it against other processes.
        let mut frontier = open(&settings, &parts.files)?;
        let seeds = seeds::load(seeds, &settings, &parts.files)?;
        let scope = Arc::new(CrawlScope::new(&settings, &seeds)?);
        let maker = HeaderMaker::new(&settings, &parts.secrets, &seeds)?;
        let mut options = Options::of(&settings, &parts.secrets)?;
        let admits = Arc::clone(&scope);
        options.admit = Some(Admit(Arc::new(move |host, address| {
            admits.admits(host, address)
        })));
        let hash_key = frontier.hash_key();
        // All machines of a fleet often get the same seeds; each keeps those of its own shard.
        let (seeds, others): (Vec<_>, Vec<_>) = seeds
            .into_iter()
            .filter_map(|url| scope.normalize(url).ok())
            .partition(|url| scope.owns(url));
        parts.stats.skip("other_shard", others.len() as u64);
        let seeds: Vec<_> = seeds
            .into_iter()
            .map(|url| (hash_key.fingerprint(url.as_str()), url))
            .collect();
        let candidates: Vec<_> = seeds
            .iter()
            .map(|(fingerprint, url)| Candidate {
                url: url.into(),
                fingerprint: *fingerprint,
                depth: 0,
                kind: Kind::Page,
            })
            .collect();
        frontier.add(&candidates, None)?;
        if candidates.is_empty() && others.is_empty() && frontier.figures().queued == 0 {
            return Err(CrawlError::NoSeeds);
        }
        let parse = Arc::new(parse_options(&settings, maker.user_agent()));
        let engine = Engine::new(EngineParts {
            #[cfg(feature = "render")]
            renderer: renderer(&settings, &parts.secrets, maker.user_agent())?,
            fetcher: Fetcher::new(options)?,
            live: parts.live,
            scope,
            maker,
            parse,
            hooks: parts.hooks,
            outs: parts.outs,
            stats: parts.stats,
            cache: cache(&settings, &parts.files)?,
            frontier,
        });
        Ok(Self {
            engine: Arc::new(engine),
        })
    }

    /// Token that stops the crawl when cancelled: no further page begins, and pages under way have `timeouts.shutdown`
    /// to end.
    pub fn stop_token(&self) -> CancellationToken {
        self.engine.stop.clone()
    }

    /// Runs the crawl to its end and calls its hooks.
    pub async fn run(self) -> Snapshot {
        let engine = self.engine;
        let settings = engine.live.load();
        let figures = || {
            let mut snapshot = engine.stats.snapshot();
            snapshot.finish_reason = engine.reason().or(Some(FinishReason::Interrupted));
            snapshot
        };
        // The hooks already know of a panic. The figures returned are those counted until then.
        let ended = hook::crawl(&*engine.hooks, &settings, run::run(&engine), figures).await;
        if let Err(message) = ended {
            tracing::error!(message, "the crawl panicked");
        }
        figures()
    }
}

fn open(settings: &Settings, files: &Files) -> Result<Frontier, CrawlError> {
    let politeness = run::politeness(settings);
    let Some(directory) = &settings.state.dir else {
        return Ok(Frontier::in_memory(politeness));
    };
    let options = DiskOptions {
        memory_bytes: settings.state.frontier_memory.as_usize(),
        snapshot_interval: settings.state.snapshot_interval,
        files: files.clone(),
    };
    Ok(Frontier::open(directory, politeness, options)?)
}

#[cfg(feature = "render")]
fn renderer(
    settings: &Settings,
    secrets: &Secrets,
    agent: &str,
) -> Result<Option<Renderer>, RenderError> {
    if !settings.render.enabled {
        return Ok(None);
    }
    if settings.proxy.url.is_some() && secrets.proxy_credentials.is_some() {
        return Err(RenderError::Credentials);
    }
    Renderer::new(&settings.render, &settings.proxy, agent).map(Some)
}

fn cache(settings: &Settings, files: &Files) -> Result<Option<ResponseCache>, CacheError> {
    let max_bytes = settings.cache.max_size.bytes();
    let open = |directory: &PathBuf| ResponseCache::open(directory, max_bytes, files);
    settings.cache.dir.as_ref().map(open).transpose()
}

fn parse_options(settings: &Settings, agent: &str) -> ParseOptions {
    let takes = |source| settings.parse.links.contains(&source);
    ParseOptions {
        images: takes(LinkSource::Img),
        scripts: takes(LinkSource::Script) || takes(LinkSource::Style),
        frames: takes(LinkSource::Frame),
        agent: agent_of(agent),
        max_links: settings.parse.max_links as usize,
        max_bytes: settings.parse.max_memory.as_usize(),
    }
}

#[cfg(test)]
mod tests;
