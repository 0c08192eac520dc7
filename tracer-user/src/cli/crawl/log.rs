//! Log lines of a crawl, on standard error; their filter can change while the crawl runs.

use std::{io, sync::Arc};

use tracer_crawler::{
    progress::Screen,
    settings::{LiveSettings, Log, LogFormat},
};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

use crate::failure::Failure;

type Handle = reload::Handle<EnvFilter, Registry>;

/// Starts logging. The handle changes the filter.
pub(crate) fn begin(log: &Log, screen: &Screen) -> Result<Handle, Failure> {
    let (filter, handle) = reload::Layer::new(filter(&log.filter)?);
    let screen = screen.clone();
    let colors =
        screen.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = fmt::layer()
        .with_ansi(colors)
        // A full standard error would be reported on standard error, and panic.
        .log_internal_errors(false)
        .with_writer(move || screen.clone());
    let layer = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .try_init()
        .map_err(|error| Failure::internal("beginning to log")(io::Error::other(error)))?;
    Ok(handle)
}

/// Applies changes of `log.filter`. Ends with the task that awaits it.
pub(crate) async fn follow(handle: Handle, live: Arc<LiveSettings>) {
    let mut changes = live.subscribe();
    let mut now = live.load().log.filter.clone();
    while changes.changed().await.is_ok() {
        let wanted = live.load().log.filter.clone();
        if wanted == now {
            continue;
        }
        match filter(&wanted) {
            Ok(filter) => {
                let _ = handle.reload(filter);
                now = wanted;
            }
            Err(error) => tracing::error!(%error, "log filter stays as it is"),
        }
    }
}

fn filter(text: &str) -> Result<EnvFilter, Failure> {
    // Log lines of the cookie store contain values of cookies.
    EnvFilter::try_new(format!("{text},cookie_store=off")).map_err(|error| {
        Failure::Usage(format!(
            "log.filter: {error}; expected levels, as in warn or warn,tracer_crawler=debug"
        ))
    })
}
