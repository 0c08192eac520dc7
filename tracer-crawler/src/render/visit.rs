//! Renders one page in one tab.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chromiumoxide::{
    Page,
    cdp::browser_protocol::{
        fetch::{
            ContinueRequestParams, EnableParams, EventRequestPaused, FailRequestParams,
            FulfillRequestParams, HeaderEntry,
        },
        network::{
            ErrorReason, EventLoadingFailed, EventLoadingFinished, EventRequestWillBeSent,
            RequestId, ResourceType,
        },
        target::CreateTargetParams,
    },
    error::CdpError,
};
use futures_util::StreamExt;

use super::{Document, RenderError, process::Process};
use crate::settings::{Render, RenderWait};

/// Time without any request after which a page counts as idle.
const IDLE: Duration = Duration::from_millis(500);
/// Interval of checking for idleness and for the selector.
const LOOK: Duration = Duration::from_millis(50);
/// Time for a tab to close.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// Opens a tab, waits until the page is complete, and returns its HTML. The tab is closed even when this future is
/// dropped.
pub(super) async fn visit(
    process: &Process,
    settings: &Render,
    document: Document<'_>,
) -> Result<String, RenderError> {
    let mut place = CreateTargetParams::new("about:blank");
    place.browser_context_id = Some(process.context.clone());
    let page = process.browser.new_page(place).await?;
    let tab = Tab(Some(page.clone()));
    let html = load(&page, settings, document).await;
    drop(tab);
    html
}

/// Page that is closed in the background when dropped.
struct Tab(Option<Page>);

impl Drop for Tab {
    fn drop(&mut self) {
        if let Some(page) = self.0.take() {
            tokio::spawn(async move {
                let _ = tokio::time::timeout(CLOSE_TIME, page.close()).await;
            });
        }
    }
}

/// Requests under way, and the time of the last change.
struct Traffic(Mutex<State>);

struct State {
    open: HashSet<RequestId>,
    /// Requests whose end was reported before their begin, which is possible because the two come through separate
    /// streams.
    ended: HashSet<RequestId>,
    changed: Instant,
}

impl Traffic {
    fn new() -> Self {
        Self(Mutex::new(State {
            open: HashSet::new(),
            ended: HashSet::new(),
            changed: Instant::now(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the begin of a request. A redirect begins again under the same id.
    fn begin(&self, id: &RequestId) {
        let mut state = self.lock();
        if !state.ended.remove(id) {
            state.open.insert(id.clone());
        }
        state.changed = Instant::now();
    }

    fn end(&self, id: &RequestId) {
        let mut state = self.lock();
        if !state.open.remove(id) {
            state.ended.insert(id.clone());
        }
        state.changed = Instant::now();
    }

    fn is_idle(&self) -> bool {
        let state = self.lock();
        state.open.is_empty() && state.changed.elapsed() >= IDLE
    }
}

async fn load(
    page: &Page,
    settings: &Render,
    document: Document<'_>,
) -> Result<String, RenderError> {
    let mut paused = page.event_listener::<EventRequestPaused>().await?;
    let mut sent = page.event_listener::<EventRequestWillBeSent>().await?;
    let mut finished = page.event_listener::<EventLoadingFinished>().await?;
    let mut failed = page.event_listener::<EventLoadingFailed>().await?;
    page.execute(EnableParams::default()).await?;
    let traffic = Traffic::new();
    let served = AtomicBool::new(false);
    let requests = async {
        while let Some(event) = paused.next().await {
            // A request needs no answer once its tab has gone away.
            let _ = answer(page, document, &event, &served).await;
        }
    };
    let counting = async {
        loop {
            tokio::select! {
                Some(event) = sent.next() => traffic.begin(&event.request_id),
                Some(event) = finished.next() => traffic.end(&event.request_id),
                Some(event) = failed.next() => traffic.end(&event.request_id),
                else => break,
            }
        }
    };
    tokio::select! {
        html = complete(page, settings, document, &traffic) => html,
        () = requests => Err(RenderError::Gone),
        () = counting => Err(RenderError::Gone),
    }
}

async fn complete(
    page: &Page,
    settings: &Render,
    document: Document<'_>,
    traffic: &Traffic,
) -> Result<String, RenderError> {
    page.goto(document.url.as_str()).await?;
    if let Some(selector) = &settings.wait_selector {
        while page.find_element(selector.as_str()).await.is_err() {
            tokio::time::sleep(LOOK).await;
        }
    }
    while settings.wait == RenderWait::Idle && !traffic.is_idle() {
        tokio::time::sleep(LOOK).await;
    }
    Ok(page.content().await?)
}

/// Answers a request of the page: the document itself comes from us, once; images, fonts and media are refused.
async fn answer(
    page: &Page,
    document: Document<'_>,
    event: &EventRequestPaused,
    served: &AtomicBool,
) -> Result<(), CdpError> {
    let id = event.request_id.clone();
    match event.resource_type {
        ResourceType::Image | ResourceType::Font | ResourceType::Media => {
            page.execute(FailRequestParams::new(id, ErrorReason::BlockedByClient))
                .await?;
        }
        ResourceType::Document if !served.swap(true, Ordering::Relaxed) => {
            let mut answer = FulfillRequestParams::new(id, 200);
            answer.response_headers = Some(vec![
                HeaderEntry::new("Content-Type", document.content_type),
                // The site's icon is not requested through this channel, and only this policy prevents its request.
                HeaderEntry::new("Content-Security-Policy", "img-src 'none'"),
            ]);
            answer.body = Some(STANDARD.encode(document.body).into());
            page.execute(answer).await?;
        }
        // A URL that scripts navigate to is a page of its own, which the crawl has to decide on.
        ResourceType::Document
            if event.frame_id == *page.mainframe().await?.as_ref().unwrap_or(&event.frame_id) =>
        {
            page.execute(FailRequestParams::new(id, ErrorReason::Aborted))
                .await?;
        }
        _ => {
            page.execute(ContinueRequestParams::new(id)).await?;
        }
    }
    Ok(())
}
