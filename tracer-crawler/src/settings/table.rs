//! One definition per setting makes the typed field, its defaults and its entry in the table of keys.

use toml::Value as Toml;

use super::value::Given;

/// What a change while running does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is taken at once.
    Live,
    /// It is taken at the next start.
    Restart,
}

/// Everything about a setting that is not its value.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.field`, as in a configuration file.
    pub name: &'static str,
    /// Heading of its group.
    pub title: &'static str,
    /// The flag without dashes; empty for the positional argument.
    pub flag: &'static str,
    /// What it does; one or more sentences.
    pub doc: &'static str,
    /// What stands for the value.
    pub form: &'static str,
    /// The words it may be; empty when there is no such list.
    pub choices: &'static [&'static str],
    /// It takes several values.
    pub list: bool,
    /// A flag without a value means true.
    pub switch: bool,
    /// What a change while running does.
    pub change: Change,
}

impl Key {
    /// The environment variable: `TRACER_CRAWL_` and the key, in capitals, dot as underscore.
    pub fn environment(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Whether one word may hold several values, with commas between them: where no value has a comma of its own.
    pub fn takes_commas(&self) -> bool {
        const WITH_COMMAS: [&str; 4] = [
            "crawl.seeds",
            "scope.include",
            "scope.exclude",
            "headers.extra",
        ];
        self.list && !WITH_COMMAS.contains(&self.name)
    }

    /// Table of the file it is in, and the name there.
    pub fn split(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }
}

/// Every environment variable of the crawler begins with this.
pub const PREFIX: &str = "TRACER_CRAWL_";

/// Settings that belong together: one table of the file.
pub(super) trait Group: Sized {
    /// Its keys, in the order of the definition.
    const KEYS: &'static [Key];

    /// Defaults of a profile.
    fn of(profile: super::Profile) -> Self;

    /// The value of a field; `None` when there is no such field.
    fn get(&self, field: &str) -> Option<Toml>;

    /// Sets a field; `None` when there is no such field.
    fn set(&mut self, field: &str, given: Given<'_>) -> Option<Result<(), String>>;
}

macro_rules! change {
    (live) => {
        $crate::settings::table::Change::Live
    };
    (restart) => {
        $crate::settings::table::Change::Restart
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

/// `field: Type = default [=> tuned], "flag", live|restart;`
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
            const KEYS: &'static [$crate::settings::table::Key] = &[
                $($crate::settings::table::Key {
                    name: concat!($section, ".", stringify!($field)),
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
                given: $crate::settings::value::Given<'_>,
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
