//! `cargo xtask picture`: makes docs/demo.svg, the demo's table, from two exports.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// Width of a character and height of a line, in px, of a 14 px monospace font.
const CHARACTER_PX: f64 = 8.43;
const LINE_PX: usize = 20;
const MARGIN_PX: usize = 16;

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let files: Vec<PathBuf> = match args {
        [] => ["default", "tuned"]
            .map(|name| workspace::target_dir().join(format!("demo/{name}.json")))
            .into(),
        [a, b] => vec![a.into(), b.into()],
        _ => anyhow::bail!("expected two exports, or none for those of `cargo xtask demo`"),
    };
    let mut diff = Command::new(workspace::tracer());
    let output = diff
        .args(["diff", "--color", "always"])
        .args(&files)
        .output();
    let output = output.context("no tracer; `cargo xtask demo` builds it and makes the exports")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{complaint}; `cargo xtask demo` makes the exports"
    );
    let to = workspace::root().join("docs/demo.svg");
    fs::write(&to, svg(&String::from_utf8_lossy(&output.stdout)))?;
    println!("{}", to.display());
    Ok(ExitCode::SUCCESS)
}

/// Makes a picture of text with the terminal's colours. It is light or dark like the page that shows it.
fn svg(text: &str) -> String {
    let lines: Vec<Vec<Span<'_>>> = text.lines().map(spans).collect();
    let length = |line: &Vec<Span<'_>>| line.iter().map(|span| span.text.chars().count()).sum();
    let longest: usize = lines.iter().map(length).max().unwrap_or(0);
    let width = (longest as f64 * CHARACTER_PX).ceil() as usize + 2 * MARGIN_PX;
    let height = lines.len() * LINE_PX + 2 * MARGIN_PX;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n{STYLE}<rect width=\"100%\" height=\"100%\" rx=\"8\" class=\"page\"/>\n"
    );
    for (number, line) in lines.iter().enumerate() {
        let y = MARGIN_PX + number * LINE_PX + 14;
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<text x=\"{MARGIN_PX}\" y=\"{y}\" xml:space=\"preserve\">"
        );
        for span in line {
            let _ = write!(
                out,
                "<tspan class=\"{}\">{}</tspan>",
                span.class,
                escape(span.text)
            );
        }
        out.push_str("</text>\n");
    }
    out.push_str("</svg>\n");
    out
}

const STYLE: &str = "<style>
text { font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre; fill: #1f2328 }
.page { fill: #f6f8fa } .head { font-weight: bold } .better { fill: #1a7f37; font-weight: bold } .worse { fill: #cf222e; font-weight: bold }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .page { fill: #161b22 } .better { fill: #3fb950 } .worse { fill: #f85149 } }
</style>
";

/// Characters of one colour.
struct Span<'a> {
    class: &'static str,
    text: &'a str,
}

/// Cuts a line at its escape sequences, which are all for colours.
fn spans(line: &str) -> Vec<Span<'_>> {
    let mut parts = line.split('\x1b');
    let first = parts.next().map(|text| Span { class: "", text });
    let painted = parts.filter_map(|part| {
        let (code, text) = part.strip_prefix('[')?.split_once('m')?;
        let class = match code {
            "1" => "head",
            "32" => "better",
            "31" | "1;31" => "worse",
            _ => "",
        };
        Some(Span { class, text })
    });
    first.into_iter().chain(painted).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::svg;

    #[test]
    fn colours_become_classes() {
        let picture = svg("\x1b[1ma < b\x1b[0m\nx\x1b[32m  -91 %\x1b[0m rest\n");
        assert!(picture.contains("<tspan class=\"head\">a &lt; b</tspan>"));
        assert!(
            picture
                .contains("<tspan class=\"better\">  -91 %</tspan><tspan class=\"\"> rest</tspan>")
        );
        assert!(!picture.contains('\x1b'));
    }
}
