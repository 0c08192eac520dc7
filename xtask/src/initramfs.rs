//! The whole file system of a test machine: busybox, our binary and the clients, each with its libraries.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::shell;

pub(crate) struct Initramfs {
    root: PathBuf,
}

impl Initramfs {
    /// Makes an empty file system in the folder `root`.
    pub(crate) fn new(root: PathBuf) -> Result<Self> {
        match fs::remove_dir_all(&root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => (),
        }
        for name in ["bin", "dev", "modules", "proc", "sys", "tmp"] {
            fs::create_dir_all(root.join(name))?;
        }
        Ok(Self { root })
    }

    /// Copies a program of this machine into /bin, and its libraries to the paths where it looks for them.
    pub(crate) fn program(&self, program: &Path) -> Result<()> {
        let name = program
            .file_name()
            .with_context(|| format!("{} is no program", program.display()))?;
        self.copy(program, &Path::new("/bin").join(name))?;
        for library in libraries(program) {
            self.copy(&library, &library)?;
        }
        Ok(())
    }

    /// Copies any file of this machine to an absolute path in the test machine.
    pub(crate) fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let to = self.inside(to);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        Ok(())
    }

    /// Copies a folder with its links and rights.
    pub(crate) fn copy_tree(&self, from: &Path, to: &str) -> Result<()> {
        let to = self.inside(Path::new(to));
        fs::create_dir_all(&to)?;
        shell::run(Command::new("cp").arg("-a").arg(from.join(".")).arg(to))
    }

    pub(crate) fn script(&self, to: &str, text: &str) -> Result<()> {
        let to = self.inside(Path::new(to));
        fs::write(&to, text)?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    pub(crate) fn inside(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Packs the file system into an archive. It is not compressed, because unpacking under emulation is slower than reading.
    pub(crate) fn pack(&self, archive: &Path) -> Result<()> {
        let names = Command::new("find")
            .arg(".")
            .current_dir(&self.root)
            .stdout(Stdio::piped())
            .spawn()?;
        let names = names.stdout.context("find has no output")?;
        let mut cpio = Command::new("cpio");
        cpio.args(["--create", "--format=newc", "--owner=0:0", "--quiet"])
            .current_dir(&self.root);
        shell::run(cpio.stdin(names).stdout(fs::File::create(archive)?))
    }
}

/// Libraries of a program, from lines such as `libz.so.1 => /lib/…/libz.so.1 (0x…)` and
/// `/lib64/ld-linux-x86-64.so.2 (0x…)`. A static program has none.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let listing = shell::probe("ldd", &[program]).unwrap_or_default();
    let words = listing
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    words.map(PathBuf::from).collect()
}
