//! Mistakes on the command line, each told in one line: what is wrong, and what to type. A mistake in an expression of
//! `--fail-on` has two more lines, with carets under its place.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::trace::child::quoted;

/// The line for an error of the parser; None when the parser's own text is better, as for help.
pub(super) fn one_line(error: &clap::Error, words: &[String]) -> Option<String> {
    let typed = Typed { error, words };
    match error.kind() {
        ErrorKind::UnknownArgument => typed.unknown(),
        ErrorKind::InvalidValue => typed.none_of(),
        ErrorKind::ValueValidation => typed.wrong_value(),
        ErrorKind::MissingRequiredArgument => typed.missing(),
        ErrorKind::ArgumentConflict => typed.conflict(),
        _ => None,
    }
}

/// An error with the words that were typed.
struct Typed<'a> {
    error: &'a clap::Error,
    words: &'a [String],
}

impl Typed<'_> {
    /// The command, as typed.
    fn command(&self) -> &str {
        self.words.get(1).map_or("", String::as_str)
    }

    fn text(&self, kind: ContextKind) -> Option<String> {
        match self.error.get(kind)? {
            ContextValue::String(text) => Some(text.clone()),
            ContextValue::Strings(texts) => Some(texts.join(", ")),
            _ => None,
        }
    }

    /// Name of the flag in question, without its value.
    fn flag(&self) -> Option<String> {
        let text = self.text(ContextKind::InvalidArg)?;
        Some(text.split([' ', '=', '[']).next()?.to_owned())
    }

    fn unknown(&self) -> Option<String> {
        let word = self.text(ContextKind::InvalidArg)?;
        if word.starts_with('-') {
            let near = self.text(ContextKind::SuggestedArg);
            let command = self.command();
            return Some(match near {
                Some(near) => format!("unknown flag {word}; did you mean {near}?"),
                None => format!("unknown flag {word}; see tracer {command} --help"),
            });
        }
        match self.command() {
            "run" => Some(self.without_dashes(&word)),
            "attach" => Some(format!(
                "attach takes no `{word}`; type: tracer attach {}",
                process(&word)
            )),
            command => Some(format!(
                "`{word}` is one word too many; see tracer {command} --help"
            )),
        }
    }

    /// The command of `tracer run` was given without `--` before it.
    fn without_dashes(&self, word: &str) -> String {
        let at = self.words.iter().position(|typed| typed == word);
        let (before, after) = self.words.split_at(at.unwrap_or(self.words.len()));
        let before = before.get(1..).unwrap_or_default();
        let line = [before, &["--".to_owned()], after].concat();
        let line: Vec<String> = line.iter().map(|word| quoted(word)).collect();
        format!(
            "`--` is missing before the command; type: tracer {}",
            line.join(" ")
        )
    }

    fn none_of(&self) -> Option<String> {
        let (flag, value) = (self.flag()?, self.text(ContextKind::InvalidValue)?);
        let known = self.text(ContextKind::ValidValue);
        match known {
            Some(known) if value.is_empty() => Some(format!("{flag} wants one of {known}")),
            Some(known) => Some(format!("{flag}: `{value}` is none of {known}")),
            None if value.is_empty() => Some(format!("{flag} wants a value")),
            None => None,
        }
    }

    fn wrong_value(&self) -> Option<String> {
        let flag = self.flag()?;
        let why = std::error::Error::source(self.error)?;
        Some(format!("{flag}: {why}"))
    }

    fn missing(&self) -> Option<String> {
        let missing = self.text(ContextKind::InvalidArg)?;
        if self.command() == "run" && missing.contains("CMD") {
            return Some("a command is missing; type: tracer run -- CMD".to_owned());
        }
        let command = self.command();
        Some(format!("{missing} is missing; see tracer {command} --help"))
    }

    fn conflict(&self) -> Option<String> {
        let (flag, other) = (self.flag()?, self.text(ContextKind::PriorArg)?);
        match flag == other.split(' ').next()? {
            true => Some(format!("{flag} can be given once")),
            false => Some(format!("{flag} does not go with {other}")),
        }
    }
}

/// Flag that chooses a process by what was typed for it.
fn process(word: &str) -> String {
    match word.parse::<u32>() {
        Ok(pid) => format!("--pid {pid}"),
        Err(_) if word.contains('/') => format!("--exe {}", quoted(word)),
        Err(_) => format!("--comm {}", quoted(word)),
    }
}
