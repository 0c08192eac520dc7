//! Switches of a crawl with a value in the next word: `--robots false` means `--robots=false`. Without this the word
//! `false` would be taken as a URL, because a switch needs no value.

use std::ffi::{OsStr, OsString};

use tracer_crawler::settings::{Settings, is_switch_value};

/// Commands whose flags are the settings of a crawl.
const COMMANDS: [&str; 2] = ["crawl", "config"];

/// Words of a command line, with each switch and its value joined; the words after `--` are unchanged.
pub(crate) fn joined(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.into_iter().peekable();
    let mut joined: Vec<OsString> = words.by_ref().take(1).collect();
    let is_ours = |word: &OsString| COMMANDS.iter().any(|command| word == command);
    if !words.peek().is_some_and(is_ours) {
        joined.extend(words);
        return joined;
    }
    while let Some(mut word) = words.next() {
        if word == OsStr::new("--") {
            joined.push(word);
            break;
        }
        if is_switch(&word)
            && let Some(value) = words.next_if(|next| is_value(next))
        {
            word.push("=");
            word.push(value);
        }
        joined.push(word);
    }
    joined.extend(words);
    joined
}

fn is_switch(word: &OsStr) -> bool {
    let flag = word.to_str().and_then(|word| word.strip_prefix("--"));
    flag.is_some_and(|flag| Settings::keys().any(|key| key.switch && key.flag == flag))
}

fn is_value(word: &OsStr) -> bool {
    word.to_str().is_some_and(is_switch_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, expected: &str) {
        let joined = joined(words.split(' ').map(OsString::from));
        let expected: Vec<_> = expected.split(' ').map(OsString::from).collect();
        assert_eq!(joined, expected);
    }

    #[test]
    fn a_switch_takes_the_value_behind_it() {
        check(
            "tracer crawl --robots false http://h/",
            "tracer crawl --robots=false http://h/",
        );
        check(
            "tracer crawl http://h/ --http2 On",
            "tracer crawl http://h/ --http2=On",
        );
        check(
            "tracer config show --quiet 0 --robots no",
            "tracer config show --quiet=0 --robots=no",
        );
        for same in [
            "tracer crawl --robots http://h/",
            "tracer crawl --robots=false false",
            "tracer crawl --no-robots false",
            "tracer crawl --depth 0 --retries 1",
            "tracer crawl --user-agent no",
            "tracer crawl -- --robots false",
            "tracer run -- other --robots false",
            "tracer crawl --robots",
            "tracer",
        ] {
            check(same, same);
        }
    }
}
