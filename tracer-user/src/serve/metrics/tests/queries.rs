//! Queries of the dashboard, the alerts and the documentation: they name only metrics and labels that there are.

use std::{fs, path::PathBuf};

use serde_json::Value;

use super::*;

/// Words of the query language that are no metrics.
const KEYWORDS: [&str; 12] = [
    "and",
    "or",
    "unless",
    "bool",
    "offset",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "inf",
];
/// Words after which a list of labels stands.
const BEFORE_LABELS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];
/// Labels that Prometheus adds.
const ADDED: [&str; 2] = ["instance", "job"];

/// Metrics with the labels of each.
type Known = BTreeMap<String, HashSet<String>>;

fn known() -> Known {
    let mut results = results(two_hosts(), 0);
    results.findings = Arc::new(found());
    let page = told(&mut Metrics::new(1), &results);
    let mut known = Known::new();
    for sample in page.keys() {
        let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
        let labels = labels
            .trim_end_matches('}')
            .split("\",")
            .filter(|it| !it.is_empty());
        let names = labels.map(|label| label.split('=').next().unwrap().to_owned());
        let of_name = known.entry(name.to_owned()).or_default();
        of_name.extend(names.chain(ADDED.map(str::to_owned)));
    }
    known
}

fn docs(relative: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(relative)
}

fn read(relative: &str) -> String {
    fs::read_to_string(docs(relative)).unwrap()
}

/// Every `expr` and `query` of the dashboard.
fn of_dashboard(value: &Value, queries: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                match (key.as_str(), value) {
                    ("expr", Value::String(query)) => queries.push(query.clone()),
                    _ => of_dashboard(value, queries),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|it| of_dashboard(it, queries)),
        _ => {}
    }
}

/// Expressions of the rules: in the line of `expr`, or in the deeper lines below it.
fn of_rules(text: &str) -> Vec<String> {
    let mut queries = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((indent, query)) = line.split_once("expr: ") else {
            continue;
        };
        let mut query = query.trim_start_matches('|').to_owned();
        let is_below = |line: &&str| line.starts_with(&format!("{indent}  "));
        while let Some(line) = lines.next_if(is_below) {
            query += line;
        }
        queries.push(query);
    }
    queries
}

/// Blocks of PromQL in Markdown.
fn of_page(text: &str) -> Vec<String> {
    let blocks = text.split("```promql\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// Metrics and labels that a query names and that are not there.
fn unknown(query: &str, known: &Known) -> Vec<String> {
    let without_values: String = query.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    let mut unknown = Vec::new();
    let mut metric = String::new();
    let (mut braces, mut brackets, mut is_list) = (false, false, false);
    let mut rest = without_values.as_str();
    while let Some(c) = rest.chars().next() {
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if !c.is_alphabetic() && c != '_' {
            match c {
                '{' | '}' => braces = c == '{',
                '[' | ']' => brackets = c == '[',
                ')' => is_list = false,
                _ => {}
            }
            // A number or a variable takes its letters with it.
            let taken = if c == '$' || c.is_numeric() {
                let from = c.len_utf8();
                let tail = &rest[from..];
                from + tail
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(tail.len())
            } else {
                c.len_utf8()
            };
            rest = &rest[taken..];
            continue;
        }
        let word = &rest[..end];
        rest = &rest[end..];
        let next = rest.trim_start();
        let is_call = ["(", "by ", "without "]
            .iter()
            .any(|it| next.starts_with(it));
        if braces {
            let labels = known.get(&metric);
            if !labels.is_some_and(|labels| labels.contains(word)) && word != "le" {
                unknown.push(format!("label {word} of {metric}"));
            }
        } else if is_list {
            let is_label = word == "le" || known.values().any(|labels| labels.contains(word));
            unknown.extend((!is_label).then(|| format!("label {word}")));
        } else if BEFORE_LABELS.contains(&word) {
            is_list = true;
        } else if !brackets && !is_call && !KEYWORDS.contains(&word) {
            metric = word.to_owned();
            unknown.extend((!known.contains_key(word)).then(|| format!("metric {word}")));
        }
    }
    unknown
}

#[test]
fn what_is_not_there_is_found() {
    let known = known();
    let query = r#"1 - sum by (le, nolabel) (rate(tracer_requests_total{server_address="nolabel", nolabel2=~"$x"}[5m])) / nosuch offset 5m"#;
    let expected = [
        "label nolabel",
        "label nolabel2 of tracer_requests_total",
        "metric nosuch",
    ];
    assert_eq!(unknown(query, &known), expected);
}

#[test]
fn queries_name_what_there_is() {
    let mut queries = Vec::new();
    of_dashboard(
        &serde_json::from_str(&read("grafana/tracer.json")).unwrap(),
        &mut queries,
    );
    assert!(queries.len() > 40, "{}", queries.len());
    let of_rules = of_rules(&read("prometheus/alerts.yml"));
    assert_eq!(of_rules.len(), 8);
    let of_page = of_page(&read("user/prometheus.md"));
    assert!(of_page.len() >= 10, "{}", of_page.len());
    let known = known();
    for query in queries.iter().chain(&of_rules).chain(&of_page) {
        let unknown = unknown(query, &known);
        assert!(unknown.is_empty(), "{unknown:?} in {query}");
    }
}

/// Table of the metrics, as in the documentation.
fn table() -> String {
    let mut text = String::from("| metric | labels | meaning |\n| --- | --- | --- |\n");
    let known = known();
    let mut row = |family: &Family| {
        let name = family.sample();
        let sample = match family.kind {
            family::Type::Histogram => format!("{name}_count"),
            _ => name.clone(),
        };
        let labels = known.get(&sample).into_iter().flatten();
        let mut labels: Vec<&str> = labels.map(String::as_str).collect();
        labels.retain(|label| !ADDED.contains(label));
        labels.sort_unstable();
        let labels = labels.join(", ");
        text += &format!("| `{name}` | {labels} | {} |\n", family.help);
    };
    let metrics = Metrics::new(1);
    metrics.families.iter().for_each(|(family, _)| row(family));
    let results = results(two_hosts(), 0);
    let gauges = gauges::gauges(&results, &metrics.figures, &metrics.findings, 0);
    gauges.iter().for_each(|(family, _)| row(family));
    text
}

#[test]
fn the_table_of_the_documentation_is_complete() {
    let (path, text) = (docs("user/prometheus.md"), read("user/prometheus.md"));
    let (before, rest) = text.split_once("<!-- metrics -->\n").unwrap();
    let (shown, after) = rest.split_once("<!-- end -->").unwrap();
    let table = table();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        let text = format!("{before}<!-- metrics -->\n{table}<!-- end -->{after}");
        return fs::write(path, text).unwrap();
    }
    assert_eq!(shown, table, "UPDATE_GENERATED=1 writes it");
}

#[test]
fn the_numbers_of_series_of_the_documentation_are_right() {
    let results = results(two_hosts(), 0);
    let series = |hosts| told(&mut Metrics::new(hosts), &results).len();
    let (none, one) = (series(0), series(1));
    let of_host = one - none;
    let of_trace = none - of_host;
    let hosts = HOSTS as usize;
    let all = of_trace + (hosts + 1) * of_host;
    let text = read("user/prometheus.md");
    for words in [
        format!("{of_host} series"),
        format!("is {of_trace} series"),
        format!("{of_trace} + ({hosts} + 1) * {of_host} = {all}"),
        format!("`--metrics-hosts 0` has {none}"),
        format!(
            "{all} * 5760 * 1.5 bytes = {} MB",
            (all * 5760 * 3).div_ceil(2_000_000)
        ),
    ] {
        assert!(text.contains(&words), "{words}");
    }
}
