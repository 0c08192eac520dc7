//! Shape of a JSON Schema: its keys and types, with references resolved. Two schemas that say the same in other words
//! have the same shape.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// The shape of a value.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Names of types, without `null`.
    types: BTreeSet<String>,
    nullable: bool,
    /// The only values, if they are counted up.
    values: Option<BTreeSet<String>>,
    properties: BTreeMap<String, Shape>,
    required: BTreeSet<String>,
    /// Shape of the values of all other keys.
    additional: Option<Box<Shape>>,
    items: Option<Box<Shape>>,
}

impl Shape {
    /// The shape of a whole schema.
    pub(super) fn of(schema: &Value) -> Self {
        let mut shape = Self::default();
        shape.add(schema, schema);
        shape
    }

    fn within(schema: &Value, root: &Value) -> Self {
        let mut shape = Self::default();
        shape.add(schema, root);
        shape
    }

    fn add(&mut self, schema: &Value, root: &Value) {
        let Some(schema) = schema.as_object() else {
            return;
        };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = reference.trim_start_matches('#');
            self.add(root.pointer(pointer).unwrap(), root);
        }
        for all in ["allOf", "anyOf", "oneOf"] {
            let parts = schema.get(all).and_then(Value::as_array);
            parts
                .into_iter()
                .flatten()
                .for_each(|part| self.add(part, root));
        }
        self.add_types(schema);
        self.add_members(schema, root);
    }

    fn add_types(&mut self, schema: &Map<String, Value>) {
        let types = match schema.get("type") {
            Some(Value::String(name)) => vec![name.clone()],
            Some(names) => serde_json::from_value(names.clone()).unwrap(),
            None => Vec::new(),
        };
        for name in types {
            match &*name {
                "null" => self.nullable = true,
                _ => drop(self.types.insert(name)),
            }
        }
        let listed = schema.get("enum").and_then(Value::as_array).cloned();
        let single = schema.get("const").map(|value| vec![value.clone()]);
        if let Some(values) = listed.or(single) {
            self.types.insert("string".into());
            let values = values
                .iter()
                .map(|value| value.as_str().unwrap().to_owned());
            self.values.get_or_insert_default().extend(values);
        }
    }

    fn add_members(&mut self, schema: &Map<String, Value>, root: &Value) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, value) in properties.into_iter().flatten() {
            self.properties
                .insert(key.clone(), Self::within(value, root));
        }
        let required = schema.get("required").and_then(Value::as_array);
        let required = required.into_iter().flatten().filter_map(Value::as_str);
        self.required.extend(required.map(str::to_owned));
        let others = schema.get("additionalProperties");
        if let Some(others) = others.filter(|others| others.is_object()) {
            self.additional = Some(Self::within(others, root).into());
        }
        if let Some(items) = schema.get("items") {
            self.items = Some(Self::within(items, root).into());
        }
    }

    /// Every place where the types, whose shape is `derived`, are not what this one, the schema, says.
    pub(super) fn differences(&self, derived: &Self) -> Vec<String> {
        let mut found = Vec::new();
        self.compare(derived, "", &mut found);
        found
    }

    fn compare(&self, derived: &Self, place: &str, found: &mut Vec<String>) {
        if self.types != derived.types || self.values != derived.values {
            found.push(format!(
                "{place}: {:?} {:?} in the schema, {:?} {:?} in the types",
                self.types, self.values, derived.types, derived.values
            ));
        }
        if self.nullable && !derived.nullable {
            found.push(format!("{place}: null in the schema, not in the types"));
        }
        // Whoever reads takes an export of any age, and one of which somebody has cut out a part.
        for key in &derived.required {
            found.push(format!("{}: readers need it", below(place, key)));
        }
        let keys: BTreeSet<&String> = self
            .properties
            .keys()
            .chain(derived.properties.keys())
            .collect();
        for key in keys {
            let place = below(place, key);
            match (self.properties.get(key), derived.properties.get(key)) {
                (Some(published), Some(derived)) => published.compare(derived, &place, found),
                (Some(_), None) => found.push(format!("{place}: only in the schema")),
                _ => found.push(format!("{place}: only in the types")),
            }
        }
        // Where the schema lets further keys in and the types do not, they are ignored.
        if let (Some(others), Some(derived)) = (&self.additional, &derived.additional) {
            others.compare(derived, &below(place, "*"), found);
        } else if derived.additional.is_some() {
            found.push(format!("{place}: other keys only in the types"));
        }
        match (&self.items, &derived.items) {
            (Some(items), Some(derived)) => items.compare(derived, &format!("{place}[]"), found),
            (None, None) => {}
            _ => found.push(format!("{place}: a list in one only")),
        }
    }
}

fn below(place: &str, key: &str) -> String {
    match place {
        "" => key.to_owned(),
        _ => format!("{place}.{key}"),
    }
}

/// The schema of an object whose keys are made from phases.
fn of_phases<T: schemars::JsonSchema>(
    keys: impl Iterator<Item = String>,
    generator: &mut schemars::SchemaGenerator,
) -> schemars::Schema {
    let value = generator.subschema_for::<T>();
    let properties: Map<String, Value> = keys.map(|key| (key, value.clone().to_value())).collect();
    schemars::json_schema!({"type": "object", "properties": properties})
}

impl schemars::JsonSchema for crate::Phases {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Phases".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let keys = crate::Phase::ALL.into_iter();
        of_phases::<crate::Histogram>(keys.map(|phase| phase.key().to_owned()), generator)
    }
}

impl schemars::JsonSchema for crate::Percentiles {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Percentiles".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let keys = crate::Phase::IN_SERIES.into_iter().map(crate::series::key);
        of_phases::<crate::Samples>(keys, generator)
    }
}
