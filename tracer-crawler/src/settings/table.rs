//! Table of settings. One definition per setting yields the typed field, its defaults and its entry in the table of
//! keys.

use toml::Value as Toml;

use tracer_settings::{Given, Key};

/// True if one word may hold several values with commas between them, because no value has a comma of its own.
pub fn takes_commas(key: &Key) -> bool {
    const WITH_COMMAS: [&str; 4] = [
        "crawl.seeds",
        "scope.include",
        "scope.exclude",
        "headers.extra",
    ];
    key.list && !WITH_COMMAS.contains(&key.name)
}

/// Prefix of all environment variables of the crawler.
pub const PREFIX: &str = "TRACER_CRAWL_";

/// Group of settings that form one table of the file.
pub(super) trait Group: Sized {
    /// Keys of the group, in the order of the definition.
    const KEYS: &'static [Key];

    /// Defaults of a profile.
    fn of(profile: super::Profile) -> Self;

    /// Value of a field; `None` when there is no such field.
    fn get(&self, field: &str) -> Option<Toml>;

    /// Sets a field; `None` when there is no such field.
    fn set(&mut self, field: &str, given: Given<'_>) -> Option<Result<(), String>>;
}

macro_rules! change {
    (live) => {
        tracer_settings::Change::Live
    };
    (restart) => {
        tracer_settings::Change::Restart
    };
}
pub(super) use change;

macro_rules! tuned {
    ($default:expr) => {
        $default
    };
    ($default:expr, $tuned:expr) => {
        $tuned
    };
}
pub(super) use tuned;

/// Defines a group from lines of the form `field: Type = default [=> tuned], "flag", live|restart;`.
macro_rules! group {
    (
        $(#[$meta:meta])*
        $Group:ident in $section:literal, $title:literal {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $type:ty = $default:expr $(=> $tuned:expr)?, $flag:literal, $change:ident;
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Group {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl $crate::settings::table::Group for $Group {
            const KEYS: &'static [tracer_settings::Key] = &[
                $(tracer_settings::Key {
                    name: concat!($section, ".", stringify!($field)),
                    prefix: $crate::settings::table::PREFIX,
                    title: $title,
                    flag: $flag,
                    doc: concat!($($doc),+).trim_ascii(),
                    form: <$type as $crate::settings::value::Value>::FORM,
                    choices: <$type as $crate::settings::value::Value>::CHOICES,
                    list: <$type as $crate::settings::value::Value>::LIST,
                    switch: <$type as $crate::settings::value::Value>::SWITCH,
                    change: $crate::settings::table::change!($change),
                },)+
            ];

            fn of(profile: $crate::settings::Profile) -> Self {
                match profile {
                    $crate::settings::Profile::Default => Self { $($field: $default,)+ },
                    $crate::settings::Profile::Tuned => Self {
                        $($field: $crate::settings::table::tuned!($default $(, $tuned)?),)+
                    },
                }
            }

            fn get(&self, field: &str) -> Option<toml::Value> {
                match field {
                    $(stringify!($field) => Some($crate::settings::value::Value::to_toml(&self.$field)),)+
                    _ => None,
                }
            }

            fn set(
                &mut self,
                field: &str,
                given: tracer_settings::Given<'_>,
            ) -> Option<Result<(), String>> {
                match field {
                    $(stringify!($field) => Some(
                        $crate::settings::value::Value::from_given(given)
                            .map(|value| self.$field = value),
                    ),)+
                    _ => None,
                }
            }
        }
    };
}
pub(super) use group;
