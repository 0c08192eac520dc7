//! A flag for each setting of the crawler, made from the crawler's own table of keys, so that help, man page,
//! completions and configuration file always agree.

use std::path::PathBuf;

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches,
    builder::{PossibleValuesParser, TypedValueParser, ValueParser},
};
use tracer_crawler::settings::{Given, Key, PROFILE, Profile, Settings, takes_commas};

const CONFIG: &str = "config";

/// Settings given on the command line, as text; the crawler parses them.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingsArguments {
    /// Configuration file.
    pub(crate) config: Option<PathBuf>,
    /// Keys with their values as text, in the order of the table.
    pub(crate) given: Vec<(&'static str, Vec<String>)>,
}

impl Args for SettingsArguments {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG)
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help_heading(PROFILE.title)
            .help("Configuration file (TOML); its keys are below the flags. TRACER_CRAWL_CONFIG does it too");
        let command = keys().fold(command.arg(config), |command, key| {
            command.arg(argument(key))
        });
        keys()
            .filter(|key| key.switch)
            .fold(command, |command, key| command.arg(off(key)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingsArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = keys().filter_map(|key| {
            if key.switch && matches.get_flag(&off_name(key)) {
                return Some((key.name, vec!["false".to_owned()]));
            }
            let words = matches.get_many::<String>(key.name)?;
            Some((key.name, words.cloned().collect()))
        });
        Ok(Self {
            config: matches.get_one(CONFIG).cloned(),
            given: given.collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn keys() -> impl Iterator<Item = &'static Key> {
    [&PROFILE].into_iter().chain(Settings::keys())
}

fn argument(key: &'static Key) -> Arg {
    let argument = Arg::new(key.name)
        .help_heading(key.title)
        .help(help(key))
        .value_parser(parser(key))
        .hide_possible_values(true)
        .action(if key.list {
            ArgAction::Append
        } else {
            ArgAction::Set
        });
    if key.flag.is_empty() {
        return argument.value_name("URL").num_args(0..);
    }
    let argument = argument.long(key.flag).value_name(form(key));
    if takes_commas(key) {
        return argument.value_delimiter(',');
    }
    if !key.switch {
        return argument;
    }
    argument
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .overrides_with(off_name(key))
}

fn off_name(key: &Key) -> String {
    format!("no-{}", key.flag)
}

/// Flag `--no-FLAG` of a switch. The last one of both flags counts.
fn off(key: &'static Key) -> Arg {
    Arg::new(off_name(key))
        .long(off_name(key))
        .action(ArgAction::SetTrue)
        .overrides_with(key.name)
        .help_heading(key.title)
        .help(format!("The same as --{}=false", key.flag))
        .hide(true)
}

/// Placeholder of the value in the help: the choices themselves if they are few.
fn form(key: &Key) -> String {
    if key.choices.is_empty() || key.choices.len() > 4 {
        return key.form.to_owned();
    }
    key.choices.join("|")
}

/// Help text of a setting: its purpose and its defaults.
pub(crate) fn help(key: &Key) -> String {
    let doc = key.doc.trim_end_matches('.');
    let choices = match key.choices.len() {
        5.. => format!(" ({})", key.choices.join(", ")),
        _ => String::new(),
    };
    format!("{doc}{choices}{}", defaults(key))
}

/// Text ` [default: 50; tuned: 256]`; empty for a setting without a default.
fn defaults(key: &Key) -> String {
    if key.name == PROFILE.name {
        return format!(" [default: {}]", Profile::Default.word());
    }
    let of = |profile| {
        let value = Settings::of(profile).get(key.name);
        value.map_or_else(String::new, |value| words(&value).join(","))
    };
    let (default, tuned) = (of(Profile::Default), of(Profile::Tuned));
    match (default.as_str(), default == tuned) {
        ("" | "none", true) => String::new(),
        (_, true) => format!(" [default: {default}]"),
        (_, false) => format!(" [default: {default}; tuned: {tuned}]"),
    }
}

/// Value of a setting as the words of a command line.
pub(crate) fn words(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::String(text) => vec![text.clone()],
        toml::Value::Array(items) => items.iter().flat_map(words).collect(),
        other => vec![other.to_string()],
    }
}

/// Parser that refuses invalid values, so that clap can name the flag.
fn parser(key: &'static Key) -> ValueParser {
    if key.name == PROFILE.name || (!key.choices.is_empty() && key.list) {
        return PossibleValuesParser::new(key.choices)
            .map(|word| word)
            .into();
    }
    ValueParser::from(move |word: &str| -> Result<String, String> {
        // A space may follow a comma.
        let word = if takes_commas(key) { word.trim() } else { word };
        let words = [word.to_owned()];
        match Settings::default().set(key.name, Given::Text(&words)) {
            Some(Err(problem)) => Err(problem),
            _ => Ok(word.to_owned()),
        }
    })
}
