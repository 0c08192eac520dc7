//! Crates that are linked into the binary, according to cargo.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace;

/// Crate of the binary.
#[derive(Debug)]
pub(crate) struct Crate {
    /// Name of this crate among all, for references to it.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// SPDX expression.
    pub(crate) license: Option<String>,
    pub(crate) manifest: String,
    /// True if it comes from a registry.
    pub(crate) foreign: bool,
    /// The crates that it uses itself.
    pub(crate) uses: Vec<String>,
}

/// Name of the crate with the binary.
pub(crate) const ROOT: &str = "tracer";

/// Lists the crates that the binary consists of for a target, sorted by name and version. Those that only run while it is built are
/// left out.
pub(crate) fn list(target: &str) -> Result<Vec<Crate>> {
    let mut cargo = workspace::cargo();
    cargo.args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        target,
    ]);
    let output = cargo.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    of_metadata(&serde_json::from_slice(&output.stdout)?)
}

fn of_metadata(metadata: &Value) -> Result<Vec<Crate>> {
    let used: BTreeMap<&str, Vec<String>> = array(&metadata["resolve"]["nodes"])
        .filter_map(|node| Some((node["id"].as_str()?, uses(node))))
        .collect();
    let packages: Vec<&Value> = array(&metadata["packages"]).collect();
    let root = packages
        .iter()
        .find(|package| package["name"] == ROOT)
        .and_then(|package| package["id"].as_str())
        .context("cargo knows no package tracer")?;
    let inside = reachable(root, &used);
    let mut crates: Vec<Crate> = packages
        .into_iter()
        .filter(|package| package["id"].as_str().is_some_and(|id| inside.contains(id)))
        .map(|package| of_package(package, &used))
        .collect();
    crates.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(crates)
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Ids of the crates that a node is linked with. Dependencies of tests and of build scripts have another kind.
fn uses(node: &Value) -> Vec<String> {
    let linked = |it: &&Value| array(&it["dep_kinds"]).any(|kind| kind["kind"].is_null());
    array(&node["deps"])
        .filter(linked)
        .filter_map(|it| Some(it["pkg"].as_str()?.to_owned()))
        .collect()
}

fn reachable<'a>(root: &'a str, used: &'a BTreeMap<&str, Vec<String>>) -> BTreeSet<&'a str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![root]);
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(used.get(id).into_iter().flatten().map(String::as_str));
        }
    }
    found
}

fn of_package(package: &Value, used: &BTreeMap<&str, Vec<String>>) -> Crate {
    let text = |key: &str| package[key].as_str().map(str::to_owned);
    let id = text("id").unwrap_or_default();
    Crate {
        uses: used.get(id.as_str()).cloned().unwrap_or_default(),
        id,
        name: text("name").unwrap_or_default(),
        version: text("version").unwrap_or_default(),
        license: text("license"),
        manifest: text("manifest_path").unwrap_or_default(),
        foreign: !package["source"].is_null(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn crates_of_tests_and_build_scripts_are_left_out() -> Result<()> {
        let package = |name: &str| json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT", "source": null});
        let dep = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let packages = ["tracer", "linked", "deep", "tested", "built"].map(package);
        let metadata = json!({
            "packages": packages,
            "resolve": {"nodes": [
                {"id": "tracer", "deps": [dep("linked", Value::Null), dep("tested", json!("dev"))]},
                {"id": "linked", "deps": [dep("deep", Value::Null), dep("built", json!("build"))]},
            ]},
        });
        let names: Vec<String> = of_metadata(&metadata)?
            .into_iter()
            .map(|it| it.name)
            .collect();
        assert_eq!(names, ["deep", "linked", "tracer"]);
        Ok(())
    }
}
