//! Every figure that an export may have, out of the published schema.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Map, Value};

use crate::unit::Unit;

/// The published schema.
const SCHEMA: &str = include_str!("../../docs/schema/tracer.export.1.schema.json");

/// Place of an export.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// Object with keys.
    Object(Object),
    /// List of equal elements.
    List(Box<Node>),
    /// Number.
    Number(Unit),
    /// Text.
    Text,
    /// True or false.
    Truth,
}

/// Object with keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Object {
    /// Known keys.
    pub(crate) keys: BTreeMap<String, Node>,
    /// Place that any other key leads to, if there may be others.
    pub(crate) others: Option<Box<Node>>,
}

impl Node {
    /// Words for a place that is no figure.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Object(_) => "an object",
            Self::List(_) => "a list",
            Self::Number(_) => "a number",
            Self::Text => "a text",
            Self::Truth => "true or false",
        }
    }

    /// Paths of all figures below, as they are written in an expression.
    pub(crate) fn paths(&self, at: &str, into: &mut Vec<String>) {
        match self {
            Self::Object(object) => {
                for (key, node) in &object.keys {
                    node.paths(&below(at, key), into);
                }
                if let Some(node) = &object.others {
                    node.paths(&format!("{at}[\"any\"]"), into);
                }
            }
            Self::List(node) => node.paths(&format!("{at}[*]"), into),
            Self::Number(_) | Self::Text | Self::Truth => into.push(at.to_owned()),
        }
    }
}

fn below(at: &str, key: &str) -> String {
    match (at, key.contains('.')) {
        ("", _) => key.to_owned(),
        (_, true) => format!("{at}[\"{key}\"]"),
        (_, false) => format!("{at}.{key}"),
    }
}

/// The root of an export.
pub(crate) fn root() -> &'static Object {
    static ROOT: LazyLock<Object> = LazyLock::new(|| {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap_or_default();
        object(&schema, &schema)
    });
    &ROOT
}

/// The figures of all connections, which a path may begin in.
pub(crate) fn totals() -> &'static Object {
    static NONE: Object = Object {
        keys: BTreeMap::new(),
        others: None,
    };
    match root().keys.get("totals") {
        Some(Node::Object(totals)) => totals,
        _ => &NONE,
    }
}

/// Place that a schema describes; `key` is the last key on the way.
fn node(schema: &Value, root: &Value, key: &str) -> Node {
    let schema = resolved(schema, root);
    match type_of(&schema) {
        "array" => {
            let items = schema.get("items").cloned().unwrap_or_default();
            Node::List(Box::new(node(&items, root, key)))
        }
        "object" => Node::Object(object(&schema, root)),
        "integer" | "number" => Node::Number(Unit::of(key)),
        "boolean" => Node::Truth,
        _ => Node::Text,
    }
}

/// First type that is not null.
fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            let mut names = names.iter().filter_map(Value::as_str);
            names.find(|name| *name != "null").unwrap_or_default()
        }
        _ => "string",
    }
}

/// Schema with what its `$ref` leads to.
fn resolved(schema: &Value, root: &Value) -> Value {
    let mut all = Map::new();
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(reference.trim_start_matches('#'));
        if let Some(Value::Object(target)) = target.map(|target| resolved(target, root)) {
            all.extend(target);
        }
    }
    if let Value::Object(own) = schema {
        all.extend(own.clone());
    }
    Value::Object(all)
}

fn object(schema: &Value, root: &Value) -> Object {
    let mut found = Object::default();
    let parts = schema.get("allOf").and_then(Value::as_array);
    for part in parts.into_iter().flatten() {
        found.keys.extend(object(&resolved(part, root), root).keys);
    }
    let keys = schema.get("properties").and_then(Value::as_object);
    for (key, value) in keys.into_iter().flatten() {
        found.keys.insert(key.clone(), node(value, root, key));
    }
    // Where some names are known, others are those of later releases, and here more likely misspelled.
    let others = schema.get("additionalProperties");
    let others = others.filter(|others| others.is_object() && found.keys.is_empty());
    found.others = others.map(|others| {
        Box::new(match node(others, root, "") {
            Node::Number(_) => Node::Number(Unit::Any),
            other => other,
        })
    });
    found
}
