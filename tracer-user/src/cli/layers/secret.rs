//! Values that are not shown: passwords in URLs, tokens and header lines.

use toml::Value as Toml;
use tracer_settings::Key;

/// Text in the place of a secret.
const HIDDEN: &str = "(hidden)";
/// Parts of the names of keys whose values are secret.
const NAMES: [&str; 5] = ["header", "token", "password", "secret", "credential"];

/// Value of a key as people may see it.
pub(super) fn hidden(key: &Key, value: Toml) -> Toml {
    let is_file = key.name.ends_with("_file");
    let is_secret = !is_file && NAMES.iter().any(|part| key.name.contains(part));
    mapped(value, &|text| match is_secret && text != "none" {
        true => HIDDEN.to_owned(),
        false => without_password(text),
    })
}

fn mapped(value: Toml, hide: &dyn Fn(&str) -> String) -> Toml {
    match value {
        Toml::String(text) => Toml::String(hide(&text)),
        Toml::Array(items) => {
            Toml::Array(items.into_iter().map(|item| mapped(item, hide)).collect())
        }
        other => other,
    }
}

/// URL without what stands before the @ of its host.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{HIDDEN}{}", &rest[at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tracer_settings::Table as _;

    use super::*;
    use crate::cli::layers::AttachKeys;

    #[test]
    fn passwords_and_tokens_are_hidden() {
        #[track_caller]
        fn check(name: &'static str, value: &str, expected: &str) {
            let key = Key {
                name,
                ..*AttachKeys::find("output.json").unwrap()
            };
            let shown = hidden(&key, Toml::String(value.to_owned()));
            assert_eq!(shown.as_str(), Some(expected));
        }
        check(
            "output.otlp",
            "https://me:pass@h:1/v1",
            "https://(hidden)@h:1/v1",
        );
        check("output.otlp", "https://h:1/a@b", "https://h:1/a@b");
        check("otlp.header", "Authorization: x", "(hidden)");
        check("otlp.token_file", "/run/token", "/run/token");
        check("otlp.token", "none", "none");
    }
}
