//! Kit for static programs: what a linker needs of musl, GCC and LLVM, gathered from Debian's packages.
//!
//! rustc looks for these files in its own folders first, and only toolchains with a musl target have them there. The kernel
//! programs' toolchain has the source of the standard library instead, so cargo builds that, and links it with this kit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::architecture::Architecture;
use crate::toolchain::Toolchain;
use crate::{packages, shell, workspace};

const OF_MUSL: [&str; 6] = ["crt1.o", "Scrt1.o", "rcrt1.o", "crti.o", "crtn.o", "libc.a"];
const OF_GCC: [&str; 5] = [
    "crtbegin.o",
    "crtbeginS.o",
    "crtbeginT.o",
    "crtend.o",
    "crtendS.o",
];

/// Function of glibc that Debian's libunwind calls, because it was compiled with checks of buffers.
const CHECKED: &str = "#include <stdarg.h>
#include <stdio.h>
int __fprintf_chk(FILE *file, int flag, const char *format, ...) {
    (void)flag;
    va_list values;
    va_start(values, format);
    int written = vfprintf(file, format, values);
    va_end(values);
    return written;
}
";

/// Folder with the files.
pub(crate) struct Kit {
    pub(crate) home: PathBuf,
    architecture: Architecture,
}

/// Makes the kit, unless it is there already.
pub(crate) fn ensure(architecture: Architecture, toolchain: &Toolchain) -> Result<Kit> {
    let home = workspace::target_dir()
        .join("dist/kit")
        .join(architecture.rust());
    let kit = Kit { home, architecture };
    if !kit.home.join("libunwind.a").exists() {
        kit.fill(toolchain)?;
    }
    Ok(kit)
}

impl Kit {
    fn fill(&self, toolchain: &Toolchain) -> Result<()> {
        let packages = self.home.join("packages");
        let arch = self.architecture.debian();
        let unwind = format!("libunwind-{}-dev:{arch}", toolchain.llvm());
        packages::unpack(&[format!("musl-dev:{arch}"), unwind], &packages)?;
        let name = self.architecture.musl();
        for file in OF_MUSL {
            self.take(&packages.join("usr/lib").join(name).join(file))?;
        }
        for file in OF_GCC {
            self.take(Path::new(&self.gcc_file(file)?))?;
        }
        rename(
            &packages.join("usr/include").join(name),
            &self.home.join("include"),
        )?;
        let llvm = format!("usr/lib/llvm-{}/lib/libunwind.a", toolchain.llvm());
        self.complete(&packages.join(llvm))?;
        fs::remove_dir_all(packages)?;
        Ok(())
    }

    /// Adds the missing function to libunwind, and puts it into the kit, as the last file.
    fn complete(&self, unwind: &Path) -> Result<()> {
        let (source, object) = (self.home.join("checked.c"), self.home.join("checked.o"));
        fs::write(&source, CHECKED)?;
        let mut gcc = Command::new(self.architecture.gcc());
        gcc.args(self.cflags()?.split(' '))
            .args(["-O2", "-c", "-o"]);
        shell::run(gcc.arg(&object).arg(&source))?;
        shell::run(Command::new("ar").arg("r").arg(unwind).arg(&object))?;
        self.take(unwind)
    }

    fn take(&self, file: &Path) -> Result<()> {
        let name = file.file_name().context("a path without a name")?;
        fs::copy(file, self.home.join(name))
            .with_context(|| format!("cannot copy {}", file.display()))?;
        Ok(())
    }

    fn gcc_file(&self, name: &str) -> Result<String> {
        let gcc = self.architecture.gcc();
        let path = shell::probe(gcc, &[format!("-print-file-name={name}")])
            .with_context(|| format!("{gcc} is missing"))?;
        // GCC prints the bare name of what it does not have.
        if !path.starts_with('/') {
            bail!("{gcc} has no {name}");
        }
        Ok(path)
    }

    /// Flags of C code: the headers of musl in place of those of this machine.
    pub(crate) fn cflags(&self) -> Result<String> {
        let own = self.gcc_file("include")?;
        Ok(format!(
            "-nostdinc -isystem {} -isystem {own}",
            self.home.join("include").display()
        ))
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::rename(from, to).with_context(|| format!("cannot move {}", from.display()))
}
