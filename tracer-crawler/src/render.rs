//! Renders pages whose scripts make their links, with Chromium over CDP. The browser gets the document that was already
//! fetched, so that the server is asked for it once and all limits apply; scripts may request more. Images, fonts and
//! media are blocked.

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

/// Reasons why a page was not rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The browser could not be started.
    #[error("{program}: cannot be started: {source}; render.program names another")]
    Start {
        /// Program as configured.
        program: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The program does not exist.
    #[error(
        "render.program: {0} is not there; install Chromium (Debian: apt-get install chromium), or name another program"
    )]
    Missing(PathBuf),
    /// The proxy needs credentials, which the browser cannot be given.
    #[error(
        "render.enabled: the browser cannot give the proxy's credentials; use a proxy that needs none"
    )]
    Credentials,
    /// The browser ended, or did not report the address it listens on.
    #[error("{0}: ended, or did not say within 30 s where it can be reached")]
    Silent(PathBuf),
    /// Error of the protocol.
    #[error("browser: {0}")]
    Browser(#[from] chromiumoxide::error::CdpError),
    /// The browser ended while the page was open.
    #[error("browser: ended while the page was open")]
    Gone,
    /// Rendering took too long.
    #[error("not complete within {0:?}; render.timeout gives it more")]
    Timeout(Duration),
}

/// Document as it was fetched.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// URL of the document.
    pub url: &'a Url,
    /// Content-Type of the document.
    pub content_type: &'a str,
    /// Decoded body.
    pub body: &'a [u8],
}

/// Pool of browsers.
#[derive(Debug)]
pub struct Renderer {
    settings: Render,
    user_agent: String,
    /// Proxy configuration for the requests of pages.
    way: CreateBrowserContextParams,
    places: Semaphore,
    next: AtomicUsize,
    slots: Vec<Mutex<Option<Arc<Process>>>>,
}

impl Renderer {
    /// Makes a renderer. Browsers start with their first page, but the program is checked for now.
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

    /// Content of the page after its scripts have run: HTML in UTF-8.
    pub async fn render(&self, document: Document<'_>) -> Result<String, RenderError> {
        // The semaphore is never closed, so this cannot fail.
        let _place = self.places.acquire().await.map_err(|_| RenderError::Gone)?;
        let process = self.process().await?;
        let visit = visit::visit(&process, &self.settings, document);
        tokio::time::timeout(self.settings.timeout, visit)
            .await
            .map_err(|_| RenderError::Timeout(self.settings.timeout))?
    }

    /// Next browser in turn. A browser that has served enough pages, grown too large or ended is replaced; it stays
    /// until the pages open in it have ended.
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

/// True if the program exists. A bare name is searched for in PATH, as it will be when it is started.
fn is_there(program: &Path) -> bool {
    if program.components().count() > 1 {
        return program.is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
