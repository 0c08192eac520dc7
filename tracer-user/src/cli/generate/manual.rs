//! Manual pages in troff: what clap_mangen makes of the flags, then exit status, examples and other pages.

use std::io;

use clap::{Arg, Command};
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};

use crate::cli::examples;

/// Beginning of the part of a command's help that has its exit codes.
const EXIT_CODES: &str = "Exit codes:\n";
/// Beginning of the part that has its examples, which the page shows in its own way.
const EXAMPLES: &str = "Examples:\n";

/// The page of a command, by the name of the page.
pub(super) fn page(command: &Command, name: &str) -> io::Result<Vec<u8>> {
    let help = command.get_after_long_help();
    let help = help.map(ToString::to_string).unwrap_or_default();
    let (notes, exit_codes) = help.split_once(EXIT_CODES).unwrap_or((&help, ""));
    let notes: Vec<&str> = notes
        .split("\n\n")
        .filter(|part| !part.starts_with(EXAMPLES) && !part.trim().is_empty())
        .collect();
    let complete = command.clone().mut_args(|it| it.hide_short_help(false));
    let man = Man::new(complete)
        .source(concat!("tracer ", env!("CARGO_PKG_VERSION")))
        .manual("User commands");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    synopsis(command).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    for note in notes {
        paragraph(note).to_writer(&mut text)?;
    }
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut text)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    if !exit_codes.is_empty() {
        exit_status(exit_codes).to_writer(&mut text)?;
    }
    shown_examples(name).to_writer(&mut text)?;
    see_also(name).to_writer(&mut text)?;
    Ok(with_one_preamble(&text))
}

/// Text of a page whose parts each began with the definition of the apostrophe.
fn with_one_preamble(text: &[u8]) -> Vec<u8> {
    const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
    let text = String::from_utf8_lossy(text).replace(PREAMBLE, "");
    format!("{PREAMBLE}{text}").into_bytes()
}

/// Usage with the values that flags take.
fn synopsis(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let mut line = vec![bold(name), roman(" ")];
    let arguments = command.get_arguments().filter(|it| !it.is_hide_set());
    let (places, flags): (Vec<&Arg>, Vec<&Arg>) = arguments.partition(|it| it.is_positional());
    for flag in flags {
        line.extend([roman("["), bold(flag_name(flag))]);
        if flag.get_action().takes_values() {
            let gap = if flag.is_require_equals_set() {
                "="
            } else {
                " "
            };
            line.extend([roman(gap), italic(value_name(flag))]);
        }
        let many = matches!(flag.get_action(), clap::ArgAction::Append);
        line.push(roman(if many { "]… " } else { "] " }));
    }
    if command.has_subcommands() {
        line.extend([italic("COMMAND"), roman(" …")]);
    }
    for place in places {
        let dashes = if place.is_last_set() { "-- " } else { "" };
        let many = place
            .get_num_args()
            .is_some_and(|count| count.max_values() > 1);
        let name = format!("{}{}", value_name(place), if many { "…" } else { "" });
        match place.is_required_set() {
            true => line.extend([roman(dashes), italic(name), roman(" ")]),
            false => line.extend([roman("["), italic(name), roman("] ")]),
        }
    }
    roff.text(line);
    roff
}

fn flag_name(flag: &Arg) -> String {
    match (flag.get_long(), flag.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => String::new(),
    }
}

fn value_name(argument: &Arg) -> String {
    match argument.get_value_names() {
        Some(names) => names.join(" "),
        None => argument.get_id().as_str().to_uppercase(),
    }
}

fn paragraph(text: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("PP", []);
    roff.text([roman(text.trim())]);
    roff
}

/// Exit codes as a list; a line that begins with no number is a paragraph of its own.
fn exit_status(codes: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for line in codes.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once(' ') {
            Some((code, what)) if code.parse::<u8>().is_ok() => {
                roff.control("TP", []);
                roff.text([bold(code)]);
                roff.text([roman(what.trim())]);
            }
            _ => {
                roff.control("PP", []);
                roff.text([roman(line)]);
            }
        }
    }
    roff
}

fn shown_examples(name: &str) -> Roff {
    let mut roff = Roff::new();
    let Some(examples) = examples::of(name) else {
        return roff;
    };
    roff.control("SH", ["EXAMPLES"]);
    for (line, what) in examples {
        roff.control("TP", []);
        roff.text([bold(*line)]);
        roff.text([roman(*what)]);
    }
    roff
}

/// Pages to read next.
fn see_also(name: &str) -> Roff {
    let mut pages: Vec<&str> = match name {
        "" => vec!["attach", "run", "demo", "replay", "diff", "doctor", "crawl"],
        "attach" => vec!["run", "replay", "diff", "doctor"],
        "run" => vec!["attach", "replay", "diff", "doctor"],
        "crawl" => vec!["config-show", "run"],
        "config" => vec!["config-show", "crawl"],
        "config-show" => vec!["crawl"],
        "demo" => vec!["diff", "crawl"],
        "diff" => vec!["run", "explain"],
        "explain" => vec!["diff", "run"],
        _ => vec!["attach", "run"],
    };
    pages.retain(|page| *page != name);
    let mut names: Vec<String> = pages.iter().map(|page| format!("tracer-{page}")).collect();
    if !name.is_empty() {
        names.insert(0, "tracer".to_owned());
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let end = if at + 1 == names.len() {
            "(1)"
        } else {
            "(1), "
        };
        line.extend([bold(name.as_str()), roman(end)]);
    }
    roff.text(line);
    roff
}
