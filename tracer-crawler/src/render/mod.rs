//! Pages whose scripts make their links: Chromium over CDP. The document itself is the one that was fetched, so that the
//! server is asked for it once and all limits hold; its scripts may ask for more. Images, fonts and media are blocked.

mod process;
mod visit;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Mutex, Semaphore};
use url::Url;

use self::process::Process;
use crate::settings::Render;

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
    places: Semaphore,
    next: AtomicUsize,
    slots: Vec<Mutex<Option<Arc<Process>>>>,
}

impl Renderer {
    /// Starts nothing yet: a browser comes with its first page.
    pub fn new(settings: &Render, user_agent: &str) -> Self {
        let browsers = settings.browsers as usize;
        Self {
            settings: settings.clone(),
            user_agent: user_agent.to_owned(),
            places: Semaphore::new(browsers * settings.tabs as usize),
            next: AtomicUsize::new(0),
            slots: (0..browsers).map(|_| Mutex::default()).collect(),
        }
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
        let process = Arc::new(Process::start(&self.settings, &self.user_agent).await?);
        process.may_serve(&self.settings);
        *slot = Some(Arc::clone(&process));
        Ok(process)
    }
}
