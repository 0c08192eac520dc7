//! Doc summaries that leave their subject out: "Of the last minute", "What it said", "They are closed".
//!
//! A summary is a noun phrase or a verb phrase about the thing itself. `cargo xtask summaries [CRATE…]` lists those
//! that are not.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::exceptions::{SUMMARIES, SummaryException};
use crate::graph::packages;
use crate::workspace;

/// Beginnings that stand for a noun which the reader has to guess.
const REFUSED: &[&str] = &[
    "how", "it", "it's", "its", "likewise", "of", "that", "the same", "their", "they", "those",
    "what", "which", "whose",
];

/// The first line of a doc comment.
#[derive(Debug, PartialEq, Eq)]
struct Summary {
    line: usize,
    text: String,
}

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let names = names()?;
    if let Some(unknown) = args.iter().find(|arg| !names.contains(arg)) {
        bail!("no crate {unknown:?}; there are {}", names.join(", "));
    }
    for name in names {
        if args.is_empty() || args.contains(&name) {
            let found = of_package(&name)?;
            found.iter().for_each(|fault| println!("{fault}"));
            println!("{name}: {}", found.len());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each package that has more of these summaries than the table of exceptions says, or fewer.
pub(crate) fn faults() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for name in names()? {
        faults.extend(compare(&name, of_package(&name)?, SUMMARIES));
    }
    Ok(faults)
}

fn names() -> Result<Vec<String>> {
    Ok(packages()?
        .into_iter()
        .map(|package| package.name)
        .collect())
}

/// Holds what was found against the number that the package is allowed. The number may only go down.
fn compare(package: &str, found: Vec<String>, exceptions: &[SummaryException]) -> Vec<String> {
    let exception = exceptions.iter().find(|it| it.package == package);
    let allowed = exception.map_or(0, |it| it.count);
    let count = found.len();
    if count == 0 && exception.is_some() {
        return vec![format!(
            "xtask/src/exceptions.rs: no summary of {package} is refused any more: remove the entry"
        )];
    }
    if count < allowed {
        let what = format!("{package}: {count} summaries are refused and {allowed} allowed");
        return vec![format!(
            "xtask/src/exceptions.rs: {what}: lower the number to {count}"
        )];
    }
    if count == allowed {
        return Vec::new();
    }
    if allowed == 0 {
        return found;
    }
    vec![format!(
        "{package}: {count} summaries are refused and {allowed} allowed: `cargo xtask summaries {package}` lists them"
    )]
}

/// Every refused summary of a package, tests included, as `file:line: text`.
fn of_package(package: &str) -> Result<Vec<String>> {
    let root = workspace::root();
    let mut found = Vec::new();
    for file in workspace::rust_files(&root.join(package))? {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(&root).unwrap_or(&file);
        found.extend(in_file(name, &text)?);
    }
    Ok(found)
}

fn in_file(name: &Path, text: &str) -> Result<Vec<String>> {
    let tokens: TokenStream = text
        .parse()
        .map_err(|error| anyhow::anyhow!("{} is not valid Rust: {error}", name.display()))?;
    let mut summaries = Vec::new();
    collect(tokens, &mut summaries);
    let refused = summaries
        .into_iter()
        .filter(|summary| is_refused(&summary.text));
    let line = |it: Summary| {
        format!(
            "{}:{}: {:?} has no subject",
            name.display(),
            it.line,
            it.text
        )
    };
    Ok(refused.map(line).collect())
}

/// Doc comments are attributes among the tokens; the first one of a row is the summary.
fn collect(tokens: TokenStream, summaries: &mut Vec<Summary>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut is_summary_due = true;
    let mut at = 0;
    while at < tokens.len() {
        if let Some((doc, length)) = doc(&tokens[at..]) {
            if is_summary_due {
                summaries.extend(doc);
            }
            is_summary_due = false;
            at += length;
            continue;
        }
        is_summary_due = true;
        if let TokenTree::Group(group) = &tokens[at] {
            collect(group.stream(), summaries);
        }
        at += 1;
    }
}

/// The doc attribute with which these tokens begin, and its number of tokens. An empty one has no summary.
fn doc(tokens: &[TokenTree]) -> Option<(Option<Summary>, usize)> {
    let is = |at: usize, mark| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == mark);
    let length = if is(1, '!') { 3 } else { 2 };
    let TokenTree::Group(group) = tokens.get(length - 1).filter(|_| is(0, '#'))? else {
        return None;
    };
    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
    match inner.as_slice() {
        [
            TokenTree::Ident(name),
            TokenTree::Punct(_),
            TokenTree::Literal(text),
        ] if group.delimiter() == Delimiter::Bracket && name == "doc" => {
            let value = syn::parse_str::<syn::LitStr>(&text.to_string())
                .ok()?
                .value();
            Some((first_line(&value, text.span().start().line), length))
        }
        _ => None,
    }
}

/// The first line with text; a block comment may begin with an empty one.
fn first_line(value: &str, line: usize) -> Option<Summary> {
    let lines = value
        .lines()
        .map(|line| line.trim_start_matches([' ', '*']).trim_end());
    let mut filled = lines.enumerate().filter(|(_, text)| !text.is_empty());
    filled.next().map(|(below, text)| Summary {
        line: line + below,
        text: text.to_owned(),
    })
}

/// Tells whether the text begins with one of the refused words, whatever their case.
fn is_refused(text: &str) -> bool {
    let text = text.to_lowercase();
    REFUSED.iter().any(|word| {
        let rest = text.strip_prefix(word);
        rest.is_some_and(|rest| {
            !rest.starts_with(|c: char| c.is_alphanumeric() || "_'-".contains(c))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(usize, &str)]) {
        let found = in_file(Path::new("a.rs"), text).unwrap();
        let expected: Vec<String> = expected
            .iter()
            .map(|(line, text)| format!("a.rs:{line}: {text:?} has no subject"))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn summaries_without_a_subject_are_found_wherever_they_stand() {
        check("//! What it does.\n\nfn f() {}", &[(1, "What it does.")]);
        check(
            "struct A {\n    /// Of a later one.\n    a: u8,\n}",
            &[(2, "Of a later one.")],
        );
        check(
            "/**\n * They are closed.\n */\nfn f() {}",
            &[(2, "They are closed.")],
        );
        check(
            "made! {\n    /// The same, ns.\n    a\n}",
            &[(2, "The same, ns.")],
        );
        check(
            "mod tests {\n    /// Likewise.\n    fn f() {}\n}",
            &[(2, "Likewise.")],
        );
        check("#[inline]\n/// it's one.\nfn f() {}", &[(2, "it's one.")]);
    }

    #[test]
    fn the_rest_of_a_comment_and_other_text_are_left_alone() {
        check("/// A socket.\n///\n/// What it is for.\nfn f() {}", &[]);
        check(
            "// What follows\nconst A: &str = \"\n/// What is this\n\";",
            &[],
        );
        check(
            "/// `of` as a word.\nfn f() {}\n/// Offsets.\nfn g() {}",
            &[],
        );
        check(
            "/// Whatever it takes.\nfn f() {}\n/// The samest.\nfn g() {}",
            &[],
        );
        check("///\nfn f() {}", &[]);
    }

    #[test]
    fn every_refused_word_is_refused() {
        for word in REFUSED {
            assert!(is_refused(&format!("{word} end")), "{word}");
            assert!(is_refused(&word.to_uppercase()), "{word}");
        }
    }

    fn held(found: usize, allowed: &[(&'static str, usize)]) -> Vec<String> {
        let exceptions: Vec<SummaryException> = allowed
            .iter()
            .map(|(package, count)| SummaryException {
                package,
                count: *count,
            })
            .collect();
        let found = (0..found).map(|number| format!("fault {number}")).collect();
        compare("made", found, &exceptions)
    }

    #[test]
    fn the_number_of_a_package_may_only_go_down() {
        assert_eq!(held(3, &[("made", 3)]), [""; 0]);
        assert!(held(4, &[("made", 3)])[0].contains("4 summaries are refused and 3 allowed"));
        assert!(held(2, &[("made", 3)])[0].contains("lower the number to 2"));
        assert!(held(0, &[("made", 3)])[0].contains("remove the entry"));
    }

    #[test]
    fn a_package_without_an_entry_is_told_each_fault() {
        assert_eq!(held(2, &[("other", 5)]), ["fault 0", "fault 1"]);
        assert_eq!(held(0, &[]), [""; 0]);
    }
}
