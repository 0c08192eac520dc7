//! Virtual environment under the target directory for the Python clients of the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::{packages, shell, workspace};

const REQUIREMENTS: &[&str] = &[
    "requests[socks]==2.34.2",
    "aiohttp==3.14.5",
    "aiohttp-socks==0.12.0",
    "httpx[http2,socks]==0.28.1",
    "scrapy==2.19.0",
    "curl-cffi==0.17.0",
    "warcio==1.8.1",
    "aiosmtpd==1.4.6",
    "pyftpdlib==2.2.0",
    "pymysql==1.2.4",
];

/// Makes the environment unless it is there with exactly these versions; true if it was made.
pub(crate) fn ensure() -> Result<bool> {
    let venv = workspace::venv();
    let stamp = venv.join("requirements.txt");
    let wanted = REQUIREMENTS.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted)
        && venv.join("bin/python3").exists()
    {
        return Ok(false);
    }
    let python = interpreter()?;
    shell::run(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(&venv),
    )?;
    let mut pip = Command::new(venv.join("bin/python3"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args(REQUIREMENTS);
    shell::run(&mut pip)?;
    fs::write(&stamp, wanted).context("cannot write into the virtual environment")?;
    Ok(true)
}

/// Finds a Python, the system's first: the Python of a version manager may vanish or lack `venv`.
fn interpreter() -> Result<PathBuf> {
    let system = Path::new("/usr/bin/python3");
    let python = if system.exists() {
        system.into()
    } else {
        shell::which("python3").unwrap_or(system.into())
    };
    if !can_make_venv(&python) {
        packages::install(&["python3-venv"])?;
    }
    Ok(python)
}

fn can_make_venv(python: &Path) -> bool {
    let mut import = Command::new(python);
    import
        .args(["-c", "import ensurepip, venv"])
        .stderr(Stdio::null());
    import.status().is_ok_and(|status| status.success())
}
