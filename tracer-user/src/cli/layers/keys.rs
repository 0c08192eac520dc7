//! Keys of the settings of `tracer attach`, made of its flags: the heading in the help is the table of the file.

use std::{any::TypeId, path::PathBuf, sync::LazyLock};

use clap::{Arg, ArgAction};
use toml::Value as Toml;
use tracer_settings::{Change, Key, Table};

use super::{super::args, CONFIG_VARIABLE};

/// Flags that are no settings.
const NO_SETTINGS: [&str; 4] = ["config", "show_config", "help", "version"];

/// Keys that may change while tracer runs. Others hold something that is made once: a server, a log, a table, the
/// programs in the kernel.
const LIVE: [&str; 14] = [
    "filter.comm",
    "filter.exe",
    "filter.cgroup",
    "filter.port",
    "filter.cidr",
    "filter.host",
    "filter.include_loopback",
    "output.json",
    "output.interval",
    "output.rotate",
    "output.allow",
    "output.allow_file",
    "gate.fail_on",
    "gate.allow_unknown",
];

/// A key with the flag it is made of.
struct Setting {
    key: Key,
    id: &'static str,
    default: Option<Toml>,
    takes_value: bool,
}

static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(settings);

/// The keys of `tracer attach`.
#[derive(Debug)]
pub(crate) struct AttachKeys;

impl Table for AttachKeys {
    const PREFIX: &'static str = "TRACER_ATTACH_";
    const HINT: &'static str = "`tracer attach --show-config` lists all";

    fn all() -> impl Iterator<Item = &'static Key> {
        SETTINGS.iter().map(|setting| &setting.key)
    }

    fn is_other(variable: &str) -> bool {
        variable == CONFIG_VARIABLE
    }
}

/// Name of the flag for its parser.
pub(super) fn id(key: &Key) -> &'static str {
    setting(key).map_or("", |setting| setting.id)
}

/// Value of a key that no layer gives.
pub(super) fn default(key: &Key) -> Option<Toml> {
    setting(key)?.default.clone()
}

/// True if the flag takes a value though it is a switch.
pub(super) fn takes_value(key: &Key) -> bool {
    setting(key).is_some_and(|setting| setting.takes_value)
}

fn setting(key: &Key) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key.name == key.name)
}

/// All settings, those of one table together.
fn settings() -> Vec<Setting> {
    let command = args::command();
    let attach = command.find_subcommand("attach");
    let flags = attach.into_iter().flat_map(clap::Command::get_arguments);
    let mut settings: Vec<Setting> = flags.filter_map(of_flag).collect();
    let tables: Vec<&str> = settings
        .iter()
        .map(|setting| setting.key.split().0)
        .collect();
    let first = |setting: &Setting| {
        let table = setting.key.split().0;
        tables.iter().position(|other| *other == table)
    };
    settings.sort_by_key(first);
    settings
}

fn of_flag(flag: &Arg) -> Option<Setting> {
    let id = kept(flag.get_id().as_str());
    let long = flag.get_long()?;
    if NO_SETTINGS.contains(&id) {
        return None;
    }
    // What a service needs beside its outputs belongs to them.
    let heading = flag.get_help_heading().unwrap_or("Output");
    let heading = if heading == "Service" {
        "Output"
    } else {
        heading
    };
    let name = kept(&format!("{}.{}", word(heading), word(long)));
    let list = matches!(flag.get_action(), ArgAction::Append);
    let takes_value = !matches!(flag.get_action(), ArgAction::SetTrue);
    let switch = !takes_value || form(flag) == "BOOL";
    let choices = flag.get_possible_values();
    let choices = choices
        .iter()
        .filter(|_| !switch)
        .map(|choice| kept(choice.get_name()));
    Some(Setting {
        id,
        default: default_of(flag, list, switch),
        takes_value: takes_value && switch,
        key: Key {
            name,
            prefix: AttachKeys::PREFIX,
            title: kept(heading),
            flag: kept(long),
            doc: kept(&flag.get_help().map(ToString::to_string).unwrap_or_default()),
            form: form(flag),
            choices: Vec::leak(choices.collect()),
            list,
            switch,
            change: match LIVE.contains(&name) {
                true => Change::Live,
                false => Change::Restart,
            },
        },
    })
}

fn default_of(flag: &Arg, list: bool, switch: bool) -> Option<Toml> {
    let given = flag.get_default_values().first();
    match given.and_then(|value| value.to_str()) {
        Some(word) if switch => Some(Toml::Boolean(word == "true")),
        Some(word) => Some(
            word.parse()
                .map_or_else(|_| Toml::String(word.to_owned()), Toml::Integer),
        ),
        None if switch => Some(Toml::Boolean(false)),
        None if list => Some(Toml::Array(Vec::new())),
        None => Some(Toml::String("none".to_owned())),
    }
}

/// Placeholder of the value; `PATH` for every path, because those of a file are below its directory.
fn form(flag: &Arg) -> &'static str {
    if flag.get_value_parser().type_id() == TypeId::of::<PathBuf>() {
        return "PATH";
    }
    let names = flag.get_value_names().unwrap_or_default();
    names.first().map_or("VALUE", |name| kept(name))
}

fn word(text: &str) -> String {
    text.to_lowercase().replace([' ', '-'], "_")
}

/// Text for as long as the program runs; each is made once.
fn kept(text: &str) -> &'static str {
    String::leak(text.to_owned())
}
