//! Decides which failures are tried again, and when.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime};

use hyper::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::outcome::{Failure, Remedy};
use crate::settings::Retry;

/// Decision about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The failure is final.
    GiveUp,
    /// Try again after this time.
    After(Duration),
    /// Slow the whole crawl down because this machine lacks a resource, then try again. Not counted as a try.
    SlowDown(Duration),
}

/// Decides about a failure of a page with this number of earlier `retries`.
pub fn decide(settings: &Retry, failure: &Failure, retries: u32) -> Decision {
    if failure.remedy() == Remedy::System {
        return Decision::SlowDown(backoff(settings, retries.min(4)));
    }
    let passes = match failure {
        Failure::Status { status, .. } => settings.statuses.contains(status),
        other => other.remedy() == Remedy::Transient,
    };
    if !passes || retries >= settings.attempts {
        return Decision::GiveUp;
    }
    match failure.retry_after() {
        Some(wish) if wish > settings.max_retry_after => Decision::GiveUp,
        // The server's wish counts if it is longer than our own back-off.
        Some(wish) => Decision::After(wish.max(backoff(settings, retries))),
        None => Decision::After(backoff(settings, retries)),
    }
}

/// Shortest wait before the first further try.
pub(crate) fn shortest_wait(settings: &Retry) -> Duration {
    settings.backoff.min(settings.max_backoff) / 2
}

/// Wait before the next try, which doubles up to the limit. A random time between half and all of it is taken, so that
/// pages that failed together are not tried together.
fn backoff(settings: &Retry, retries: u32) -> Duration {
    let doubled = settings
        .backoff
        .saturating_mul(1u32.checked_shl(retries).unwrap_or(u32::MAX));
    let whole = doubled.min(settings.max_backoff);
    whole / 2 + (whole / 2).mul_f64(fraction())
}

/// Random number between 0 and 1. Each hasher of the standard library has keys of its own.
fn fraction() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Forms of a date that a recipient has to accept (RFC 9110 section 5.6.7).
const DATES: [&[BorrowedFormatItem<'_>]; 3] = [
    format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    ),
    format_description!(
        "[weekday repr:long], [day]-[month repr:short]-[year repr:last_two base:calendar] [hour]:[minute]:[second] GMT"
    ),
    format_description!(
        "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
    ),
];

/// Wait in a Retry-After field (RFC 9110 section 10.2.3): seconds or a date; `None` if it is not valid. A date in the
/// past gives zero.
pub fn retry_after(field: &str, now: SystemTime) -> Option<Duration> {
    let field = field.trim();
    if !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number with more digits than fit practically means never.
        return Some(Duration::from_secs(field.parse().unwrap_or(u64::MAX)));
    }
    let wait = http_date(field)? - OffsetDateTime::from(now);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// The pause that an answer asks for. Its own Date is the time that a date is compared with: the server's clock may be wrong.
pub(crate) fn wish(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let field = |name: HeaderName| headers.get(name)?.to_str().ok();
    let sent = field(DATE).and_then(|text| http_date(text.trim()));
    retry_after(field(RETRY_AFTER)?, sent.map_or(now, SystemTime::from))
}

fn http_date(text: &str) -> Option<OffsetDateTime> {
    let parse = |form| PrimitiveDateTime::parse(text, form).ok();
    DATES
        .iter()
        .find_map(parse)
        .map(PrimitiveDateTime::assume_utc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Clock, Scarce, Stage};
    use crate::settings::Settings;

    fn settings() -> Retry {
        Retry {
            attempts: 2,
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(5),
            max_retry_after: Duration::from_secs(60),
            ..Settings::default().retry
        }
    }

    fn status(status: u16, retry_after_s: Option<u64>) -> Failure {
        Failure::Status {
            status,
            retry_after: retry_after_s.map(Duration::from_secs),
        }
    }

    fn after(failure: &Failure, retries: u32) -> f64 {
        match decide(&settings(), failure, retries) {
            Decision::After(wait) => wait.as_secs_f64(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn backoff_doubles_with_jitter_and_ends() {
        for _ in 0..100 {
            assert!((0.5..=1.0).contains(&after(&Failure::Closed, 0)));
            assert!(after(&Failure::Closed, 0) >= shortest_wait(&settings()).as_secs_f64());
            assert!((1.0..=2.0).contains(&after(&Failure::Closed, 1)));
        }
        assert_eq!(decide(&settings(), &Failure::Closed, 2), Decision::GiveUp);
        let settings = Retry {
            attempts: 100,
            ..settings()
        };
        for retries in [3, 31, 32, 99] {
            let Decision::After(wait) = decide(&settings, &Failure::Closed, retries) else {
                panic!("gave up");
            };
            assert!((2.5..=5.0).contains(&wait.as_secs_f64()), "{wait:?}");
        }
        let waits: std::collections::HashSet<_> = (0..20).map(|_| backoff(&settings, 0)).collect();
        assert!(waits.len() > 10, "jitter: {waits:?}");
    }

    #[test]
    fn classes() {
        let timeout = |clock| Failure::Timeout {
            clock,
            stage: Stage::Body,
        };
        let system = Failure::System {
            scarce: Scarce::Ports,
            source: std::io::Error::from_raw_os_error(libc::EADDRNOTAVAIL),
        };
        for permanent in [
            status(404, None),
            timeout(Clock::Task),
            Failure::Cancelled(Stage::Turn),
            Failure::Bomb { limit_bytes: 1 },
        ] {
            assert_eq!(
                decide(&settings(), &permanent, 0),
                Decision::GiveUp,
                "{permanent}"
            );
        }
        assert!(matches!(
            decide(&settings(), &timeout(Clock::Request), 0),
            Decision::After(_)
        ));
        assert!(matches!(
            decide(&settings(), &system, 1000),
            Decision::SlowDown(_)
        ));
    }

    #[test]
    fn the_server_says_when() {
        assert_eq!(after(&status(503, Some(7)), 0), 7.0);
        assert!(after(&status(429, Some(0)), 0) >= 0.5);
        assert_eq!(
            decide(&settings(), &status(503, Some(61)), 0),
            Decision::GiveUp
        );
    }

    #[test]
    fn statuses_are_those_of_the_settings() {
        let settings = Retry {
            statuses: vec![404],
            ..settings()
        };
        assert!(matches!(
            decide(&settings, &status(404, None), 0),
            Decision::After(_)
        ));
        assert_eq!(decide(&settings, &status(503, None), 0), Decision::GiveUp);
    }

    #[test]
    fn a_date_is_compared_with_the_clock_of_the_server() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_740);
        let of = |date: Option<&'static str>, wish: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, wish.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            super::wish(&headers, now).map(|wish| wish.as_secs())
        };
        let until = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(of(None, until), Some(37));
        assert_eq!(of(Some("Sun, 06 Nov 1994 08:49:30 GMT"), until), Some(7));
        assert_eq!(of(Some("yesterday"), until), Some(37));
        assert_eq!(of(Some("Sun, 06 Nov 1994 08:49:30 GMT"), "9"), Some(9));
        assert_eq!(super::wish(&HeaderMap::new(), now), None);
    }

    #[test]
    fn retry_after_in_all_its_forms() {
        // 1994-11-06 08:49:00 UTC
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_740);
        for (field, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
            ("99999999999999999999999", Some(u64::MAX)),
        ] {
            assert_eq!(
                retry_after(field, now),
                expected.map(Duration::from_secs),
                "{field}"
            );
        }
    }
}
