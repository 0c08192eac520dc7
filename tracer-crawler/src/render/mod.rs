//! Pages whose scripts make their links: Chromium over CDP. The document itself is the one that was fetched, so that the
//! server is asked for it once and all limits hold; its scripts may ask for more. Images, fonts and media are blocked.

mod process;
mod profile;
mod visit;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chromiumoxide::cdp::browser_protocol::target::CreateBrowserContextParams;
use tokio::sync::{Mutex, Semaphore};
use url::Url;

use self::process::Process;
use crate::settings::{Proxy, Render};

/// Why a page was not rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The program.
    #[error("{program}: cannot be started: {source}; render.program names another")]
    Start {
        /// As set.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No such program.
    #[error(
        "render.program: {0} is not there; install Chromium (Debian: apt-get install chromium), or name another program"
    )]
    Missing(PathBuf),
    /// A proxy that asks who is there.
    #[error(
        "render.enabled: the browser cannot give the proxy's credentials; use a proxy that needs none"
    )]
    Credentials,
    /// It ended, or never said where it listens.
    #[error("{0}: ended, or did not say within 30 s where it can be reached")]
    Silent(PathBuf),
    /// The protocol.
    #[error("browser: {0}")]
    Browser(#[from] chromiumoxide::error::CdpError),
    /// The browser is gone.
    #[error("browser: ended while the page was open")]
    Gone,
    /// It took too long.
    #[error("not complete within {0:?}; render.timeout gives it more")]
    Timeout(Duration),
}

/// A document as it was fetched.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Where from.
    pub url: &'a Url,
    /// Content-Type.
    pub content_type: &'a str,
    /// Decoded body.
    pub body: &'a [u8],
}

/// A pool of browsers.
#[derive(Debug)]
pub struct Renderer {
    settings: Render,
    user_agent: String,
    /// The way that requests of pages go.
    way: CreateBrowserContextParams,
    places: Semaphore,
    next: AtomicUsize,
    slots: Vec<Mutex<Option<Arc<Process>>>>,
}

impl Renderer {
    /// Starts nothing yet: a browser comes with its first page. That its program is there is looked at now.
    pub fn new(settings: &Render, proxy: &Proxy, user_agent: &str) -> Result<Self, RenderError> {
        if !is_there(&settings.program) {
            return Err(RenderError::Missing(settings.program.clone()));
        }
        let browsers = settings.browsers as usize;
        Ok(Self {
            settings: settings.clone(),
            user_agent: user_agent.to_owned(),
            way: process::way(proxy),
            places: Semaphore::new(browsers * settings.tabs as usize),
            next: AtomicUsize::new(0),
            slots: (0..browsers).map(|_| Mutex::default()).collect(),
        })
    }

    /// The page as it is once its scripts have run: HTML in UTF-8.
    pub async fn render(&self, document: Document<'_>) -> Result<String, RenderError> {
        // Never closed.
        let _place = self.places.acquire().await.map_err(|_| RenderError::Gone)?;
        let process = self.process().await?;
        let visit = visit::visit(&process, &self.settings, document);
        tokio::time::timeout(self.settings.timeout, visit)
            .await
            .map_err(|_| RenderError::Timeout(self.settings.timeout))?
    }

    /// The next browser in turn; a new one where it has served long enough, grown too large or ended. Pages that are
    /// still open in an old one end before it does.
    async fn process(&self) -> Result<Arc<Process>, RenderError> {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        let mut slot = self.slots[index].lock().await;
        if let Some(process) = slot
            .as_ref()
            .filter(|process| process.may_serve(&self.settings))
        {
            return Ok(Arc::clone(process));
        }
        let process = Arc::new(Process::start(&self.settings, &self.user_agent, &self.way).await?);
        process.may_serve(&self.settings);
        *slot = Some(Arc::clone(&process));
        Ok(process)
    }
}

/// A name alone is looked for in PATH, as it will be when it is started.
fn is_there(program: &Path) -> bool {
    if program.components().count() > 1 {
        return program.is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
