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
        .iter_errors(&export.0)
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
    let mut groups = vec![("totals".to_owned(), export.at("/totals")?)];
    for list in ["processes", "hosts"] {
        let entries = export.list(&format!("/{list}"))?.iter().enumerate();
        groups.extend(entries.map(|(index, group)| (format!("{list}[{index}]"), group)));
    }
    let mut checked = 0;
    for (name, group) in groups {
        for (phase, distribution) in group["phases"].as_object().context("no phases")? {
            histogram::check(&format!("{name}.{phase}"), distribution, differences)?;
            checked += 1;
        }
    }
    Ok(checked)
}
