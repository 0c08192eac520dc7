//! Files of a package, laid out in a folder as on the machine where it is installed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};

use crate::workspace;

/// Distributions differ in where they look for completions of zsh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Debian,
    Rpm,
}

impl Family {
    const fn zsh(self) -> &'static str {
        match self {
            Self::Debian => "usr/share/zsh/vendor-completions",
            Self::Rpm => "usr/share/zsh/site-functions",
        }
    }
}

/// Texts that are made for the packages.
pub(crate) struct Texts {
    pub(crate) third_party: String,
}

/// Folder with the files of a package.
pub(crate) struct Stage {
    pub(crate) root: PathBuf,
    /// Paths from the root, in the order in which they were added.
    pub(crate) files: Vec<String>,
    /// Paths of settings, which the administrator may change.
    pub(crate) settings: Vec<String>,
    /// Units of systemd.
    pub(crate) units: Vec<String>,
}

/// Lays out all files for distributions of a family.
pub(crate) fn lay_out(
    root: PathBuf,
    family: Family,
    binary: &Path,
    texts: &Texts,
) -> Result<Stage> {
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    let mut stage = Stage {
        root,
        files: Vec::new(),
        settings: Vec::new(),
        units: Vec::new(),
    };
    stage.add("usr/bin/tracer", &fs::read(binary)?, 0o755)?;
    let source = workspace::root();
    for page in sorted(&source.join("docs/man"))? {
        stage.packed(
            &format!("usr/share/man/man1/{}.gz", name(&page)),
            &fs::read(&page)?,
        )?;
    }
    let completions = source.join("docs/completions");
    for (file, to) in [
        (
            "tracer.bash",
            "usr/share/bash-completion/completions/tracer".to_owned(),
        ),
        (
            "tracer.fish",
            "usr/share/fish/vendor_completions.d/tracer.fish".to_owned(),
        ),
        ("_tracer", format!("{}/_tracer", family.zsh())),
    ] {
        stage.copy(&completions.join(file), &to)?;
    }
    stage.add_service(&source.join("packaging"))?;
    stage.add_documents(&source, texts)?;
    Ok(stage)
}

impl Stage {
    /// Adds the units of systemd and the settings in the folder, and everything else there as examples.
    fn add_service(&mut self, packaging: &Path) -> Result<()> {
        for file in sorted(packaging)? {
            let name = name(&file);
            let to = if name.ends_with(".service") {
                self.units.push(name.clone());
                format!("usr/lib/systemd/system/{name}")
            } else if name.ends_with(".toml") {
                self.settings.push(format!("etc/tracer/{name}"));
                format!("etc/tracer/{name}")
            } else {
                format!("usr/share/doc/tracer/examples/{name}")
            };
            self.copy(&file, &to)?;
        }
        Ok(())
    }

    fn add_documents(&mut self, source: &Path, texts: &Texts) -> Result<()> {
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
            self.copy(&source.join(file), &format!("usr/share/doc/tracer/{file}"))?;
        }
        let third_party = texts.third_party.as_bytes();
        self.packed("usr/share/doc/tracer/THIRD-PARTY.gz", third_party)
    }

    pub(crate) fn copy(&mut self, from: &Path, to: &str) -> Result<()> {
        let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        self.add(to, &content, 0o644)
    }

    /// Adds a file, compressed without name and time.
    pub(crate) fn packed(&mut self, to: &str, content: &[u8]) -> Result<()> {
        let mut packer = GzBuilder::new().write(Vec::new(), Compression::best());
        packer.write_all(content)?;
        let packed = packer.finish()?;
        self.add(to, &packed, 0o644)
    }

    /// Adds a file and the folders on its path, with the rights of a package whatever the umask is.
    pub(crate) fn add(&mut self, to: &str, content: &[u8], mode: u32) -> Result<()> {
        let path = self.root.join(to);
        let folder = path.parent().context("a file without a folder")?;
        fs::create_dir_all(folder)?;
        for folder in folder
            .ancestors()
            .take_while(|it| it.starts_with(&self.root))
        {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        }
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        self.files.push(to.to_owned());
        Ok(())
    }

    /// Bytes of all files.
    pub(crate) fn size(&self) -> u64 {
        let sizes = self
            .files
            .iter()
            .filter_map(|it| self.root.join(it).metadata().ok());
        sizes.map(|it| it.len()).sum()
    }
}

/// Plain files in a folder, sorted. A folder that does not exist has none.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
