//! Hooks: code of a caller that runs at the begin and end of a crawl and of each page. A hook called for a begin is
//! also called for the end, whatever happens in between: an error, a panic, a cancellation.

mod exec;
pub(crate) mod group;

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use url::Url;

pub use self::exec::{ExecError, ExecPerPage};
use crate::{outcome::Class, settings::Settings, stats::Snapshot};

/// Page that is about to be fetched.
#[derive(Debug, Clone)]
pub struct Page {
    /// URL of the page.
    pub url: Url,
    /// Number of links between a seed and this page.
    pub depth: u32,
    /// Page that the link was on; `None` for seeds.
    pub referrer: Option<Url>,
}

/// Result of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageEnd {
    /// Status of the last answer, if there was one.
    pub status: Option<u16>,
    /// Class of the failure; `None` for success.
    pub failure: Option<Class>,
    /// Time from the begin, including waits and retries.
    pub took: Duration,
}

/// Hooks of a crawl. Each method may be called from several threads at once, and should be short, because the page
/// waits for it. A panic in a hook is caught and logged.
pub trait Hooks: Send + Sync {
    /// Called when the crawl begins.
    fn on_start(&self, _settings: &Settings) {}
    /// Called when the crawl has ended.
    fn on_finish(&self, _figures: &Snapshot) {}
    /// Called when the crawl itself fails by a panic, before `on_finish`.
    fn on_panic(&self, _message: &str) {}
    /// Called when the work on a page begins.
    fn on_page_start(&self, _page: &Page) {}
    /// Called when the work on a page has ended.
    fn on_page_finish(&self, _page: &Page, _end: &PageEnd) {}
    /// Called when the work on a page panics, before `on_page_finish`.
    fn on_page_panic(&self, _page: &Page, _message: &str) {}
}

/// The absence of hooks.
impl Hooks for () {}

/// Runs the work of a page between its hooks. `end` extracts status and failure from the result. A panic fails only
/// this page, and its message is returned as the error. A page dropped before its end counts as cancelled.
pub async fn page<T>(
    hooks: &dyn Hooks,
    page: &Page,
    work: impl Future<Output = T>,
    end: impl FnOnce(&T) -> (Option<u16>, Option<Class>),
) -> Result<T, String> {
    contained(|| hooks.on_page_start(page));
    let mut open = OpenPage {
        hooks,
        page,
        begun: Instant::now(),
        end: (None, Some(Class::Cancelled)),
    };
    let done = CatchPanic(AssertUnwindSafe(work)).await;
    match &done {
        Ok(value) => open.end = end(value),
        Err(message) => {
            open.end = (None, Some(Class::Panic));
            contained(|| hooks.on_page_panic(page, message));
        }
    }
    done
}

/// Page under way; calls the hook for the end when dropped.
struct OpenPage<'a> {
    hooks: &'a dyn Hooks,
    page: &'a Page,
    begun: Instant,
    end: (Option<u16>, Option<Class>),
}

impl Drop for OpenPage<'_> {
    fn drop(&mut self) {
        let (status, failure) = self.end;
        let end = PageEnd {
            status,
            failure,
            took: self.begun.elapsed(),
        };
        contained(|| self.hooks.on_page_finish(self.page, &end));
    }
}

/// Runs the work of a whole crawl between its hooks. `figures` makes the final figures and is called in any case.
pub async fn crawl<T>(
    hooks: &dyn Hooks,
    settings: &Settings,
    work: impl Future<Output = T>,
    figures: impl Fn() -> Snapshot,
) -> Result<T, String> {
    contained(|| hooks.on_start(settings));
    let _end = OnDrop(|| contained(|| hooks.on_finish(&figures())));
    let done = CatchPanic(AssertUnwindSafe(work)).await;
    if let Err(message) = &done {
        contained(|| hooks.on_panic(message));
    }
    done
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Runs a hook; a panic in it does not reach the crawl.
fn contained(hook: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(hook)) {
        tracing::error!(message = message(&*panic), "a hook panicked");
    }
}

/// Future that returns a panic as an error.
struct CatchPanic<F>(AssertUnwindSafe<F>);

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, String>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the field is never moved out of the pinned struct, which has no Drop and is Unpin only if it is.
        let work = unsafe { self.map_unchecked_mut(|this| &mut this.0.0) };
        match catch_unwind(AssertUnwindSafe(|| work.poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(message(&*panic))),
        }
    }
}

/// Message of a panic.
fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::stats::Stats;

    #[derive(Default)]
    struct Notes {
        lines: Mutex<Vec<String>>,
        panic_at: &'static str,
    }

    impl Notes {
        fn note(&self, line: String) {
            let fatal = !self.panic_at.is_empty() && line.starts_with(self.panic_at);
            self.lines.lock().unwrap().push(line);
            assert!(!fatal, "hook panics");
        }
    }

    impl Hooks for Notes {
        fn on_start(&self, settings: &Settings) {
            self.note(format!("start {}", settings.profile.word()));
        }
        fn on_finish(&self, figures: &Snapshot) {
            self.note(format!("finish {}", figures.pages));
        }
        fn on_panic(&self, message: &str) {
            self.note(format!("panic {message}"));
        }
        fn on_page_start(&self, page: &Page) {
            self.note(format!("page start {}", page.url));
        }
        fn on_page_finish(&self, _: &Page, end: &PageEnd) {
            self.note(format!("page finish {:?} {:?}", end.status, end.failure));
        }
        fn on_page_panic(&self, _: &Page, message: &str) {
            self.note(format!("page panic {message}"));
        }
    }

    fn of(text: &str) -> Page {
        Page {
            url: Url::parse(text).unwrap(),
            depth: 0,
            referrer: None,
        }
    }

    fn lines(notes: &Notes) -> Vec<String> {
        notes.lines.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn begin_and_end_of_a_page() {
        let notes = Notes::default();
        let done = page(&notes, &of("http://a/"), async { 7 }, |_| (Some(200), None)).await;
        assert_eq!(done, Ok(7));
        assert_eq!(
            lines(&notes),
            ["page start http://a/", "page finish Some(200) None"]
        );
    }

    #[tokio::test]
    async fn a_panic_fails_its_page_alone_and_runs_its_hooks() {
        let notes = Notes::default();
        let work = async {
            tokio::task::yield_now().await;
            panic!("of {}", "page")
        };
        let done: Result<(), String> =
            page(&notes, &of("http://a/"), work, |()| (Some(200), None)).await;
        assert_eq!(done, Err("of page".to_owned()));
        assert_eq!(
            lines(&notes)[1..],
            ["page panic of page", "page finish None Some(Panic)"]
        );
    }

    #[tokio::test]
    async fn a_page_that_is_dropped_is_cancelled() {
        let notes = Notes::default();
        let a = of("http://a/");
        let mut work = Box::pin(page(&notes, &a, std::future::pending::<()>(), |()| {
            (Some(200), None)
        }));
        assert!(futures_poll(&mut work).is_pending());
        drop(work);
        assert_eq!(lines(&notes)[1..], ["page finish None Some(Cancelled)"]);
    }

    fn futures_poll<F: Future>(work: &mut Pin<Box<F>>) -> Poll<F::Output> {
        work.as_mut()
            .poll(&mut Context::from_waker(std::task::Waker::noop()))
    }

    #[tokio::test]
    async fn a_hook_that_panics_harms_nobody() {
        let notes = Notes {
            panic_at: "page",
            ..Notes::default()
        };
        let done = page(&notes, &of("http://a/"), async { 7 }, |_| (Some(200), None)).await;
        assert_eq!(done, Ok(7));
        assert_eq!(lines(&notes).len(), 2);
    }

    #[tokio::test]
    async fn the_crawl_has_its_hooks_too() {
        let notes = Notes::default();
        let stats = Stats::default();
        let settings = Settings::default();
        let done = crawl(&notes, &settings, async { stats.page(200) }, || {
            stats.snapshot()
        })
        .await;
        assert_eq!(done, Ok(()));
        assert_eq!(lines(&notes), ["start default", "finish 1"]);
        let done: Result<(), String> =
            crawl(&notes, &settings, async { panic!("of crawl") }, || {
                stats.snapshot()
            })
            .await;
        assert_eq!(done, Err("of crawl".to_owned()));
        assert_eq!(
            lines(&notes)[2..],
            ["start default", "panic of crawl", "finish 1"]
        );
    }
}
