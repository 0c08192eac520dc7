//! Paths among the arguments of macros, which have no syntax tree.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::tree::Name;

/// Every path among the tokens, with its line.
pub(crate) fn names(tokens: TokenStream) -> Vec<(Name, usize)> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => found.extend(names(group.stream())),
            TokenTree::Ident(first) if begins(&tokens, at) => {
                let line = first.span().start().line;
                let (name, last) = path(&tokens, at);
                found.push((name, line));
                at = last;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Paths in string literals of an attribute: `#[serde(with = "crate::time")]`.
pub(crate) fn quoted_names(tokens: TokenStream) -> Vec<(Name, usize)> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() != Delimiter::None => {
                found.extend(quoted_names(group.stream()));
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if let Ok(path) = syn::parse_str::<syn::Path>(text.trim_matches('"')) {
                    found.push((Name::of(&path), literal.span().start().line));
                }
            }
            _ => {}
        }
    }
    found
}

/// The path whose first identifier is at `at`, and the place of its last one.
fn path(tokens: &[TokenTree], at: usize) -> (Name, usize) {
    let mut segments = vec![identifier(tokens, at).unwrap_or_default()];
    let mut last = at;
    while is_separator(tokens, last + 1) {
        let Some(next) = identifier(tokens, last + 3) else {
            break;
        };
        segments.push(next);
        last += 3;
    }
    let is_global = at >= 2 && is_separator(tokens, at - 2);
    (Name::new(is_global, segments), last)
}

/// Tells whether the identifier at `at` begins a path: a field, a method and the rest of `<T>::name` do not.
fn begins(tokens: &[TokenTree], at: usize) -> bool {
    let is = |back: usize, mark| at >= back && is_mark(tokens, at - back, mark);
    let after_dot = is(1, '.') && !is(2, '.');
    let after_type = is(1, ':') && is(2, ':') && is(3, '>');
    !after_dot && !after_type
}

fn identifier(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at)? {
        TokenTree::Ident(ident) => Some(super::tree::plain(ident)),
        _ => None,
    }
}

fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    is_mark(tokens, at, ':') && is_mark(tokens, at + 1, ':')
}

fn is_mark(tokens: &[TokenTree], at: usize, mark: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found = names(text.parse().unwrap());
        let found: Vec<String> = found.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn paths_are_read_from_tokens() {
        check("\"{}\", crate::a::b(c)", &["crate::a::b", "c"]);
        check("::std::fs, x.y.z(), 0..end", &["::std::fs", "x", "end"]);
        check("a::<T>::b, <T as C>::d", &["a", "T", "T", "as", "C"]);
        check("$crate::inner::go!()", &["crate::inner::go"]);
        check(
            "[r#type::of(Some(deep::path))]",
            &["type::of", "Some", "deep::path"],
        );
    }
}
