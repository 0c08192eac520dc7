//! Table of routes, which answers requests.

use std::fmt;

use tracer_crawler::endpoint::{Call, Handler, Method, Preparation, Reply, StatusCode};

use super::desk::{Demand, Moment};
use crate::sink::Results;

/// Function that makes a reply of a request and results.
type Answer = Box<dyn Fn(&Call, &Moment) -> Reply + Send + Sync>;
/// Function that takes the last results of a window.
type TakeWindow = Box<dyn Fn(&Results) + Send + Sync>;

/// Route of the server.
pub(crate) struct Route {
    path: &'static str,
    about: &'static str,
    /// True if requests wait for results that are made for them.
    wants_new: bool,
    answer: Answer,
    take_window: Option<TakeWindow>,
}

impl Route {
    /// Makes a route: its path, as in `/metrics`, its content in a few words for the page at `/`, and the function that
    /// answers, quickly, from the latest results, whatever their age.
    pub(crate) fn new(
        path: &'static str,
        about: &'static str,
        answer: impl Fn(&Call, &Moment) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self {
            path,
            about,
            wants_new: false,
            answer: Box::new(answer),
            take_window: None,
        }
    }

    /// Makes requests wait for results that are made for them.
    pub(crate) fn with_new_results(mut self) -> Self {
        self.wants_new = true;
        self
    }

    /// Adds a function that gets the last results of each window, before the figures begin anew.
    pub(crate) fn taking_windows(
        mut self,
        take: impl Fn(&Results) + Send + Sync + 'static,
    ) -> Self {
        self.take_window = Some(Box::new(take));
        self
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Route").field(&self.path).finish()
    }
}

/// All routes of a server, with the results that they answer from.
#[derive(Debug)]
pub(super) struct Table {
    routes: Vec<Route>,
    demand: Demand,
}

impl Table {
    pub(super) fn new(routes: Vec<Route>, demand: Demand) -> Self {
        Self { routes, demand }
    }

    /// Passes on windows as they end, as long as the server runs.
    pub(super) async fn take_windows(&self) {
        loop {
            self.demand.window_ends().await;
            self.catch_up();
        }
    }

    fn catch_up(&self) {
        while let Some(results) = self.demand.ended_window() {
            let takers = self.routes.iter().filter_map(|it| it.take_window.as_ref());
            takers.for_each(|take| take(&results));
        }
    }

    fn find(&self, path: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.path == path)
    }

    /// Page at `/`, which names the routes.
    fn index(&self, status: StatusCode) -> Reply {
        let names = self.routes.iter();
        let lines = names.map(|route| format!("{}  {}", route.path, route.about));
        let lines: Vec<String> = lines.collect();
        Reply::text(status, &format!("tracer serves:\n{}", lines.join("\n")))
    }
}

impl Handler for Table {
    fn prepare<'a>(&'a self, call: &'a Call) -> Preparation<'a> {
        Box::pin(async move {
            let route = self.find(&call.path);
            if is_read(call) && route.is_some_and(|it| it.wants_new) {
                self.demand.refresh().await;
            }
        })
    }

    fn answer(&self, call: &Call) -> Reply {
        if !is_read(call) {
            return Reply::text(StatusCode::METHOD_NOT_ALLOWED, "GET only");
        }
        match self.find(&call.path) {
            Some(route) => {
                let latest = self.demand.latest();
                self.catch_up();
                (route.answer)(call, &latest)
            }
            None if call.path == "/" => self.index(StatusCode::OK),
            None => self.index(StatusCode::NOT_FOUND),
        }
    }
}

fn is_read(call: &Call) -> bool {
    call.method == Method::GET || call.method == Method::HEAD
}
