//! Stores bodies in files named by their SHA-256, so that the same content is stored once.

use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use super::{Encode, OutError, failed};
use crate::files::Files;

/// Name of a body: its SHA-256 in hexadecimal.
pub fn sha256_hex(body: &[u8]) -> String {
    digest(&SHA256, body)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Body with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Name, by [`sha256_hex`].
    pub name: String,
    /// Decoded content.
    pub bytes: Vec<u8>,
}

/// Directory of bodies: `ab/abcdef…`, grouped by the first two digits.
pub struct Bodies {
    directory: PathBuf,
    files: Files,
}

impl Bodies {
    /// Makes the directory if it does not exist.
    pub fn open(directory: &Path, files: &Files) -> Result<Self, OutError> {
        files
            .create_dir_all(directory)
            .map_err(failed("create", directory))?;
        Ok(Self {
            directory: directory.to_owned(),
            files: files.clone(),
        })
    }

    /// Path of a body, whether it is stored or not.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name.get(..2).unwrap_or("")).join(name)
    }
}

impl Encode for Bodies {
    type Item = Body;

    /// Writes under another name first, so that a file with its final name is always complete.
    fn write(&mut self, body: &Body) -> Result<(), OutError> {
        let path = self.path(&body.name);
        if path.exists() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.files
                .create_dir_all(parent)
                .map_err(failed("create", parent))?;
        }
        let part = path.with_extension("part");
        self.files
            .write(&part, &body.bytes)
            .map_err(failed("write", &part))?;
        self.files
            .rename(&part, &path)
            .map_err(failed("rename", &part))
    }

    fn flush(&mut self) -> Result<(), OutError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), OutError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn one_file_for_one_content() {
        let dir = tempfile::tempdir().unwrap();
        let mut bodies = Bodies::open(&dir.path().join("bodies"), &Files::default()).unwrap();
        let body = Body {
            name: sha256_hex(b"abc"),
            bytes: b"abc".into(),
        };
        assert_eq!(
            body.name,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let path = bodies.path(&body.name);
        assert!(path.ends_with(format!("ba/{}", body.name)));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path.with_extension("part"), b"torn").unwrap();
        bodies.write(&body).unwrap();
        bodies.write(&body).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"abc");
        assert_eq!(
            fs::read_dir(dir.path().join("bodies/ba")).unwrap().count(),
            1
        );
    }
}
