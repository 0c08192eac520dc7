//! Ends a fetch from outside, by one of four timeouts or by cancellation, and reports which it was.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::outcome::{Clock, Failure, Stage};

/// Durations of the timeouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variant of `Clock` of that name says it")]
pub struct Clocks {
    pub connect: Duration,
    pub tls: Duration,
    pub request: Duration,
    pub task: Duration,
}

impl Default for Clocks {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            request: Duration::from_secs(30),
            task: Duration::from_secs(120),
        }
    }
}

/// Work on one URL: its identity in log lines and its deadline.
#[derive(Debug)]
pub struct Task {
    /// Number of the page within the crawl, counted from 1.
    pub id: u64,
    /// Number of links between a seed and this page.
    pub depth: u32,
    /// Number of earlier tries.
    pub retry_count: u32,
    started: Instant,
    /// Deadline of the task, set once.
    deadline: Instant,
    /// Stage of the work, a [`Stage`] as a number. An atomic only because futures that share it may move between
    /// threads.
    stage: AtomicU8,
}

impl Task {
    /// Starts a task and its timeout.
    pub fn start(id: u64, depth: u32, clocks: &Clocks) -> Self {
        let now = Instant::now();
        Self {
            id,
            depth,
            retry_count: 0,
            started: now,
            deadline: later(now, clocks.task),
            stage: AtomicU8::new(Stage::Turn as u8),
        }
    }

    /// Continues a task with the deadline of its first try; without one the timeout starts now.
    pub fn resume(
        id: u64,
        depth: u32,
        retry_count: u32,
        deadline: Option<Instant>,
        clocks: &Clocks,
    ) -> Self {
        let mut task = Self::start(id, depth, clocks);
        task.retry_count = retry_count;
        if let Some(deadline) = deadline {
            task.deadline = deadline;
            task.started = deadline.checked_sub(clocks.task).unwrap_or(task.started);
        }
        task
    }

    /// Time since the task started, in nanoseconds.
    pub fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Deadline of the task.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Stage that the work has reached.
    pub fn stage(&self) -> Stage {
        Stage::ALL
            .get(usize::from(self.stage.load(Ordering::Relaxed)))
            .copied()
            .unwrap_or_default()
    }

    /// Sets the stage of the work.
    pub fn at(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }
}

/// Timer and cancellation of a worker, reused from page to page, so that neither is registered anew for each request.
#[derive(Debug)]
pub struct Guard {
    timer: Pin<Box<Sleep>>,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    token: CancellationToken,
}

impl Guard {
    /// Makes a guard. Needs a tokio runtime with time enabled.
    pub fn new(token: CancellationToken) -> Self {
        Self {
            timer: Box::pin(sleep_until(Instant::now())),
            cancelled: Box::pin(token.clone().cancelled_owned()),
            token,
        }
    }

    /// True after cancellation.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Runs `work` until the task's deadline, and with the timeout `request` if one is given.
    ///
    /// After a timeout or cancellation, `work` is dropped in whatever state it is: connections close and permits return
    /// by themselves.
    pub async fn run<T>(
        &mut self,
        task: &Task,
        request: Option<Duration>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let (clock, until) = first_to_run_out(task, request);
        if self.timer.deadline() != until {
            self.timer.as_mut().reset(until);
        }
        let mut work = pin!(work);
        std::future::poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            self.poll_end(context, task, clock).map(Err)
        })
        .await
    }

    /// Waits until the time `until`, the task's deadline or cancellation, whichever is first.
    pub async fn sleep_until(&mut self, task: &Task, until: Instant) -> Result<(), Failure> {
        if until >= task.deadline {
            return self.run(task, None, std::future::pending()).await;
        }
        self.timer.as_mut().reset(until);
        std::future::poll_fn(|context| {
            if self.cancelled.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(Failure::Cancelled(task.stage())));
            }
            self.timer.as_mut().poll(context).map(Ok)
        })
        .await
    }

    fn poll_end(&mut self, context: &mut Context<'_>, task: &Task, clock: Clock) -> Poll<Failure> {
        let stage = task.stage();
        if self.cancelled.as_mut().poll(context).is_ready() {
            return Poll::Ready(Failure::Cancelled(stage));
        }
        if self.timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(Failure::Timeout { clock, stage });
        }
        Poll::Pending
    }
}

fn first_to_run_out(task: &Task, request: Option<Duration>) -> (Clock, Instant) {
    match request.map(|request| later(Instant::now(), request)) {
        Some(request) if request < task.deadline => (Clock::Request, request),
        _ => (Clock::Task, task.deadline),
    }
}

/// Runs `work` with one of the timeouts for making a connection.
pub async fn within<T>(
    clock: Clock,
    limit: Duration,
    stage: Stage,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(Failure::Timeout { clock, stage }),
    }
}

fn later(from: Instant, by: Duration) -> Instant {
    // Thirty years are practically never, and within the range of timers.
    from + by.min(Duration::from_secs(86_400 * 365 * 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(task: Duration) -> Clocks {
        Clocks {
            task,
            ..Clocks::default()
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    async fn never() -> Result<(), Failure> {
        std::future::pending().await
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_clock_is_named() {
        let mut guard = Guard::new(CancellationToken::new());
        for (task_limit, request, named) in [
            (10 * SECOND, Some(SECOND), Clock::Request),
            (SECOND, Some(10 * SECOND), Clock::Task),
            (SECOND, None, Clock::Task),
        ] {
            let task = Task::start(1, 0, &clocks(task_limit));
            task.at(Stage::Body);
            let start = Instant::now();
            let ended = guard.run(&task, request, never()).await;
            assert!(
                matches!(ended, Err(Failure::Timeout { clock, stage: Stage::Body }) if clock == named),
                "{ended:?}"
            );
            assert_eq!(start.elapsed().as_secs(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_try_does_not_set_the_tasks_clock_back() {
        let mut guard = Guard::new(CancellationToken::new());
        let task = Task::start(1, 0, &clocks(5 * SECOND));
        let start = Instant::now();
        let mut tries = 0;
        let last = loop {
            tries += 1;
            match guard.run(&task, Some(2 * SECOND), never()).await {
                Err(Failure::Timeout {
                    clock: Clock::Request,
                    ..
                }) => {}
                other => break other,
            }
        };
        assert!(matches!(
            last,
            Err(Failure::Timeout {
                clock: Clock::Task,
                ..
            })
        ));
        assert_eq!((tries, start.elapsed().as_secs()), (3, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancel_is_no_timeout() {
        let token = CancellationToken::new();
        let mut guard = Guard::new(token.clone());
        let task = Task::start(1, 0, &clocks(60 * SECOND));
        task.at(Stage::Dns);
        token.cancel();
        let ended = guard.run(&task, Some(SECOND), never()).await;
        assert!(
            matches!(ended, Err(Failure::Cancelled(Stage::Dns))),
            "{ended:?}"
        );
        let waited = guard.sleep_until(&task, Instant::now() + SECOND).await;
        assert!(matches!(waited, Err(Failure::Cancelled(Stage::Dns))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_longer_than_the_task_ends_with_it() {
        let mut guard = Guard::new(CancellationToken::new());
        let task = Task::start(1, 0, &clocks(SECOND));
        let waited = guard.sleep_until(&task, Instant::now() + 60 * SECOND).await;
        assert!(matches!(
            waited,
            Err(Failure::Timeout {
                clock: Clock::Task,
                ..
            })
        ));
    }
}
