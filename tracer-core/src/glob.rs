//! `--comm` globs as tables for the kernel programs.

use thiserror::Error;
use tracer_common::{config::Glob, record::COMM_LEN};

/// Reasons why a comm glob cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum GlobError {
    /// The glob is longer than a comm, which has at most 15 bytes.
    #[error(
        "`{pattern}` has {got} characters besides `*`, but the kernel keeps at most 15 of a process name (comm); shorten it or use --exe"
    )]
    TooLong {
        /// Pattern as given.
        pattern: String,
        /// Number of tokens in the pattern.
        got: usize,
    },
    /// The pattern is empty.
    #[error("an empty pattern matches no process; use `*` for all")]
    Empty,
}

/// Compiles a pattern of literals, `?` (one byte) and `*` (any bytes) for the kernel's matcher.
pub fn compile(pattern: &str) -> Result<Glob, GlobError> {
    if pattern.is_empty() {
        return Err(GlobError::Empty);
    }
    let mut glob = Glob {
        accept: [0; 256],
        star: 0,
        done: 0,
    };
    let mut tokens = 0;
    for byte in pattern.bytes() {
        if byte == b'*' {
            glob.star |= 1 << tokens;
            continue;
        }
        tokens += 1;
        if tokens >= COMM_LEN {
            let got = pattern.bytes().filter(|&byte| byte != b'*').count();
            return Err(GlobError::TooLong {
                pattern: pattern.to_owned(),
                got,
            });
        }
        for (value, states) in (0..=u8::MAX).zip(glob.accept.iter_mut()) {
            if byte == b'?' || byte == value {
                *states |= 1 << tokens;
            }
        }
    }
    glob.done = 1 << tokens;
    Ok(glob)
}

/// Matches a comm as the kernel programs do, for tests and for sources that filter in user space.
pub fn comm_matches(glob: &Glob, comm: &[u8]) -> bool {
    let mut states: u32 = 1;
    for &byte in comm.iter().take_while(|&&byte| byte != 0) {
        states = ((states << 1) & glob.accept[usize::from(byte)]) | (states & glob.star);
    }
    states & glob.done != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_matchers_agree() {
        #[track_caller]
        fn check(pattern: &str, text: &str, expected: bool) {
            assert_eq!(
                tracer_text::glob::Glob::new(pattern).matches(text),
                expected,
                "host {pattern} {text}"
            );
            assert_eq!(
                comm_matches(&compile(pattern).unwrap(), text.as_bytes()),
                expected,
                "comm {pattern} {text}"
            );
        }
        check("curl", "curl", true);
        check("curl", "curl2", false);
        check("curl", "cur", false);
        check("*", "", true);
        check("python*", "python3.11", true);
        check("*py*3*", "python3.11", true);
        check("?url", "curl", true);
        check("c**l", "curl", true);
        check("a*b*c", "aXbXd", false);
        check("*.example.com", "www.example.com", true);
    }

    #[test]
    fn patterns_that_can_never_match_are_refused() {
        assert_eq!(compile("").err(), Some(GlobError::Empty));
        let long = "0123456789abcdef";
        assert_eq!(
            compile(long).err(),
            Some(GlobError::TooLong {
                pattern: long.into(),
                got: 16
            })
        );
    }

    proptest! {
        #[test]
        fn matchers_agree_on_anything(pattern in "[ab*?]{1,10}", text in "[ab]{0,15}") {
            let compiled = compile(&pattern).unwrap();
            prop_assert_eq!(comm_matches(&compiled, text.as_bytes()), tracer_text::glob::Glob::new(&pattern).matches(&text));
        }
    }
}
