//! The resource: description of what was traced, which all metrics and spans share.

use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::attribute;

/// Facts about the trace that become attributes of the resource.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Version of tracer.
    pub version: String,
    /// Random identifier of this run of tracer.
    pub instance: String,
    /// Host name of the machine.
    pub host: String,
    /// Architecture, as uname gives it.
    pub arch: String,
    /// Program that `tracer run` has started, as it was typed.
    pub program: Option<String>,
}

/// Attributes that the user has set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// `OTEL_SERVICE_NAME`.
    pub service: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`, with a key once at most.
    pub attributes: Vec<(String, String)>,
}

/// Makes the resource. What the user has set comes before the facts, and the name of the service before all.
pub fn resource(facts: &Facts, given: &Given) -> Resource {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let program = facts.program.clone().unwrap_or_default();
    let mut all = vec![
        ("service.name", "tracer".to_owned()),
        ("service.version", facts.version.clone()),
        ("service.instance.id", facts.instance.clone()),
        ("host.name", facts.host.clone()),
        ("host.arch", arch(&facts.arch).to_owned()),
        ("os.type", "linux".to_owned()),
        ("process.executable.name", name(&program)),
        ("process.command", program),
    ];
    for (key, value) in &given.attributes {
        all.retain(|(known, _)| known != key);
        all.push((key, value.clone()));
    }
    if let Some(service) = &given.service {
        all.retain(|(known, _)| *known != "service.name");
        all.insert(0, ("service.name", service.clone()));
    }
    let attributes = all.into_iter().filter(|(_, value)| !value.is_empty());
    Resource {
        attributes: attributes
            .map(|(key, value)| attribute::text(key, value))
            .collect(),
        ..Resource::default()
    }
}

/// Name of an architecture in the conventions.
fn arch(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;

    use super::*;

    #[track_caller]
    fn check(facts: &Facts, given: &Given, expected: &[(&str, &str)]) {
        let resource = resource(facts, given);
        let shown: Vec<(&str, &str)> = resource
            .attributes
            .iter()
            .map(
                |it| match it.value.as_ref().and_then(|value| value.value.as_ref()) {
                    Some(Value::StringValue(text)) => (it.key.as_str(), text.as_str()),
                    other => panic!("{}: {other:?}", it.key),
                },
            )
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn no_attribute_is_empty() {
        let expected = [("service.name", "tracer"), ("os.type", "linux")];
        check(&Facts::default(), &Given::default(), &expected);
    }

    #[test]
    fn what_the_user_sets_comes_first() {
        let facts = Facts {
            version: "1.2.3".to_owned(),
            host: "crawl-7".to_owned(),
            arch: "aarch64".to_owned(),
            program: Some("/usr/bin/curl".to_owned()),
            ..Facts::default()
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let given = Given {
            service: Some("crawler".to_owned()),
            attributes: vec![
                pair("service.name", "of-the-list"),
                pair("host.name", "named"),
                pair("team", "search"),
                pair("nothing", ""),
            ],
        };
        check(
            &facts,
            &given,
            &[
                ("service.name", "crawler"),
                ("service.version", "1.2.3"),
                ("host.arch", "arm64"),
                ("os.type", "linux"),
                ("process.executable.name", "curl"),
                ("process.command", "/usr/bin/curl"),
                ("host.name", "named"),
                ("team", "search"),
            ],
        );
    }
}
