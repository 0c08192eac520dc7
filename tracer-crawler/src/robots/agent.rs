//! Product names: how robots.txt files call crawlers.

/// The product name at the beginning of a User-agent line or header: letters, `-` and `_` (RFC 9309 section 2.2.1). A
/// version or words behind it do not count.
pub(super) fn product(text: &[u8]) -> &[u8] {
    let is_part = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_');
    let end = text.iter().position(|byte| !is_part(byte));
    &text[..end.unwrap_or(text.len())]
}

/// The name that robots.txt files know a crawler by which sends this User-Agent, in lower case. Behind
/// `Mozilla/5.0 (compatible; ` it is the name there.
pub fn agent_of(user_agent: &str) -> String {
    let disguised = user_agent
        .strip_prefix("Mozilla/")
        .and_then(|rest| rest.split_once("compatible; "))
        .map(|(_, name)| product(name.as_bytes()))
        .filter(|name| !name.is_empty());
    let name = disguised.unwrap_or_else(|| product(user_agent.as_bytes()));
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (user_agent, name) in [
            ("tracer/0.1 (+mailto:a@b)", "tracer"),
            ("My_Bot-x 2", "my_bot-x"),
            ("bot2/1", "bot"),
            (
                "Mozilla/5.0 (compatible; ExampleBot/1.0; +https://e.example)",
                "examplebot",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64)", "mozilla"),
            ("Mozilla/5.0 (compatible; 7)", "mozilla"),
            ("", ""),
        ] {
            assert_eq!(agent_of(user_agent), name, "{user_agent}");
        }
    }
}
