//! `tracer crawl --trace`: the same as `tracer run -- tracer crawl …`, so that the crawl is traced from its first
//! socket, and by a process without the tracer's rights.

use std::ffi::{OsStr, OsString};

use clap::Parser;

use crate::{
    cli::args::{Arguments, Command, Crawl},
    failure::Failure,
    trace::session,
};

const TRACE: &str = "--trace";
const TRACE_JSON: &str = "--trace-json";

/// Runs this program again as the command of `tracer run`.
pub(crate) fn traced(arguments: &Crawl) -> Result<u8, Failure> {
    let own = std::env::current_exe().map_err(Failure::internal("finding this program"))?;
    let mut words: Vec<OsString> = vec!["tracer".into(), "run".into(), "--no-tui".into()];
    if let Some(path) = &arguments.trace_json {
        words.extend(["--json".into(), path.into()]);
    }
    words.extend(["--".into(), own.into()]);
    words.extend(without_trace(std::env::args_os().skip(1)));
    let parsed = Arguments::try_parse_from(words)
        .map_err(|error| Failure::internal("preparing the trace")(std::io::Error::other(error)))?;
    match parsed.command {
        Command::Run(run) => session::run(&run),
        _ => Err(Failure::Usage("--trace needs `tracer run`".into())),
    }
}

/// Words of the command line without the flags of the trace; all words after `--` are kept.
fn without_trace(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut words = words;
    while let Some(word) = words.next() {
        if word == OsStr::new("--") {
            kept.push(word);
            kept.extend(words);
            break;
        }
        if word == OsStr::new(TRACE_JSON) {
            // The flag's value is the next word.
            words.next();
        } else if word != OsStr::new(TRACE) && !word.to_string_lossy().starts_with("--trace-json=")
        {
            kept.push(word);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_flags_of_the_trace_go() {
        #[track_caller]
        fn check(words: &str, expected: &str) {
            let kept = without_trace(words.split(' ').map(OsString::from));
            assert_eq!(
                kept,
                expected.split(' ').map(OsString::from).collect::<Vec<_>>()
            );
        }
        check("crawl --trace http://a/", "crawl http://a/");
        check(
            "crawl --trace-json x.json --depth 3 http://a/",
            "crawl --depth 3 http://a/",
        );
        check(
            "crawl --trace --trace-json=x --traces http://a/",
            "crawl --traces http://a/",
        );
        check("crawl -- --trace", "crawl -- --trace");
    }
}
