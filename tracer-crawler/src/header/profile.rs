//! Header profiles: sets of headers that belong together, read from a file. A host's name determines its profile, in
//! this crawl and later ones, so that all requests to the host are consistent.

use std::{fs, io::Read, path::Path};

use hyper::header::{self, HeaderName, HeaderValue};
use toml::{Table, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::{HeaderError, not_reserved};
use crate::credentials::SECRET_HEADERS;

/// Limit of a file's size in bytes.
const MAX_BYTES: u64 = 1 << 20;

type Lines = Vec<(HeaderName, HeaderValue)>;

/// Profiles of a file; empty without a file.
#[derive(Debug, Clone, Default)]
pub struct Profiles(Vec<Lines>);

impl Profiles {
    /// Reads `[[profile]]` tables of header names and values.
    pub fn load(path: &Path) -> Result<Self, HeaderError> {
        let failed = |source| HeaderError::Read {
            path: path.into(),
            source,
        };
        let mut text = String::new();
        let file = fs::File::open(path).map_err(failed)?;
        file.take(MAX_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Self::parse(&text).map_err(|problem| HeaderError::Profiles {
            path: path.into(),
            problem,
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.len() as u64 > MAX_BYTES {
            return Err(format!("more than {MAX_BYTES} bytes"));
        }
        let table: Table =
            toml::from_str(text).map_err(|e| format!("not valid TOML: {}", e.message()))?;
        if let Some(name) = table.keys().find(|name| *name != "profile") {
            return Err(format!(
                "unknown key `{}`; expected [[profile]] tables",
                name.escape_debug()
            ));
        }
        let Some(Value::Array(tables)) = table.get("profile") else {
            return Err("expected [[profile]] tables of header names and values".to_owned());
        };
        let profiles = tables.iter().enumerate().map(|(i, table)| {
            lines(table)
                .and_then(consistent)
                .map_err(|problem| format!("profile {}: {problem}", i + 1))
        });
        profiles.collect::<Result<_, _>>().map(Self)
    }

    /// Profile of a host, always the same for the same file.
    pub(super) fn of_host(&self, host: &str) -> Option<&Lines> {
        let count = self.0.len() as u64;
        let index = xxh3_64(host.as_bytes()).checked_rem(count)?;
        self.0.get(usize::try_from(index).ok()?)
    }
}

fn lines(table: &Value) -> Result<Lines, String> {
    let table = table
        .as_table()
        .ok_or("expected a table of header names and values")?;
    table
        .iter()
        .map(|(name, value)| line(name, value))
        .collect()
}

fn line(name: &str, value: &Value) -> Result<(HeaderName, HeaderValue), String> {
    let shown = name.escape_debug();
    let text = value
        .as_str()
        .ok_or_else(|| format!("`{shown}`: expected a string"))?;
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{shown}` is no header name"))?;
    let value =
        HeaderValue::from_str(text).map_err(|_| format!("`{shown}`: its value cannot be sent"))?;
    not_reserved("header", &name).map_err(|e| e.to_string())?;
    if name == header::REFERER {
        return Err(format!("`{name}` follows from navigation; leave it out"));
    }
    if SECRET_HEADERS.contains(&name) {
        return Err(format!(
            "`{name}` is secret, and a profile goes to any host; put it into headers.secrets_file"
        ));
    }
    Ok((name, value))
}

/// Checks that a profile has a User-Agent and that its client hints agree with it, because servers compare them.
fn consistent(lines: Lines) -> Result<Lines, String> {
    let text = |wanted: &str| {
        lines
            .iter()
            .find(|(name, _)| name == wanted)
            .and_then(|(_, value)| value.to_str().ok())
    };
    let agent =
        text("user-agent").ok_or("expected a User-Agent: the other headers have to fit it")?;
    let mobile = agent.contains("Mobile");
    if let Some(hint) = text("sec-ch-ua-mobile").filter(|hint| (*hint == "?1") != mobile) {
        return Err(format!(
            "Sec-CH-UA-Mobile {hint} does not fit the User-Agent"
        ));
    }
    if let Some(platform) = text("sec-ch-ua-platform") {
        let platform = platform.trim_matches('"');
        let words: &[&str] = match platform {
            "Windows" => &["Windows"],
            "macOS" => &["Macintosh", "Mac OS X"],
            "Linux" => &["Linux", "X11"],
            "Android" => &["Android"],
            "iOS" => &["iPhone", "iPad"],
            _ => &[],
        };
        if !words.is_empty() && !words.iter().any(|word| agent.contains(word)) {
            return Err(format!(
                "Sec-CH-UA-Platform \"{platform}\" does not fit the User-Agent"
            ));
        }
    }
    if text("sec-ch-ua").is_some_and(|brands| brands.contains("Chrom")) && !agent.contains("Chrom")
    {
        return Err("Sec-CH-UA names Chromium, the User-Agent does not".to_owned());
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "[[profile]]\nUser-Agent = \"a/1\"\nAccept-Language = \"de\"\n[[profile]]\nUser-Agent = \"b/1\"\nAccept-Language = \"en\"\n";

    #[test]
    fn a_host_keeps_its_profile_and_hosts_are_spread() {
        let profiles = Profiles::parse(TWO).unwrap();
        let of = |host: &str| profiles.of_host(host).unwrap().clone();
        let mut seen = [0; 2];
        for i in 0..1000 {
            let host = format!("h{i}.example");
            assert_eq!(of(&host), of(&host));
            let lines = of(&host);
            let get = |name: &str| lines.iter().find(|line| line.0 == name).unwrap().1.clone();
            // A request never mixes two profiles.
            let index = usize::from(get("user-agent") == "b/1");
            assert_eq!(get("accept-language"), ["de", "en"][index]);
            seen[index] += 1;
        }
        assert!(seen.iter().all(|count| *count > 400), "{seen:?}");
        assert!(Profiles::default().of_host("a").is_none());
    }

    #[test]
    fn files_that_are_no_profiles_are_refused() {
        #[track_caller]
        fn check(text: &str, says: &str) {
            let problem = Profiles::parse(text).unwrap_err();
            assert!(problem.contains(says), "{text}: {problem}");
        }
        check("", "expected [[profile]]");
        check("x = 1", "unknown key `x`");
        check("[profile", "not valid TOML");
        check(
            "[[profile]]\nAccept = \"x\"",
            "profile 1: expected a User-Agent",
        );
        check("[[profile]]\nUser-Agent = 3", "expected a string");
        check("[[profile]]\nUser-Agent = \"a\\n\"", "cannot be sent");
        check(
            "[[profile]]\nUser-Agent = \"a\"\n\"a b\" = \"c\"",
            "no header name",
        );
        check(
            "[[profile]]\nUser-Agent = \"a\"\nHost = \"c\"",
            "leave it out",
        );
        check(
            "[[profile]]\nUser-Agent = \"a\"\nReferer = \"c\"",
            "follows from navigation",
        );
        for name in ["Cookie", "authorization"] {
            check(
                &format!("[[profile]]\nUser-Agent = \"a\"\n{name} = \"c\""),
                "headers.secrets_file",
            );
        }
        check(
            "[[profile]]\nUser-Agent = \"X11; Linux\"\nSec-CH-UA-Platform = '\"Windows\"'",
            "does not fit",
        );
        check(
            "[[profile]]\nUser-Agent = \"a\"\nSec-CH-UA-Mobile = \"?1\"",
            "does not fit",
        );
        check(
            "[[profile]]\nUser-Agent = \"Firefox\"\nSec-CH-UA = '\"Chromium\";v=\"130\"'",
            "names Chromium",
        );
    }
}
