//! Packages of the repository, and the files where their module trees begin.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::workspace;

/// Workspaces of the repository by their folders: the kernel programs have one of their own.
const WORKSPACES: [&str; 2] = ["", "tracer-ebpf"];

/// A package, named by its folder in the repository.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) targets: Vec<Target>,
}

/// A library or a program of a package.
pub(crate) struct Target {
    /// Name under which other targets of the package import it; programs have none.
    pub(crate) import: Option<String>,
    /// Root file, relative to the repository.
    pub(crate) root: PathBuf,
}

/// Every package of both workspaces, as cargo knows them.
pub(crate) fn all() -> Result<Vec<Package>> {
    let mut packages = Vec::new();
    for folder in WORKSPACES {
        let metadata = metadata(&workspace::root().join(folder))?;
        let listed = metadata["packages"].as_array().into_iter().flatten();
        packages.extend(listed.filter_map(package));
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

fn metadata(folder: &Path) -> Result<Value> {
    let mut cargo = workspace::cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = cargo
        .current_dir(folder)
        .output()
        .context("cannot start cargo")?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        format!("cargo metadata failed in {}: {error}", folder.display())
    })
}

fn package(listed: &Value) -> Option<Package> {
    let manifest = in_repository(&listed["manifest_path"])?;
    let targets = listed["targets"].as_array()?;
    Some(Package {
        name: manifest.parent()?.display().to_string(),
        targets: targets.iter().filter_map(target).collect(),
    })
}

/// The target, if it is product code: tests, benches and build scripts are not.
fn target(listed: &Value) -> Option<Target> {
    let import = match listed["kind"][0].as_str()? {
        "lib" => Some(listed["name"].as_str()?.replace('-', "_")),
        "bin" => None,
        _ => return None,
    };
    let root = in_repository(&listed["src_path"])?;
    Some(Target { import, root })
}

fn in_repository(path: &Value) -> Option<PathBuf> {
    let path = Path::new(path.as_str()?);
    path.strip_prefix(workspace::root()).ok().map(PathBuf::from)
}
