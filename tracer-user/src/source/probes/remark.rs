//! The remark on HTTP/2 at the end of a trace: how it was read, why, and in which files there were probes.

use std::collections::BTreeMap;

use tracer_text::printable::printable;

use super::choice::Choice;

/// Files that are named; the others are counted.
const NAMED: usize = 4;

/// Finding about a file in which TLS is done.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Path of the file, as the process sees it.
    pub(crate) path: String,
    /// Number of probes, or the reason why there are none.
    pub(crate) probes: Result<usize, String>,
}

/// The remark; None if there is nothing to say.
pub(crate) fn remark(choice: &Choice, verdicts: &[Verdict]) -> Option<String> {
    let placed = verdicts.iter().filter_map(|it| {
        let count = it.probes.as_ref().ok()?;
        Some(format!("{} ({count})", name(&it.path)))
    });
    let refused = verdicts.iter().filter_map(|it| {
        let reason = it.probes.as_ref().err()?;
        Some(format!("{}: {reason}", name(&it.path)))
    });
    let parts = [
        choice.reason.clone(),
        listed(placed).map(|files| format!("probes in {files}")),
        listed(refused).map(|files| format!("no probes in {files}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("HTTP/2: {}", parts.join("; ")))
}

/// The first of these texts, equal ones once, and the number of the others.
fn listed(texts: impl Iterator<Item = String>) -> Option<String> {
    let mut all = BTreeMap::new();
    for text in texts {
        *all.entry(text).or_insert(0) += 1;
    }
    let more = all.len().saturating_sub(NAMED);
    let named = all.iter().take(NAMED).map(|(text, times)| match times {
        1 => text.clone(),
        _ => format!("{text} in {times} copies"),
    });
    let named: Vec<String> = named.collect();
    match (named.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(named.join(", ")),
        (false, more) => Some(format!("{} and {more} more", named.join(", "))),
    }
}

/// Last part of a path, which the traced process has chosen.
fn name(path: &str) -> String {
    printable(path.rsplit('/').next().unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(path: &str, probes: Result<usize, &str>) -> Verdict {
        Verdict {
            path: path.into(),
            probes: probes.map_err(Into::into),
        }
    }

    #[test]
    fn files_are_named_and_reasons_given() {
        let choice = Choice {
            mode: 2,
            reason: Some("frames are read".into()),
        };
        let verdicts = [
            verdict("/usr/lib/libssl.so.3", Ok(9)),
            verdict("/a/libssl.so.3", Ok(9)),
            verdict("/usr/bin/node", Ok(12)),
            verdict("/opt/old", Err("built with go1.16")),
        ];
        let expected = "HTTP/2: frames are read; probes in libssl.so.3 (9) in 2 copies, node (12); no probes in old: built with go1.16";
        assert_eq!(remark(&choice, &verdicts).as_deref(), Some(expected));
    }

    #[test]
    fn nothing_to_say_is_nothing_and_many_files_are_counted() {
        let choice = Choice {
            mode: 1,
            reason: None,
        };
        assert_eq!(remark(&choice, &[]), None);
        let many: Vec<Verdict> = (0..9).map(|n| verdict(&format!("/{n}"), Ok(1))).collect();
        let said = remark(&choice, &many).unwrap();
        assert_eq!(
            said,
            "HTTP/2: probes in 0 (1), 1 (1), 2 (1), 3 (1) and 5 more"
        );
    }
}
