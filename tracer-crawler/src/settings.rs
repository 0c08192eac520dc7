//! All settings of the crawler, typed, with the defaults of both profiles. Flags, configuration keys, environment
//! variables and documentation are made from the same definitions ([`Settings::keys`]).

mod check;
mod host;
mod live;
pub mod quantity;
mod reach;
pub mod secret;
mod table;
pub mod value;
mod wire;
pub mod word;

use toml::Value as Toml;

pub(crate) use self::check::check_header;
pub use self::{
    check::Fault,
    host::{Control, Cpu, Hooks, Log, Metrics, Output, Parse, Render},
    live::LiveSettings,
    quantity::{ByteSize, PerSecond},
    reach::{Adaptive, Cache, Crawl, Limits, Politeness, Scope, State},
    secret::{REDACTED, Secret},
    table::{PREFIX, takes_commas},
    value::is_switch_value,
    wire::{Body, Dns, Headers, Http, Pool, Proxy, Retry, Timeouts, Tls},
    word::{
        AddressFamily, DnsMode, LinkSource, Listen, LogFormat, Pattern, Profile, ProgressMode,
        ReferrerPolicy, RenderWait, ScopeMode, ShardShare, TlsVersion,
    },
};
pub use tracer_settings::{Change, Given, Key};

use self::{table::Group, value::Value};
use crate::credentials;

macro_rules! settings {
    ($($field:ident: $Group:ident,)+) => {
        /// All settings of a crawl.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings {
            /// Profile that the defaults come from.
            pub profile: Profile,
            $(
                #[doc = concat!("Table `", stringify!($field), "`.")]
                pub $field: $Group,
            )+
        }

        impl Settings {
            /// Defaults of a profile.
            pub fn of(profile: Profile) -> Self {
                Self { profile, $($field: $Group::of(profile),)+ }
            }

            /// All keys except `profile`, in the order of the documentation.
            pub fn keys() -> impl Iterator<Item = &'static Key> {
                [$(<$Group as Group>::KEYS,)+].into_iter().flatten()
            }

            /// Value of a key in its TOML form; `None` when there is no such key.
            pub fn get(&self, name: &str) -> Option<Toml> {
                if name == PROFILE.name {
                    return Some(self.profile.to_toml());
                }
                let (section, field) = name.split_once('.')?;
                match section {
                    $(stringify!($field) => self.$field.get(field),)+
                    _ => None,
                }
            }

            /// Sets a key; `None` when there is no such key. The error names the expected form.
            pub fn set(&mut self, name: &str, given: Given<'_>) -> Option<Result<(), String>> {
                let (section, field) = name.split_once('.')?;
                match section {
                    $(stringify!($field) => self.$field.set(field, given),)+
                    _ => None,
                }
            }
        }
    };
}

settings! {
    crawl: Crawl,
    scope: Scope,
    politeness: Politeness,
    limits: Limits,
    adaptive: Adaptive,
    http: Http,
    pool: Pool,
    dns: Dns,
    tls: Tls,
    proxy: Proxy,
    timeouts: Timeouts,
    retry: Retry,
    body: Body,
    headers: Headers,
    parse: Parse,
    state: State,
    cache: Cache,
    output: Output,
    log: Log,
    cpu: Cpu,
    hooks: Hooks,
    metrics: Metrics,
    control: Control,
    render: Render,
}

/// Key of the profile, which decides the defaults of all other keys. It is outside of every table.
pub const PROFILE: Key = Key {
    name: "profile",
    prefix: PREFIX,
    title: "Crawl",
    flag: "profile",
    doc: "Where all other settings take their defaults from.",
    form: Profile::FORM,
    choices: Profile::CHOICES,
    list: false,
    switch: false,
    change: Change::Restart,
};

impl Default for Settings {
    /// Settings of the profile `default`.
    fn default() -> Self {
        Self::of(Profile::Default)
    }
}

impl Settings {
    /// Value of a key as shown to people: without passwords of URLs and values of secret headers.
    pub fn shown(&self, name: &str) -> Option<Toml> {
        let value = self.get(name)?;
        let hide: fn(&str) -> String = match name {
            "crawl.seeds" => credentials::shown,
            "headers.extra" => credentials::shown_header,
            _ => return Some(value),
        };
        let Toml::Array(items) = value else {
            return Some(value);
        };
        let texts = items.iter().filter_map(Toml::as_str);
        Some(Toml::Array(
            texts.map(|text| Toml::String(hide(text))).collect(),
        ))
    }

    /// Key of this name, `profile` included.
    pub fn key(name: &str) -> Option<&'static Key> {
        if name == PROFILE.name {
            return Some(&PROFILE);
        }
        Self::keys().find(|key| key.name == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_flags_and_variables_are_unique() {
        let mut seen = HashSet::new();
        for key in Settings::keys().chain([&PROFILE]) {
            assert!(seen.insert(key.name.to_owned()), "{}", key.name);
            assert!(seen.insert(key.environment()), "{}", key.environment());
            assert!(seen.insert(format!("--{}", key.flag)), "--{}", key.flag);
            assert!(
                key.doc.ends_with('.') || key.doc.ends_with(')') || key.doc.ends_with('`'),
                "{}",
                key.doc
            );
        }
        assert!(seen.len() > 300, "{}", seen.len());
    }

    #[test]
    fn both_profiles_are_valid_and_differ_as_documented() {
        let (default, tuned) = (Settings::of(Profile::Default), Settings::of(Profile::Tuned));
        default.check().unwrap();
        tuned.check().unwrap();
        assert_eq!(default.pool.idle_per_host, 2);
        assert_eq!(default.dns.mode, DnsMode::System);
        assert!(!default.tls.resumption && !default.http.compression);
        assert_eq!(tuned.pool.idle_per_host, 100);
        assert_eq!(tuned.dns.mode, DnsMode::Cached);
        assert!(tuned.tls.resumption && tuned.http.compression);
    }

    #[test]
    fn every_value_is_read_back_the_same_in_every_form() {
        for profile in [Profile::Default, Profile::Tuned] {
            let settings = Settings::of(profile);
            let mut copy = Settings::of(Profile::Default);
            let mut again = Settings::of(Profile::Default);
            copy.profile = profile;
            again.profile = profile;
            for key in Settings::keys() {
                let value = settings.get(key.name).unwrap();
                copy.set(key.name, Given::Toml(&value)).unwrap().unwrap();
                let words: Vec<String> = match &value {
                    Toml::Array(items) => items.iter().map(word).collect(),
                    other => vec![word(other)],
                };
                again.set(key.name, Given::Text(&words)).unwrap().unwrap();
            }
            assert_eq!(copy, settings);
            assert_eq!(again, settings);
        }
    }

    fn word(value: &Toml) -> String {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    }

    #[track_caller]
    fn check_refused(key: &str, text: &str, says: &str) {
        let mut settings = Settings::default();
        let words = [text.to_owned()];
        let found = match settings.set(key, Given::Text(&words)).unwrap() {
            Err(problem) => problem,
            Ok(()) => settings.check().unwrap_err().to_string(),
        };
        assert!(found.contains(says), "{key} = {text}: {found}");
    }

    #[test]
    fn values_that_cannot_be_are_refused_with_a_remedy() {
        check_refused("limits.concurrency", "0", "1 to 100000");
        check_refused("limits.concurrency", "many", "whole number");
        check_refused("limits.rate", "0", "or `none`");
        check_refused("scope.shard", "3/2", "2/5");
        check_refused("scope.include", "(", "regular expression");
        check_refused("scope.mode", "hosts", "host, subdomains, any");
        check_refused("timeouts.request", "0", "0 would");
        check_refused("retry.statuses", "200", "400 to 599");
        check_refused("proxy.url", "http://me:pw@proxy:3128", "credentials_file");
        check_refused("proxy.url", "ftp://proxy", "socks5://");
        check_refused("control.address", "0.0.0.0:9000", "loopback");
        check_refused("headers.extra", "no colon", "Name: value");
        check_refused("headers.user_agent", "a\r\nb", "control character");
        check_refused("body.max_header", "1KiB", "too few");
        check_refused("metrics.address", "unix:relative", "unix:/absolute");
    }

    #[test]
    fn secrets_among_the_values_are_not_shown() {
        let mut settings = Settings::default();
        let words = ["http://me:hunter2@h/".to_owned(), "http://h/a".to_owned()];
        settings
            .set("crawl.seeds", Given::Text(&words))
            .unwrap()
            .unwrap();
        let words = [
            "authorization: Bearer hunter2".to_owned(),
            "x-a: b".to_owned(),
        ];
        settings
            .set("headers.extra", Given::Text(&words))
            .unwrap()
            .unwrap();
        let shown = |name| settings.shown(name).unwrap().to_string();
        assert_eq!(shown("crawl.seeds"), r#"["http://h/", "http://h/a"]"#);
        let expected = r#"["authorization: (secret)", "x-a: b"]"#;
        assert_eq!(shown("headers.extra"), expected);
        assert_eq!(shown("limits.per_host"), "8");
    }

    #[test]
    fn switches_are_what_people_type() {
        let mut settings = Settings::default();
        for (word, expected) in [
            ("true", true),
            ("No", false),
            ("YES", true),
            ("off", false),
            ("On", true),
            ("0", false),
            ("1", true),
            ("FALSE", false),
        ] {
            let words = [word.to_owned()];
            settings
                .set("politeness.robots", Given::Text(&words))
                .unwrap()
                .unwrap();
            assert_eq!(settings.politeness.robots, expected, "{word}");
            assert!(is_switch_value(word));
        }
        for word in ["", "maybe", "2", "tru", "http://h/"] {
            assert!(!is_switch_value(word), "{word}");
        }
    }

    #[test]
    fn a_bare_port_is_on_loopback() {
        assert_eq!(Listen::parse("9090"), Listen::parse("127.0.0.1:9090"));
        assert_eq!(Listen::parse(":9090"), Listen::parse("127.0.0.1:9090"));
        assert_eq!(
            Listen::parse("unix:/run/x").unwrap().to_string(),
            "unix:/run/x"
        );
    }

    #[test]
    fn unknown_keys_are_not_there() {
        let mut settings = Settings::default();
        let words = ["1".to_owned()];
        assert!(
            settings
                .set("limits.nothing", Given::Text(&words))
                .is_none()
        );
        assert!(
            settings
                .set("nothing.concurrency", Given::Text(&words))
                .is_none()
        );
        assert!(settings.get("concurrency").is_none());
    }
}
