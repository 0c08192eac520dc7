//! Numbers of bytes on command lines, in configuration files and in environment variables.

use crate::scaled::{scaled, split_unit};

/// Units and what they are in bytes; [`write`] takes the first that leaves a whole number.
const UNITS: [(&str, u64); 9] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TiB", 1 << 40),
];

/// Reads `4096`, `64KiB`, `1.5MiB`, `2GB` as bytes. The error names the form and what was given.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("expected a size (B, KiB, MiB, GiB, kB, MB, GB), as in 10MiB, got `{text}`");
    let (number, unit) = split_unit(text);
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let (_, factor) = unit.ok_or_else(wrong)?;
    scaled(number, *factor).ok_or_else(wrong)
}

/// Writes bytes in the largest binary unit that leaves a whole number; [`parse`] reads it back to the same.
pub fn write(bytes: u64) -> String {
    let fits = |(_, factor): &&(&str, u64)| bytes.is_multiple_of(*factor) && bytes >= *factor;
    let (name, factor) = UNITS.iter().find(fits).unwrap_or(&("B", 1));
    format!("{}{name}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form() {
        #[track_caller]
        fn check(text: &str, expected: Option<u64>) {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
        check("4096", Some(4096));
        check("1.5 KiB", Some(1536));
        check("2GB", Some(2_000_000_000));
        check("1XB", None);
        check("-1", None);
        check("20000000TiB", None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(bytes in 0u64..1 << 63) {
            prop_assert_eq!(parse(&write(bytes)), Ok(bytes));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}") {
            let _ = parse(&text);
        }
    }
}
