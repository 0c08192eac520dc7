//! Published JSON Schema of exports.

use anyhow::{Context, Result, ensure};

use crate::check::Differences;
use crate::export::Export;
use crate::histogram;
use crate::machine::workspace;

/// Fails with the first places where the export breaks the schema.
pub fn validate(export: &Export) -> Result<()> {
    let file = workspace().join("docs/schema/tracer.export.1.schema.json");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let validator = jsonschema::validator_for(&serde_json::from_str(&text)?)?;
    let broken: Vec<String> = validator
        .iter_errors(&export.raw)
        .map(|error| {
            format!("{}: {error}", error.instance_path)
                .chars()
                .take(200)
                .collect()
        })
        .take(8)
        .collect();
    ensure!(
        broken.is_empty(),
        "the export breaks its schema:\n  {}",
        broken.join("\n  ")
    );
    Ok(())
}

/// Checks every distribution of every group, and gives their number.
pub fn check_distributions(export: &Export, differences: &mut Differences) -> Result<usize> {
    let mut groups = vec![("totals".to_owned(), &export.totals)];
    let processes = export.processes.iter().map(|process| &process.group);
    let hosts = export.hosts.iter().map(|host| &host.group);
    let named = |list: &'static str| move |index| format!("{list}[{index}]");
    groups.extend((0..).map(named("processes")).zip(processes));
    groups.extend((0..).map(named("hosts")).zip(hosts));
    let mut checked = 0;
    for (name, group) in groups {
        for (phase, distribution) in group.phases.iter() {
            let name = format!("{name}.{}", phase.key());
            histogram::check(&name, distribution, differences)?;
            checked += 1;
        }
    }
    Ok(checked)
}
