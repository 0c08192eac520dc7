//! Architectures that tracer is built for, and their names in Rust, Debian, RPM and QEMU.

use anyhow::{Context, Result};

/// Architecture of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    X86_64,
    Aarch64,
}

impl Architecture {
    pub(crate) const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// Architecture of this machine, if tracer is built for it.
    pub(crate) fn native() -> Result<Self> {
        Self::named(std::env::consts::ARCH)
    }

    pub(crate) fn is_native(self) -> bool {
        self.rust() == std::env::consts::ARCH
    }

    /// Architecture with this name in Rust.
    pub(crate) fn named(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|it| it.rust() == name)
            .with_context(|| format!("tracer is built for x86_64 and aarch64, not for {name:?}"))
    }

    /// Name in Rust; the kernel and RPM use the same.
    pub(crate) const fn rust(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    pub(crate) const fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// Target of static programs.
    pub(crate) const fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-musl",
            Self::Aarch64 => "aarch64-unknown-linux-musl",
        }
    }

    /// Debian's GCC for programs of this architecture.
    pub(crate) const fn gcc(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-gnu-gcc",
            Self::Aarch64 => "aarch64-linux-gnu-gcc",
        }
    }

    /// Folder of Debian's musl below /usr/lib and /usr/include.
    pub(crate) const fn musl(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-musl",
            Self::Aarch64 => "aarch64-linux-musl",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Architecture;

    #[test]
    fn unknown_architectures_are_refused() {
        assert_eq!(
            Architecture::named("aarch64").ok(),
            Some(Architecture::Aarch64)
        );
        assert!(Architecture::named("riscv64").is_err());
    }
}
