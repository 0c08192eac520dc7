//! Embeds the kernel objects that `cargo xtask build` names; a plain build embeds none.

use std::{env, fs, path::PathBuf};

fn main() {
    embed("TRACER_BPF_OBJECT", "tracer.bpf.o");
    embed("TRACER_BPF_OBJECT_LOG", "tracer-log.bpf.o");
    commit();
}

fn embed(variable: &str, name: &str) {
    println!("cargo:rerun-if-env-changed={variable}");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        return;
    };
    let object = match env::var_os(variable) {
        Some(path) => {
            println!("cargo:rerun-if-changed={}", PathBuf::from(&path).display());
            fs::read(&path).unwrap_or_else(|e| panic!("{variable}={}: {e}", path.display()))
        }
        None => Vec::new(),
    };
    fs::write(out.join(name), object).unwrap_or_else(|e| panic!("{name}: {e}"));
}

/// The commit this was built from, "unknown" outside a checkout.
fn commit() {
    println!("cargo:rerun-if-changed=../.git/HEAD");
    let output = std::process::Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    let commit = output
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=TRACER_COMMIT={}", commit.trim());
}
