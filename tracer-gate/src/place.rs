//! Paths of an expression, checked against the schema.

use std::ops::Range;

use tracer_export::Severity;
use tracer_text::glob::Glob;

use crate::{
    catalogue::{self, Node, Object},
    fault::Fault,
    nearest::nearest,
    parse::Word,
};

/// Place of a figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    /// Value in the JSON.
    Value(Vec<Step>),
    /// Number of faults of this severity or a higher one, without those that are allowed.
    Findings(Severity),
}

/// Step on the way to a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Key of an object.
    Key(String),
    /// Elements of a list.
    Pick(Pick),
}

/// Choice of elements of a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pick {
    /// All of them.
    All,
    /// The one with this index.
    At(usize),
    /// Elements whose name matches.
    Named(Glob),
}

/// Numbers of faults by severity, which are no keys of the JSON.
const SEVERITIES: [(&str, Severity); 3] = [
    ("info", Severity::Info),
    ("warning", Severity::Warning),
    ("critical", Severity::Critical),
];

/// Finds the place that a path names, and the kind of its value.
pub(crate) fn resolve(path: &[(Word, Range<usize>)], text: &str) -> Result<(Place, Node), Fault> {
    if let [(Word::Name(list), _), (Word::Name(name), at)] = path
        && list == "findings"
    {
        let known = SEVERITIES.iter().find(|(known, _)| known == name);
        let count = Node::Number(crate::unit::Unit::Count);
        return match known {
            Some((_, severity)) => Ok((Place::Findings(*severity), count)),
            None => Err(Fault::new(text, at.clone(), unknown_severity(name))),
        };
    }
    let mut walk = Walk {
        text,
        steps: Vec::new(),
    };
    let mut at = walk.start(path.first())?;
    let mut rest = path;
    while !rest.is_empty() {
        (at, rest) = walk.step(at, rest)?;
    }
    let end = path.last().map_or(0..0, |(_, at)| at.clone());
    match at {
        At::Node(node @ (Node::Number(_) | Node::Text | Node::Truth)) => {
            Ok((Place::Value(walk.steps), node.clone()))
        }
        At::Node(Node::Object(object)) => Err(walk.unfinished(object, end)),
        At::Node(list @ Node::List(_)) => Err(walk.no_element(list, end)),
        At::Root(object) => Err(walk.unfinished(object, end)),
    }
}

fn unknown_severity(name: &str) -> String {
    let near = nearest(name, SEVERITIES.iter().map(|(name, _)| *name)).unwrap_or("warning");
    format!(
        "`findings` is a list: write `findings.{near}` for their number, or findings[\"stale-reuse\"].status"
    )
}

/// Place on the way.
#[derive(Clone, Copy)]
enum At {
    Root(&'static Object),
    Node(&'static Node),
}

struct Walk<'t> {
    text: &'t str,
    steps: Vec<Step>,
}

type Rest<'p> = &'p [(Word, Range<usize>)];

impl Walk<'_> {
    /// Object that the path begins in: the root, or the totals for what is not there.
    fn start(&mut self, first: Option<&(Word, Range<usize>)>) -> Result<At, Fault> {
        let Some((Word::Name(name), at)) = first else {
            return Ok(At::Root(catalogue::root()));
        };
        if catalogue::root().keys.contains_key(name) {
            return Ok(At::Root(catalogue::root()));
        }
        if catalogue::totals().keys.contains_key(name) {
            self.steps.push(Step::Key("totals".into()));
            return Ok(At::Root(catalogue::totals()));
        }
        let message = format!("no figure begins with `{name}`{}", suggestion(name));
        Err(Fault::new(self.text, at.clone(), message))
    }

    /// Follows the first word of the path, or the first two when a key has a dot inside.
    fn step<'p>(&mut self, from: At, path: Rest<'p>) -> Result<(At, Rest<'p>), Fault> {
        let Some(((word, at), rest)) = path.split_first() else {
            return Ok((from, path));
        };
        let object = match from {
            At::Root(object) | At::Node(Node::Object(object)) => object,
            At::Node(Node::List(element)) => {
                self.steps.push(Step::Pick(self.pick(element, word, at)?));
                return Ok((At::Node(element), rest));
            }
            At::Node(node) => {
                let message = format!("{} has nothing below it", node.kind());
                return Err(Fault::new(self.text, at.clone(), message));
            }
        };
        let key = match word {
            Word::Name(key) | Word::Quoted(key) => key,
            Word::Index(_) | Word::Star => {
                let message = "an object has names, no elements";
                return Err(Fault::new(self.text, at.clone(), message));
            }
        };
        if let (None, Some((Word::Name(second), _))) = (object.keys.get(key), rest.first()) {
            let both = format!("{key}.{second}");
            if let Some(node) = object.keys.get(&both) {
                self.steps.push(Step::Key(both));
                return Ok((At::Node(node), &rest[1..]));
            }
        }
        let node = object.keys.get(key).or(object.others.as_deref());
        let node = node.ok_or_else(|| self.unknown(object, key, at))?;
        self.steps.push(Step::Key(key.clone()));
        Ok((At::Node(node), rest))
    }

    fn pick(&self, element: &Node, word: &Word, at: &Range<usize>) -> Result<Pick, Fault> {
        let has_names = matches!(element, Node::Object(_));
        match word {
            Word::Star => Ok(Pick::All),
            Word::Index(index) => Ok(Pick::At(*index)),
            Word::Quoted(pattern) if has_names => Ok(Pick::Named(Glob::new(pattern))),
            Word::Quoted(_) => {
                let message = "its elements have no names: write [*] for any, or [0] for the first";
                Err(Fault::new(self.text, at.clone(), message))
            }
            Word::Name(name) => {
                let message = format!(
                    "a list: write [*] for any element{} before `.{name}`",
                    if has_names { ", or [\"NAME\"]" } else { "" }
                );
                Err(Fault::new(self.text, at.clone(), message))
            }
        }
    }

    fn unknown(&self, object: &Object, key: &str, at: &Range<usize>) -> Fault {
        let near = nearest(key, object.keys.keys().map(String::as_str));
        let message = match near {
            Some(near) => format!("no figure `{key}` here; did you mean `{near}`?"),
            None => format!("no figure `{key}` here; there are {}", listed(object)),
        };
        Fault::new(self.text, at.clone(), message)
    }

    fn unfinished(&self, object: &Object, at: Range<usize>) -> Fault {
        let message = format!("not one figure but several: {}", listed(object));
        Fault::new(self.text, at, message)
    }

    fn no_element(&self, list: &Node, at: Range<usize>) -> Fault {
        let names = matches!(list, Node::List(element) if matches!(**element, Node::Object(_)));
        let named = if names { ", or [\"NAME\"]" } else { "" };
        let message = format!("a list: add [*] for any element{named}");
        Fault::new(self.text, at, message)
    }
}

/// Names of an object's keys.
fn listed(object: &Object) -> String {
    let keys: Vec<&str> = object.keys.keys().map(String::as_str).collect();
    keys.join(", ")
}

/// Hint at a figure whose path begins in another way.
fn suggestion(name: &str) -> String {
    let keys = |object: &'static Object| object.keys.keys().map(String::as_str);
    if let Some(near) = nearest(
        name,
        keys(catalogue::root()).chain(keys(catalogue::totals())),
    ) {
        return format!("; did you mean `{near}`?");
    }
    let mut paths = Vec::new();
    Node::Object(catalogue::totals().clone()).paths("", &mut paths);
    let last = |path: &String| path.rsplit('.').next().is_some_and(|last| last == name);
    match paths.into_iter().find(last) {
        Some(path) => format!("; did you mean `{path}`?"),
        None => "; docs/user/export.md lists all".to_owned(),
    }
}
