//! `tracer crawl`: runs one crawl with its seeds, outputs, progress, servers and signals.

use std::{sync::Arc, time::Duration};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tokio_util::sync::CancellationToken;
use tracer_crawler::{
    config::{Effective, Sources, reload::Reloader, secret::Secrets},
    control::Control,
    crawl::{Crawl, Out, Outputs, Parts},
    deliver::ExecOut,
    endpoint::{Endpoint, Handler},
    files::Files,
    metrics::Metrics,
    progress::{self, Screen},
    seeds,
    settings::Settings,
    stats::{Snapshot, Stats, exit},
};
use tracer_text::printable::printable;

use super::{log, sources, threads, trace};
use crate::{
    cli::args::Crawl as Arguments, failure::Failure, files::crawl::files_of, invoker::Invoker,
    say::say,
};

/// Time limit for tasks to end after the second signal.
const HARD_END: Duration = Duration::from_millis(200);

/// Runs a crawl to its end; the exit code is its result.
pub(crate) fn crawl(arguments: &Arguments) -> Result<u8, Failure> {
    let sources = sources::sources(&arguments.settings)?;
    let effective = sources::load(&sources)?;
    if arguments.trace || arguments.trace_json.is_some() {
        return trace::traced(arguments);
    }
    let secrets = Secrets::load(&effective.settings, &sources.environment)?;
    let seeds = seeds::read(&effective.settings)?;
    let screen = Screen::stderr();
    let handle = log::begin(&effective.settings.log, &screen)?;
    raise_descriptor_limit();
    let runtime = threads::runtime(&effective.settings.cpu)?;
    let begun = {
        let _inside = runtime.enter();
        CrawlRun::begin(sources, effective, secrets, &seeds, screen)?
    };
    runtime.spawn(log::follow(handle, Arc::clone(begun.reloader.live())));
    let code = runtime.block_on(begun.run());
    runtime.shutdown_timeout(HARD_END);
    code
}

/// Raises the limit of open files as far as possible without rights: each connection needs a descriptor.
fn raise_descriptor_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // The old limit is enough for small crawls; a larger crawl slows down and reports why.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// A crawl that is ready to run.
struct CrawlRun {
    reloader: Arc<Reloader>,
    stats: Arc<Stats>,
    screen: Screen,
    crawl: Crawl,
    servers: Vec<Server>,
    /// Token that ends the progress line and the servers.
    over: CancellationToken,
}

impl CrawlRun {
    /// Opens everything that can fail, before the first request.
    fn begin(
        sources: Sources,
        effective: Effective,
        secrets: Secrets,
        seeds: &[String],
        screen: Screen,
    ) -> Result<Self, Failure> {
        let settings = effective.settings.clone();
        let reloader = Arc::new(Reloader::new(sources, effective));
        let stats = Arc::new(Stats::default());
        let files = files_of(Invoker::find());
        let token = secrets.control_token.clone();
        let parts = Parts {
            live: Arc::clone(reloader.live()),
            secrets,
            hooks: Arc::new(()),
            outs: outs(&settings, &stats, &files)?,
            stats: Arc::clone(&stats),
            files,
        };
        let crawl = Crawl::new(parts, seeds)?;
        let control = Control::new(
            Arc::clone(&reloader),
            Arc::clone(&stats),
            token,
            crawl.stop_token(),
        );
        let metrics = Metrics::new(Arc::clone(&stats), Arc::clone(reloader.live()));
        let servers = servers(&settings, metrics, control)?;
        Ok(Self {
            reloader,
            stats,
            screen,
            crawl,
            servers,
            over: CancellationToken::new(),
        })
    }

    async fn run(self) -> Result<u8, Failure> {
        let (stop, over) = (self.crawl.stop_token(), self.over.clone());
        let (hard, killed) = oneshot::channel();
        tokio::spawn(signals(StopSignals::listen()?, stop, hard));
        tokio::spawn(Arc::clone(&self.reloader).watch(over.clone()));
        let servers: Vec<_> = self
            .servers
            .into_iter()
            .map(|(endpoint, handler)| tokio::spawn(endpoint.serve(handler, over.clone())))
            .collect();
        let live = Arc::clone(self.reloader.live());
        let showing = progress::show(
            Arc::clone(&self.stats),
            Arc::clone(&live),
            self.screen.clone(),
            over.clone(),
        );
        let showing = tokio::spawn(showing);
        let ended = tokio::select! {
            figures = self.crawl.run() => Ok(figures),
            Ok(signal) = killed => Err(signal),
        };
        over.cancel();
        // The progress line must go before the summary is printed, and the socket file before the process ends.
        let _ = showing.await;
        for server in servers {
            let _ = server.await;
        }
        match ended {
            Ok(figures) => Ok(finish(&figures, &self.stats, &live.load(), &self.screen)),
            Err(signal) => {
                say("stopped at once; pages under way are lost");
                Ok(128 + signal)
            }
        }
    }
}

/// Prints the summary, and why not one page could be fetched; returns the exit code.
fn finish(figures: &Snapshot, stats: &Stats, settings: &Settings, screen: &Screen) -> u8 {
    if !settings.output.quiet {
        screen.say(progress::summary(figures).trim_end());
    }
    let code = figures.exit_code();
    if let Some(why) = stats
        .first_failure()
        .filter(|_| code == exit::NOTHING_FETCHED)
    {
        say(printable(why));
    }
    code
}

/// Outputs that get the pages: files come before the hook command, which may read them.
fn outs(
    settings: &Settings,
    stats: &Arc<Stats>,
    files: &Files,
) -> Result<Vec<Arc<dyn Out>>, Failure> {
    let outputs =
        Outputs::open(settings, files).map_err(|error| Failure::Usage(error.to_string()))?;
    let files = outputs.map(|outputs| Arc::new(outputs) as Arc<dyn Out>);
    let exec = ExecOut::new(settings, Arc::clone(stats)).map(|exec| Arc::new(exec) as Arc<dyn Out>);
    Ok(files.into_iter().chain(exec).collect())
}

/// Endpoint of a server, and the handler of its requests.
type Server = (Endpoint, Arc<dyn Handler>);

fn servers(
    settings: &Settings,
    metrics: Metrics,
    control: Control,
) -> Result<Vec<Server>, Failure> {
    let wanted: [(_, Arc<dyn Handler>); 2] = [
        (&settings.metrics.address, Arc::new(metrics)),
        (&settings.control.address, Arc::new(control)),
    ];
    let mut servers = Vec::new();
    for (listen, handler) in wanted {
        if let Some(listen) = listen {
            let endpoint =
                Endpoint::bind(listen).map_err(|error| Failure::Usage(error.to_string()))?;
            if let Some(address) = endpoint.address() {
                tracing::info!(%address, "listening");
            }
            servers.push((endpoint, handler));
        }
    }
    Ok(servers)
}

/// Receivers of SIGINT and SIGTERM.
struct StopSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn listen() -> Result<Self, Failure> {
        let failed = Failure::internal("listening for signals");
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(&failed)?,
            terminate: signal(SignalKind::terminate()).map_err(&failed)?,
        })
    }

    /// Number of the next signal.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }
}

/// Waits for signals. After the first one, pages under way are finished; the second one ends the crawl at once.
async fn signals(mut signals: StopSignals, stop: CancellationToken, hard: oneshot::Sender<u8>) {
    signals.next().await;
    tracing::info!("asked to stop by a signal");
    stop.cancel();
    let second = signals.next().await;
    // The receiver is gone when the crawl has ended.
    let _ = hard.send(second);
}
