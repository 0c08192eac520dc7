//! House rules that no compiler checks: who may name what, how long a function may be, nothing left unfinished.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace;

const LONGEST_FUNCTION: usize = 80;

/// Everywhere below `within`, except below `except`, no line of code may hold `word`.
struct Ban {
    within: &'static str,
    except: &'static str,
    words: &'static [&'static str],
    why: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        within: "tracer-user/src",
        except: "tracer-user/src/source/kernel",
        words: &["aya::", "aya_obj::", "aya_log::"],
        why: "only source/kernel names aya",
    },
    Ban {
        within: "tracer-user/src",
        except: "tracer-user/src/sink/tui",
        words: &["ratatui::", "crossterm::"],
        why: "only sink/tui names ratatui",
    },
    Ban {
        within: "tracer-user/src/sink/tui/model",
        except: "",
        words: &["ratatui::", "crossterm::"],
        why: "what is on the screen does not depend on how it is drawn",
    },
    Ban {
        within: "tracer-core/src",
        except: "",
        words: &[
            "std::fs",
            "std::net::Tcp",
            "std::net::Udp",
            "std::process",
            "std::time::Instant",
            "SystemTime",
            "tokio::",
        ],
        why: "the core is pure: no IO, no clock",
    },
    Ban {
        within: "tracer-export/src",
        except: "tracer-export/src/tests",
        words: &[
            "std::fs",
            "std::net::",
            "std::process",
            "std::time::",
            "tokio::",
        ],
        why: "the export is pure: no IO, no clock",
    },
    Ban {
        within: "tracer-user/src",
        except: "tracer-user/src/sink/json",
        words: &["export::SCHEMA", "tracer_export::SCHEMA"],
        why: "only sink/json makes an export",
    },
    Ban {
        within: "tracer-core/src",
        except: "",
        words: &["aya::", "ratatui::"],
        why: "the core knows neither kernel loader nor screen",
    },
    Ban {
        within: "tracer-user/src/source",
        except: "",
        words: &["crate::sink"],
        why: "source and sink never import each other",
    },
    Ban {
        within: "tracer-user/src/sink",
        except: "",
        words: &["crate::source"],
        why: "source and sink never import each other",
    },
    Ban {
        within: "tests",
        except: "",
        words: EXPORT_KEYS,
        why: "an export is read through tracer-export, never by its keys",
    },
    Ban {
        within: "tracer-user",
        except: "",
        words: EXPORT_KEYS,
        why: "an export is read through tracer-export, never by its keys",
    },
    Ban {
        within: "xtask",
        except: "xtask/src/tidy",
        words: EXPORT_KEYS,
        why: "an export is read through tracer-export, never by its keys",
    },
    Ban {
        within: "",
        except: "xtask",
        words: &["todo!(", "unimplemented!("],
        why: "unfinished",
    },
];

/// Beginnings of paths into an export, and its keys where a value is indexed by them.
const EXPORT_KEYS: &[&str] = &[
    "\"/totals/",
    "\"/events/",
    "\"/time_wait/",
    "\"totals\"]",
    "\"events\"]",
    "\"processes\"]",
    "\"hosts\"]",
    "\"phases\"]",
    "\"time_wait\"]",
    "\"dns_names\"]",
];

const CRATES: &[&str] = &[
    "tracer-common",
    "tracer-core",
    "tracer-crawler",
    "tracer-ebpf",
    "tracer-export",
    "tracer-recording",
    "tracer-testbed",
    "tracer-user",
    "tests",
    "xtask",
];

/// Every breach, as `file:line: what`.
pub(crate) fn breaches() -> Result<Vec<String>> {
    let root = workspace::root();
    let mut found = Vec::new();
    for name in CRATES {
        for file in rust_files(&root.join(name))? {
            let text = fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.strip_prefix(&root).unwrap_or(&file);
            found.extend(in_file(name, &text));
        }
    }
    Ok(found)
}

fn rust_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn in_file(name: &Path, text: &str) -> Vec<String> {
    let production = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    let is_test =
        name.starts_with("tests") || name.components().any(|part| part.as_os_str() == "tests");
    let mut found = forbidden(name, production);
    if !is_test {
        found.extend(long_functions(name, production));
    }
    found
}

fn forbidden(name: &Path, text: &str) -> Vec<String> {
    let bans = BANS.iter().filter(|ban| name.starts_with(ban.within));
    let bans: Vec<&Ban> = bans
        .filter(|ban| ban.except.is_empty() || !is_below(name, ban.except))
        .collect();
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        for ban in &bans {
            let words = ban.words.iter().filter(|word| holds(code, word));
            found.extend(
                words.map(|word| format!("{}:{}: {word} ({})", name.display(), index + 1, ban.why)),
            );
        }
    }
    found
}

/// `a/b` is below `a`, and so is the file `a.rs`.
fn is_below(name: &Path, place: &str) -> bool {
    name.starts_with(place) || name == Path::new(&format!("{place}.rs"))
}

/// The word itself, not the tail of a longer one: `my_aya::` is not `aya::`.
fn holds(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// rustfmt closes a function at the column where its signature began, which is all this needs to know of Rust.
fn long_functions(name: &Path, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| starts_function(line))
    {
        let indent = line.len() - line.trim_start().len();
        let close = format!("{}}}", &line[..indent]);
        let length = lines[start..]
            .iter()
            .position(|line| *line == close)
            .map_or(1, |end| end + 1);
        if length > LONGEST_FUNCTION && !line.trim_end().ends_with(';') {
            found.push(format!(
                "{}:{}: function of {length} lines, more than {LONGEST_FUNCTION}",
                name.display(),
                start + 1
            ));
        }
    }
    found
}

fn starts_function(line: &str) -> bool {
    let words = line
        .split_whitespace()
        .take_while(|word| !word.starts_with("//"));
    let mut words = words.skip_while(|word| {
        word.starts_with("pub")
            || ["const", "async", "unsafe", "extern", "\"C\"", "in"].contains(word)
            || word.ends_with(')')
    });
    words.next() == Some("fn")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str, expected: &[&str]) {
        let found = in_file(Path::new(name), text);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found:?} holds no {expected:?}");
        }
    }

    #[test]
    fn imports_stay_where_they_belong() {
        check(
            "tracer-user/src/engine.rs",
            "use aya::Ebpf;\n",
            &["only source/kernel names aya"],
        );
        check("tracer-user/src/source/kernel.rs", "use aya::Ebpf;\n", &[]);
        check(
            "tracer-user/src/source/kernel/load.rs",
            "use aya::Ebpf;\n",
            &[],
        );
        check(
            "tracer-user/src/engine.rs",
            "// aya::Ebpf is elsewhere\nmaya::x();\n",
            &[],
        );
        check(
            "tracer-core/src/table.rs",
            "use std::time::Instant;\n",
            &["no clock"],
        );
        check(
            "tracer-core/src/table.rs",
            "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
            &[],
        );
    }

    #[test]
    fn functions_are_measured_to_their_closing_brace() {
        let body = "    x();\n".repeat(79);
        check(
            "tracer-core/src/a.rs",
            &format!("pub(crate) fn long() {{\n{body}}}\n"),
            &["81 lines"],
        );
        check(
            "tracer-core/src/a.rs",
            &format!("fn fits() {{\n{}}}\n", &body[9..]),
            &[],
        );
        check(
            "tests/tests/a.rs",
            &format!("fn long() {{\n{body}}}\n"),
            &[],
        );
    }

    #[test]
    fn exports_are_made_and_read_in_one_way() {
        check(
            "tests/tests/a.rs",
            "let x = export.pointer(\"/totals/tls/full\");\n",
            &["never by its keys"],
        );
        check(
            "xtask/src/vm.rs",
            "let x = &export[\"phases\"];\n",
            &["never by its keys"],
        );
        check(
            "tracer-user/src/diff.rs",
            "let x = tracer_export::SCHEMA;\n",
            &["only sink/json"],
        );
        check(
            "tracer-export/src/read.rs",
            "use std::fs::File;\n",
            &["the export is pure"],
        );
        check("tracer-user/src/sink/json.rs", "export::SCHEMA;\n", &[]);
    }

    #[test]
    fn nothing_is_left_unfinished() {
        check(
            "tracer-core/src/a.rs",
            "fn a() {\n    todo!()\n}\n",
            &["unfinished"],
        );
    }
}
