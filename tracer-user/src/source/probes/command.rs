//! Files that a command will probably run code from, told before it starts.
//!
//! The files are those of the programs among the command's words, wherever these stand: in `sh -c 'node crawl.js'` and `timeout 9 ./crawler` too;
//! interpreters of scripts; and the system's libssl as soon as one of the programs can load libraries. A file that the
//! command does not use after all costs a look and no more.

use std::{
    collections::{BTreeSet, HashSet},
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::PermissionsExt,
    },
    path::{Path, PathBuf},
};

use tracer_probe::links_of;

/// Words that are looked at.
const WORDS: usize = 256;
/// Scripts that are run by scripts.
const DEPTH: usize = 4;
/// Directories of the system's libraries, those of the loader's configuration first.
const DIRECTORIES: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/local/lib64",
    "/usr/local/lib",
    "/usr/lib",
];
/// Beginning of the names of the library.
const LIBRARY: &str = "libssl.so";

/// Files to look at before the command starts.
pub(super) fn files(words: &[OsString]) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = Found::default();
    let parts = words.iter().flat_map(|word| parts(word));
    for part in parts.take(WORDS) {
        if let Some(program) = program(&part, &path) {
            found.add(program, &path, DEPTH);
        }
    }
    let libraries = found.loads.then(libraries).unwrap_or_default();
    found.files.into_iter().chain(libraries).collect()
}

/// Programs found so far.
#[derive(Default)]
struct Found {
    files: BTreeSet<PathBuf>,
    /// True if one of them can load libraries.
    loads: bool,
}

impl Found {
    fn add(&mut self, program: PathBuf, path: &OsStr, depth: usize) {
        let Ok(mut file) = File::open(&program) else {
            return;
        };
        match links_of(&file) {
            Ok(links) => {
                self.loads |= links.interpreter.is_some();
                self.files.insert(program);
            }
            Err(_) if depth > 0 => {
                for part in interpreter(&mut file) {
                    if let Some(program) = self::program(&part, path) {
                        self.add(program, path, depth - 1);
                    }
                }
            }
            Err(_) => {}
        }
    }
}

/// Parts of a word that may be the name of a program: the word itself, and what is between blanks and signs of a shell.
fn parts(word: &OsStr) -> Vec<OsString> {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b";&|()<>\"'`={}".contains(byte);
    let parts = word.as_bytes().split(ends).filter(|part| !part.is_empty());
    let parts = parts.map(|part| OsString::from_vec(part.to_vec()));
    let mut all: Vec<OsString> = std::iter::once(word.to_owned()).chain(parts).collect();
    all.dedup();
    all
}

/// Executable file that a name leads to, as execvp(3) finds it.
fn program(name: &OsStr, path: &OsStr) -> Option<PathBuf> {
    let is_executable = |path: &PathBuf| {
        let metadata = std::fs::metadata(path);
        metadata.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    if name.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(name)).filter(is_executable);
    }
    let mut found = std::env::split_paths(path).map(|directory| directory.join(name));
    found.find(is_executable)
}

/// Words of a script's first line behind `#!`.
fn interpreter(file: &mut File) -> Vec<OsString> {
    let mut line = Vec::new();
    // The kernel reads no further (BINPRM_BUF_SIZE).
    let _ = file.by_ref().take(256).read_to_end(&mut line);
    let Some(line) = line.strip_prefix(b"#!") else {
        return Vec::new();
    };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let words = line.split(u8::is_ascii_whitespace);
    let words = words.filter(|word| !word.is_empty());
    words
        .map(|word| OsStr::from_bytes(word).to_owned())
        .collect()
}

/// The system's libssl, each file once.
fn libraries() -> Vec<PathBuf> {
    let mut found = HashSet::new();
    for directory in DIRECTORIES {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let named = entries.filter(|it| it.file_name().to_string_lossy().starts_with(LIBRARY));
        found.extend(named.filter_map(|it| Path::new(&it.path()).canonicalize().ok()));
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &[&str]) -> Vec<String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let files = files(&words).into_iter();
        files.map(|it| it.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn programs_are_found_wherever_they_stand() {
        let directory = tempfile::tempdir().unwrap();
        let own = std::env::current_exe().unwrap();
        let program = directory.path().join("crawler");
        std::fs::copy(&own, &program).unwrap();
        let script = directory.path().join("script");
        let text = format!("#! {} -x\nrest", program.display());
        std::fs::write(&script, text).unwrap();
        let name = program.to_str().unwrap();
        let is_found = |words: &[&str]| found(words).iter().any(|it| it == name);
        assert!(is_found(&[name]));
        assert!(is_found(&["/no/such/thing", name, "x"]));
        assert!(is_found(&["sh", "-c", &format!("cd /;A=1 {name}&&true")]));
        assert!(!is_found(&[script.to_str().unwrap()]), "not executable");
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        assert!(is_found(&[script.to_str().unwrap()]));
        assert_eq!(found(&["/no/such/thing", "", "-x"]), [""; 0]);
    }
}
