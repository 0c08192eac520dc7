use super::*;

/// Connection with a number for the test to recognise it; alive while the flag is set.
#[derive(Debug)]
struct Fake(u32, Arc<std::sync::atomic::AtomicBool>);

impl Keep for Fake {
    fn is_alive(&mut self) -> bool {
        self.1.load(Ordering::Relaxed)
    }
}

fn fake(number: u32) -> Fake {
    Fake(number, Arc::new(true.into()))
}

fn bounds() -> Bounds {
    Bounds {
        per_host: 2,
        idle_per_host: 2,
        idle_total: 100,
        idle_timeout: Duration::from_secs(60),
    }
}

fn open(grant: Grant<Fake>) -> Slot<Fake> {
    match grant {
        Grant::Open(slot) => slot,
        Grant::Reuse(lease) => panic!("reused {:?}", lease.connection),
    }
}

fn reused(grant: Grant<Fake>) -> Lease<Fake> {
    match grant {
        Grant::Reuse(lease) => lease,
        Grant::Open(_) => panic!("a new one was to be opened"),
    }
}

/// Polls a future once.
fn poll<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn the_most_recently_used_comes_first() {
    let pool = Pool::new(bounds());
    let host = pool.host("http://a");
    let first = open(host.take().await).fill(fake(1));
    let second = open(host.take().await).fill(fake(2));
    first.keep();
    second.keep();
    assert_eq!(reused(host.take().await).connection.0, 2);
    assert_eq!(pool.figures().opened, 2);
}

#[tokio::test]
async fn never_more_than_the_limit_and_first_come_first_served() {
    let pool = Pool::new(bounds());
    let host = pool.host("http://a");
    let first = open(host.take().await).fill(fake(1));
    let second = open(host.take().await).fill(fake(2));
    let mut third = Box::pin(host.take());
    let mut fourth = Box::pin(host.take());
    assert!(poll(&mut third).is_pending());
    assert!(poll(&mut fourth).is_pending());
    second.keep();
    assert!(poll(&mut fourth).is_pending(), "the third was first");
    drop(first);
    let std::task::Poll::Ready(third) = poll(&mut third) else {
        panic!("the third waits on");
    };
    assert_eq!(reused(third).connection.0, 2);
    let std::task::Poll::Ready(fourth) = poll(&mut fourth) else {
        panic!("the fourth waits on");
    };
    drop(open(fourth));
}

#[tokio::test]
async fn one_who_leaves_the_row_passes_on_what_was_given() {
    let pool = Pool::new(Bounds {
        per_host: 1,
        ..bounds()
    });
    let host = pool.host("http://a");
    let first = open(host.take().await).fill(fake(1));
    let mut second = Box::pin(host.take());
    let mut third = Box::pin(host.take());
    assert!(poll(&mut second).is_pending() && poll(&mut third).is_pending());
    first.keep();
    drop(second);
    let lease = reused(third.await);
    assert_eq!(lease.connection.0, 1);
    let mut fourth = Box::pin(host.take());
    assert!(poll(&mut fourth).is_pending());
    drop(lease);
    drop(fourth);
    drop(open(host.take().await));
    assert_eq!(host.lock().open, 0);
}

#[tokio::test]
async fn idle_ones_are_bounded_and_the_rest_is_closed() {
    let pool = Pool::new(Bounds {
        per_host: 8,
        ..bounds()
    });
    let host = pool.host("http://a");
    let mut leases = Vec::new();
    for number in 0..5 {
        leases.push(open(host.take().await).fill(fake(number)));
    }
    leases.into_iter().for_each(Lease::keep);
    let figures = pool.figures();
    assert_eq!((figures.opened, figures.idle, figures.refused), (5, 2, 3));
    assert_eq!(host.lock().open, 2);
}

#[tokio::test]
async fn idle_ones_grow_old() {
    let pool = Pool::new(bounds());
    let host = pool.host("http://a");
    open(host.take().await).fill(fake(1)).keep();
    pool.sweep(Instant::now());
    assert_eq!(pool.figures().idle, 1);
    drop(host);
    pool.sweep(Instant::now() + Duration::from_secs(61));
    let figures = pool.figures();
    assert_eq!((figures.idle, figures.expired), (0, 1));
    assert!(
        pool.hosts.read().unwrap().is_empty(),
        "a host without connections is forgotten"
    );
}

#[tokio::test]
async fn dead_ones_are_not_given_out() {
    let pool = Pool::new(bounds());
    let host = pool.host("http://a");
    let connection = fake(1);
    let alive = Arc::clone(&connection.1);
    open(host.take().await).fill(connection).keep();
    alive.store(false, Ordering::Relaxed);
    drop(open(host.take().await));
    assert_eq!(pool.figures().dead, 1);
    assert_eq!(host.lock().open, 0);
}

#[tokio::test]
async fn a_higher_limit_lets_the_next_in() {
    let pool = Pool::new(Bounds {
        per_host: 1,
        ..bounds()
    });
    let host = pool.host("http://a");
    let _first = open(host.take().await).fill(fake(1));
    let mut second = Box::pin(host.take());
    assert!(poll(&mut second).is_pending());
    pool.set_per_host(2);
    drop(open(second.await));
}

#[tokio::test]
async fn a_lower_limit_closes_what_comes_back() {
    let pool = Pool::new(bounds());
    let host = pool.host("http://a");
    let first = open(host.take().await).fill(fake(1));
    let second = open(host.take().await).fill(fake(2));
    pool.set_per_host(1);
    first.keep();
    second.keep();
    let figures = pool.figures();
    assert_eq!((figures.idle, figures.refused, host.lock().open), (1, 1, 1));
}

#[tokio::test]
async fn a_failed_dial_gives_its_place_on() {
    let pool = Pool::new(Bounds {
        per_host: 1,
        ..bounds()
    });
    let host = pool.host("http://a");
    let slot = open(host.take().await);
    let waiting = tokio::spawn({
        let host = Arc::clone(&host);
        async move { drop(open(host.take().await)) }
    });
    drop(slot);
    waiting.await.unwrap();
    assert_eq!(host.lock().open, 0);
}
