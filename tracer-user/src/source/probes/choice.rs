//! Whether the frames of HTTP/2 are read, which depends on what a probe costs here.

use std::{io, time::Duration};

use tracer_common::config::http2;
use tracer_text::number;

/// Longest time of a hit with which `auto` reads frames. A request takes about four calls of a TLS library, and a call has
/// a hit at its entry and one at its return. At 3 µs a hit, that is 25 µs of a request's time in the client: less than
/// TLS and HTTP/2 themselves take there, and less than what the figures promise to be exact to (100 µs). Machines without
/// virtualisation take about 1 µs.
const WORTH: Duration = Duration::from_micros(3);

/// Wish of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Asked {
    /// Frames if a probe takes less than 3 µs here, else wire; says which, and why.
    #[default]
    Auto,
    /// Frames, by probes in TLS libraries: every request is known.
    Frames,
    /// Lengths and times of TLS records, without probes: requests as far as these tell.
    Wire,
    /// Neither; only the number of connections that speak HTTP/2.
    Off,
}

/// Way that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// One of [`http2`].
    pub(crate) mode: u32,
    /// Reason, one line; None if the user has asked for this.
    pub(crate) reason: Option<String>,
}

impl Choice {
    /// Way in which HTTP/2 is read, and why.
    pub(crate) fn explained(&self) -> String {
        let way = match self.mode {
            http2::FRAMES => "frames",
            http2::WIRE => "wire",
            _ => "off",
        };
        match &self.reason {
            Some(reason) => format!("auto chose {way}: {reason}"),
            None => format!("{way}, as --http2 says"),
        }
    }
}

/// Chooses a way. `cost` measures what a hit of a probe takes.
pub(crate) fn choose(asked: Asked, cost: impl FnOnce() -> io::Result<Duration>) -> Choice {
    let asked_for = |mode| Choice { mode, reason: None };
    match asked {
        Asked::Off => asked_for(http2::OFF),
        Asked::Wire => asked_for(http2::WIRE),
        Asked::Frames => asked_for(http2::FRAMES),
        Asked::Auto => by_cost(cost()),
    }
}

fn by_cost(cost: io::Result<Duration>) -> Choice {
    let (mode, reason) = match cost {
        Ok(cost) if cost <= WORTH => (
            http2::FRAMES,
            format!(
                "frames are read by probes, which take {} a hit here",
                shown(cost)
            ),
        ),
        Ok(cost) => (
            http2::WIRE,
            format!(
                "frames are not read, because a probe takes {} a hit here, more than {}; --http2 frames reads them all the same",
                shown(cost),
                shown(WORTH)
            ),
        ),
        Err(error) => (
            http2::WIRE,
            format!("frames are not read, because no probe can be placed here: {error}"),
        ),
    };
    Choice {
        mode,
        reason: Some(reason),
    }
}

/// Line of `tracer doctor` about the cost of a probe, and what `--http2 auto` makes of it.
pub(crate) fn described(cost: Duration) -> String {
    let way = match cost <= WORTH {
        true => "frames",
        false => "wire",
    };
    format!("{} a hit: --http2 auto takes {way}", shown(cost))
}

fn shown(time: Duration) -> String {
    number::time(time.as_nanos() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_goes_by_the_cost() {
        let chosen = |cost| choose(Asked::Auto, || cost);
        let cheap = chosen(Ok(Duration::from_nanos(900)));
        assert_eq!(cheap.mode, http2::FRAMES);
        assert!(cheap.explained().starts_with("auto chose frames: "));
        assert!(cheap.reason.is_some_and(|it| it.contains("900 ns")));
        let dear = chosen(Ok(Duration::from_micros(9)));
        assert_eq!(dear.mode, http2::WIRE);
        assert!(dear.reason.is_some_and(|it| it.contains("--http2 frames")));
        assert_eq!(
            chosen(Err(io::ErrorKind::PermissionDenied.into())).mode,
            http2::WIRE
        );
    }

    #[test]
    fn nothing_is_measured_unless_it_matters() {
        for (asked, mode) in [
            (Asked::Off, http2::OFF),
            (Asked::Wire, http2::WIRE),
            (Asked::Frames, http2::FRAMES),
        ] {
            let chosen = choose(asked, || panic!("measured"));
            assert!(chosen.explained().ends_with("as --http2 says"));
            assert_eq!((chosen.mode, chosen.reason), (mode, None));
        }
    }
}
