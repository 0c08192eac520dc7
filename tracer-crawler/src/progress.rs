//! Display of a crawl for people: a line during the crawl and a summary at its end.

mod line;
mod screen;
mod summary;

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

pub use self::{
    line::{Bounds, Line},
    screen::Screen,
    summary::summary,
};
use crate::{
    settings::{LiveSettings, ProgressMode},
    stats::Stats,
};

/// Interval of redrawing the line.
const RENEW: Duration = Duration::from_millis(250);
/// Interval of plain lines.
const PLAIN: Duration = Duration::from_secs(10);

/// Shows progress until `stop`. A redrawn line is removed at the end.
pub async fn show(
    stats: Arc<Stats>,
    live: Arc<LiveSettings>,
    screen: Screen,
    stop: CancellationToken,
) {
    let output = live.load().output.clone();
    let renew = match output.progress {
        _ if output.quiet => return,
        ProgressMode::None => return,
        ProgressMode::Auto => screen.is_terminal(),
        ProgressMode::Line => true,
        ProgressMode::Plain => false,
    };
    let period = if renew { RENEW } else { PLAIN };
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut line = Line::default();
    let begun = Instant::now();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let settings = live.load();
        let bounds = Bounds {
            pages: settings.crawl.max_pages,
            time: settings.crawl.max_time,
        };
        let text = line.update(&stats.snapshot(), bounds, begun.elapsed());
        if renew {
            screen.renew(&text);
        } else if begun.elapsed() >= PLAIN / 2 {
            screen.say(&text);
        }
    }
    screen.clear();
}
