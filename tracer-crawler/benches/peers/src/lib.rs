//! Parts that all peers share: arguments, measurements and the report.

use std::time::Instant;

use hdrhistogram::Histogram;

/// Arguments of a run: first URL, number of pages of the site, and number of requests at once.
pub struct Task {
    pub url: String,
    pub pages: u64,
    pub concurrency: usize,
}

impl Task {
    pub fn from_args() -> Self {
        let mut args = std::env::args().skip(1);
        let mut next = || args.next().expect("URL PAGES CONCURRENCY");
        Self {
            url: next(),
            pages: next().parse().expect("a number of pages"),
            concurrency: next().parse().expect("a number of requests at once"),
        }
    }
}

pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Prints the results of the run as one line of JSON.
    pub fn report(self, pages: u64, links: u64, times: Option<&Histogram<u64>>) {
        let seconds = self.0.elapsed().as_secs_f64();
        let quantile = |q| times.map(|times| times.value_at_quantile(q));
        println!(
            "{}",
            serde_json::json!({
                "pages": pages, "links": links, "seconds": seconds, "cpu_seconds": cpu_seconds(),
                "p50_ns": quantile(0.5), "p99_ns": quantile(0.99),
            })
        );
    }
}

pub fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits")
}

fn cpu_seconds() -> f64 {
    // SAFETY: an all-zero rusage is a valid one, and the call only writes to it.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
