//! Software bill of materials: the crates of the binary with their licences, as CycloneDX.

use anyhow::{Context, Result, bail};
use cyclonedx_bom::external_models::date_time::DateTime;
use cyclonedx_bom::external_models::uri::Purl;
use cyclonedx_bom::models::bom::{Bom, SpecVersion};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::validation::Validate;

use super::crates::{Crate, ROOT};
use super::release::Release;

const VERSION: SpecVersion = SpecVersion::V1_5;

/// Text of the bill.
pub(crate) fn text(crates: &[Crate], release: &Release) -> Result<Vec<u8>> {
    let (root, others): (Vec<&Crate>, Vec<&Crate>) = crates.iter().partition(|it| it.name == ROOT);
    let root = root.first().context("the binary's own crate is missing")?;
    let components = others
        .into_iter()
        .map(|it| component(it, Classification::Library));
    let bom = Bom {
        serial_number: None,
        metadata: Some(Metadata {
            timestamp: Some(DateTime::try_from(release.time()?)?),
            component: Some(component(root, Classification::Application)?),
            ..Metadata::default()
        }),
        components: Some(Components(components.collect::<Result<_>>()?)),
        dependencies: Some(Dependencies(
            crates.iter().map(|it| dependency(it, crates)).collect(),
        )),
        ..Bom::default()
    };
    let checked = bom.validate_version(VERSION);
    if !checked.passed() {
        bail!("the bill of materials is not valid: {checked:?}");
    }
    let mut text = Vec::new();
    bom.output_as_json(&mut text, VERSION)?;
    text.push(b'\n');
    Ok(text)
}

fn component(it: &Crate, kind: Classification) -> Result<Component> {
    let mut component = Component::new(kind, &it.name, &it.version, Some(reference(it)));
    component.purl = Some(Purl::new("cargo", &it.name, &it.version)?);
    component.licenses = it.license.as_ref().map(|license| {
        // Old manifests have a slash where SPDX says OR.
        Licenses(vec![LicenseChoice::expression(
            &license.replace('/', " OR "),
        )])
    });
    Ok(component)
}

/// Name of a component within the bill. Ids of cargo would tell where the checkout is.
fn reference(it: &Crate) -> String {
    format!("{}@{}", it.name, it.version)
}

fn dependency(it: &Crate, all: &[Crate]) -> Dependency {
    let used = |id: &String| all.iter().find(|other| other.id == *id).map(reference);
    Dependency {
        dependency_ref: reference(it),
        dependencies: it.uses.iter().filter_map(used).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_valid_and_can_be_read_again() -> Result<()> {
        let made = |name: &str, uses: &[&str]| Crate {
            id: format!("path+{name}"),
            name: name.to_owned(),
            version: "1.2.3".to_owned(),
            license: Some("MIT/Apache-2.0".to_owned()),
            manifest: String::new(),
            foreign: true,
            uses: uses.iter().map(|it| format!("path+{it}")).collect(),
        };
        let crates = [made("a", &[]), made("tracer", &["a"])];
        let text = text(&crates, &Release::at(0))?;
        let bom = Bom::parse_from_json(text.as_slice())?;
        assert_eq!(bom.components.map_or(0, |it| it.0.len()), 1);
        let dependencies = bom.dependencies.context("no dependencies")?.0;
        assert_eq!(dependencies[1].dependencies, ["a@1.2.3"]);
        Ok(())
    }
}
