//! Routes beside the metrics: whether tracing goes on, the settings in use, and the export.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tracer_crawler::endpoint::{Reply, StatusCode};

use super::route::Route;
use crate::sink::json;

/// Age of results that shows that the engine does not answer: it is asked for new ones with each request.
const TOO_OLD: Duration = Duration::from_secs(10);

/// Settings in use as a configuration file without secrets, which may change while tracing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<String>>);

impl Shown {
    /// Replaces the settings.
    pub(crate) fn set(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The routes.
pub(crate) fn routes(shown: Shown) -> Vec<Route> {
    let health = Route::new("/healthz", "whether tracing goes on", |_, moment| {
        health(moment.at.elapsed())
    });
    let config = Route::new("/config", "the settings in use (TOML)", move |_, _| {
        Reply::text(StatusCode::OK, shown.text().trim_end())
    });
    let snapshot =
        Route::new(
            "/snapshot.json",
            "the export so far",
            |_, moment| match json::document(&moment.results) {
                Ok(text) => Reply {
                    status: StatusCode::OK,
                    content_type: "application/json",
                    body: text.into(),
                },
                Err(error) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            },
        );
    let (health, snapshot) = (health.with_new_results(), snapshot.with_new_results());
    vec![health, config, snapshot]
}

/// Reply on health by the age of results that were just asked for.
fn health(age: Duration) -> Reply {
    if age < TOO_OLD {
        return Reply::text(StatusCode::OK, "ok");
    }
    let text = format!("tracing has made no results for {} s", age.as_secs());
    Reply::text(StatusCode::SERVICE_UNAVAILABLE, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_do_not_come_are_a_fault() {
        assert_eq!(health(Duration::from_secs(1)).status, StatusCode::OK);
        let sick = health(Duration::from_secs(12));
        assert_eq!(sick.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(&sick.body[..], b"tracing has made no results for 12 s\n");
    }

    #[test]
    fn the_settings_in_use_are_shown_after_a_change() {
        let shown = Shown::default();
        let other = shown.clone();
        other.set("[filter]\n".to_owned());
        assert_eq!(shown.text(), "[filter]\n");
        let paths = format!("{:?}", routes(shown));
        for path in ["/healthz", "/config", "/snapshot.json"] {
            assert!(paths.contains(path), "{paths}");
        }
    }
}
