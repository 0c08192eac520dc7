//! Layers of settings: defaults of a profile, then a file, then the environment, then flags. A later layer overrides an
//! earlier one, and the origin of each key's value is known.

mod merge;
pub mod reload;
pub mod secret;
mod show;

pub use tracer_settings::{ConfigError, Origin};

pub use self::merge::{CONFIG_VARIABLE, Effective, Load, Sources};

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use proptest::prelude::*;

    use super::*;
    use crate::settings::{DnsMode, Given, PROFILE, PerSecond, Profile, Settings};

    struct Case {
        directory: tempfile::TempDir,
        sources: Sources,
    }

    impl Case {
        fn new(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("crawl.toml");
            fs::write(&path, file).unwrap();
            let sources = Sources {
                file: Some(path),
                environment: environment
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
                flags: flags
                    .iter()
                    .map(|(name, value)| (*name, vec![(*value).to_owned()]))
                    .collect(),
                ..Sources::default()
            };
            Self { directory, sources }
        }

        fn load(&self) -> Effective {
            self.sources.load().unwrap()
        }

        /// Text of the error, without the directory.
        fn error(&self) -> String {
            let text = self.sources.load().unwrap_err().to_string();
            text.replace(&format!("{}/", self.directory.path().display()), "")
        }
    }

    #[test]
    fn the_higher_layer_wins_and_its_name_is_kept() {
        let case = Case::new(
            "profile = \"tuned\"\n[limits]\nconcurrency = 10\nper_host = 11\nrate = 5\n",
            &[
                ("TRACER_CRAWL_LIMITS_PER_HOST", "21"),
                ("TRACER_CRAWL_LIMITS_RATE", "6"),
                ("HOME", "/"),
            ],
            &[("limits.rate", "7/s")],
        );
        let effective = case.load();
        let limits = &effective.settings.limits;
        assert_eq!(effective.settings.profile, Profile::Tuned);
        assert_eq!((limits.concurrency, limits.per_host), (10, 21));
        assert_eq!(limits.rate, PerSecond::new(7.0));
        assert_eq!(
            effective.settings.pool.idle_per_host, 100,
            "of the profile that the file names"
        );
        let origin = |key| effective.origin(key).to_string();
        assert!(origin("profile").ends_with("crawl.toml:1"));
        assert!(origin("limits.concurrency").ends_with("crawl.toml:3"));
        assert_eq!(origin("limits.per_host"), "TRACER_CRAWL_LIMITS_PER_HOST");
        assert_eq!(origin("limits.rate"), "--rate");
        assert_eq!(origin("limits.burst"), "default of profile tuned");
    }

    #[test]
    fn unknown_keys_are_refused_with_a_suggestion() {
        #[track_caller]
        fn check(file: &str, environment: &[(&str, &str)], expected: &str) {
            assert_eq!(Case::new(file, environment, &[]).error(), expected);
        }
        check(
            "[limits]\n\nconcurency = 3\n",
            &[],
            "crawl.toml:3: unknown key `limits.concurency`; did you mean `limits.concurrency`?",
        );
        check(
            "profil = \"tuned\"",
            &[],
            "crawl.toml:1: unknown key `profil`; did you mean `profile`?",
        );
        check(
            "[limit]\nrate = 3",
            &[],
            "crawl.toml:2: unknown key `limit.rate`; did you mean `limits.rate`?",
        );
        check(
            "zzzzzzzzzzzzzz = 1",
            &[],
            "crawl.toml:1: unknown key `zzzzzzzzzzzzzz`; `tracer config show` lists all",
        );
        check(
            "",
            &[("TRACER_CRAWL_LIMITS_RATES", "1")],
            "TRACER_CRAWL_LIMITS_RATES: unknown key `TRACER_CRAWL_LIMITS_RATES`; did you mean `TRACER_CRAWL_LIMITS_RATE`?",
        );
    }

    #[test]
    fn wrong_values_name_file_and_line() {
        #[track_caller]
        fn check(file: &str, expected: &str) {
            let error = Case::new(file, &[], &[]).error();
            assert!(error.starts_with(expected), "{error}");
        }
        check(
            "[limits]\nconcurrency = \"3\"",
            "crawl.toml:2: limits.concurrency: expected a whole number, found a value of type string",
        );
        check(
            "[limits]\nconcurrency = -3",
            "crawl.toml:2: limits.concurrency: expected a whole number from 0",
        );
        check(
            "[timeouts]\ntask = true",
            "crawl.toml:2: timeouts.task: expected seconds, or a time in quotes",
        );
        check(
            "[http]\nhttp2 = \"yes\"",
            "crawl.toml:2: http.http2: expected true or false",
        );
        check(
            "[crawl]\nseeds = \"http://a/\"",
            "crawl.toml:2: crawl.seeds: expected a list in brackets",
        );
        check("limits = 3", "crawl.toml:1: unknown key `limits`");
        check(
            "[limits.rate]\nx = 3",
            "crawl.toml:1: limits.rate: expected a number a second",
        );
        check("# one\n[limits\n", "crawl.toml:2: not valid TOML:");
        check("a = 1\na = 2", "crawl.toml:2: not valid TOML:");
        check(
            "[limits]\nconcurrency = 0",
            "crawl.toml:2: limits.concurrency: 0 is not within",
        );
    }

    #[test]
    fn which_errors_are_those_of_a_file() {
        assert!(
            Case::new("x = 1", &[], &[])
                .sources
                .load()
                .unwrap_err()
                .is_in_file()
        );
        let flag = Case::new("", &[], &[("limits.burst", "x")]);
        let error = flag.sources.load().unwrap_err();
        assert!(!error.is_in_file());
        assert!(
            error
                .to_string()
                .starts_with("--burst: limits.burst: expected"),
            "{error}"
        );
        let mut missing = Case::new("", &[], &[]);
        missing.sources.file = Some("/no/such/crawl.toml".into());
        assert!(missing.sources.load().unwrap_err().is_in_file());
    }

    #[test]
    fn lists_of_the_environment() {
        let case = Case::new(
            "",
            &[
                ("TRACER_CRAWL_RETRY_STATUSES", "500, 503"),
                ("TRACER_CRAWL_SCOPE_INCLUDE", "['a{1,2}', 'b']"),
            ],
            &[],
        );
        let settings = case.load().settings;
        assert_eq!(settings.retry.statuses, [500, 503]);
        assert_eq!(settings.scope.include[0].as_str(), "a{1,2}");
        assert_eq!(settings.scope.include.len(), 2);
    }

    #[test]
    fn paths_of_a_file_are_beside_it() {
        let case = Case::new(
            "[output]\njsonl = \"pages.jsonl\"\nwarc = \"/abs.warc\"\n[crawl]\nseeds_file = \"-\"",
            &[],
            &[],
        );
        let settings = case.load().settings;
        assert_eq!(
            settings.output.jsonl,
            Some(case.directory.path().join("pages.jsonl"))
        );
        assert_eq!(settings.output.warc, Some("/abs.warc".into()));
        assert_eq!(settings.crawl.seeds_file, Some("-".into()));
    }

    #[test]
    fn a_name_server_means_the_cached_resolver() {
        let named = Case::new("", &[], &[("dns.servers", "127.0.0.1:5353")]).load();
        assert_eq!(named.settings.dns.mode, DnsMode::Cached);
        assert_eq!(named.origin("dns.mode").to_string(), "--dns");
        let told = Case::new("[dns]\nmode = \"system\"", &[], &[("dns.servers", "::1")]).load();
        assert_eq!(told.settings.dns.mode, DnsMode::System);
    }

    #[test]
    fn what_is_shown_gives_the_same_settings() {
        for origins in [false, true] {
            let first = Case::new(
                "profile = \"tuned\"",
                &[],
                &[("scope.include", "a\"\\d{2}"), ("limits.rate", "3")],
            )
            .load();
            let again = Case::new(&first.to_toml(origins), &[], &[]).load();
            assert_eq!(again.settings, first.settings);
        }
        let shown = Case::new("[limits]\nrate = 3", &[], &[])
            .load()
            .to_toml(true);
        assert!(shown.contains("crawl.toml:2\n"), "{shown}");
        assert!(
            shown.contains("\nconcurrency = 50  # default of profile default\n"),
            "{shown}"
        );
    }

    #[test]
    fn secrets_come_from_files_and_the_environment_and_are_not_shown() {
        let case = Case::new(
            "[proxy]\ncredentials_file = \"proxy\"\n[headers]\nsecrets_file = \"lines\"",
            &[],
            &[],
        );
        fs::write(case.directory.path().join("proxy"), "me:pass word\n").unwrap();
        fs::write(
            case.directory.path().join("lines"),
            "# mine\nAuthorization: Bearer t0k\n\n",
        )
        .unwrap();
        let effective = case.load();
        let environment = [("TRACER_CRAWL_CONTROL_TOKEN".to_owned(), "s3cret".to_owned())];
        let secrets = secret::Secrets::load(&effective.settings, &environment).unwrap();
        assert_eq!(
            secrets.proxy_credentials.as_ref().unwrap().expose(),
            "me:pass word"
        );
        assert_eq!(secrets.control_token.as_ref().unwrap().expose(), "s3cret");
        assert_eq!(secrets.headers[0].0, "Authorization");
        assert_eq!(secrets.headers[0].1.expose(), "Bearer t0k");
        let printed = format!("{secrets:?} {}", effective.to_toml(true));
        for hidden in ["pass word", "s3cret", "t0k"] {
            assert!(!printed.contains(hidden), "{printed}");
        }
        fs::write(case.directory.path().join("lines"), "hunter2\r").unwrap();
        let error = secret::Secrets::load(&effective.settings, &[])
            .unwrap_err()
            .to_string();
        assert!(
            !error.contains("hunter2") && error.contains("Name: value"),
            "{error}"
        );
    }

    #[test]
    fn a_file_without_end_is_refused() {
        let mut case = Case::new("", &[], &[]);
        case.sources.file = Some("/dev/zero".into());
        assert!(case.error().contains("too many"), "{}", case.error());
        assert!(case.sources.load().unwrap_err().is_in_file());
    }

    /// For each layer and each of three keys, the value that the layer sets, if any.
    fn layers() -> impl Strategy<Value = [[Option<u32>; 3]; 4]> {
        let key = || proptest::option::of(1u32..1000);
        let layer = move || [key(), key(), key()];
        [layer(), layer(), layer(), layer()]
    }

    proptest! {
        #[test]
        fn the_highest_layer_that_speaks_wins(given in layers()) {
            const KEYS: [&str; 3] = ["limits.concurrency", "limits.per_host", "limits.burst"];
            let [file, environment, flags, control] = given;
            let said = |layer: [Option<u32>; 3]| KEYS.into_iter().zip(layer).filter_map(|(key, value)| Some((key, value?)));
            let mut text = "[limits]\n".to_owned();
            for (key, value) in said(file) {
                text += &format!("{} = {value}\n", key.split_once('.').unwrap().1);
            }
            let mut case = Case::new(&text, &[], &[]);
            case.sources.environment = said(environment)
                .map(|(key, value)| (Settings::key(key).unwrap().environment(), value.to_string()))
                .collect();
            case.sources.flags = said(flags).map(|(key, value)| (key, vec![value.to_string()])).collect();
            case.sources.control = said(control).map(|(key, value)| (key, vec![value.to_string()])).collect();
            let effective = case.load();
            for (i, key) in KEYS.into_iter().enumerate() {
                let expected = [control[i], flags[i], environment[i], file[i]].into_iter().flatten().next();
                let default = Settings::default().get(key).unwrap();
                let value = effective.settings.get(key).unwrap();
                prop_assert_eq!(&value, &expected.map_or(default, |value| toml::Value::Integer(value.into())));
                let named = match effective.origin(key) {
                    Origin::Control => control[i],
                    Origin::Flag(_) => flags[i],
                    Origin::Environment(_) => environment[i],
                    Origin::File { .. } => file[i],
                    Origin::Default | Origin::Profile(_) => None,
                };
                prop_assert_eq!(named, expected);
            }
        }

        #[test]
        fn any_text_is_a_configuration_or_refused(text in "(\\[[a-z]{1,8}\\]|[a-z_]{1,9} ?= ?[\\[\\]{}\"a-z0-9.,]{0,9}|\\PC{0,9})(\n(\\[limits\\]|rate = \\PC{0,5}))?") {
            let _ = tracer_settings::parse::<Settings>(std::path::Path::new("crawl.toml"), &text);
        }

        #[test]
        fn any_words_are_a_value_or_refused(word in "\\PC{0,24}", n in 0usize..200) {
            let key = Settings::keys().nth(n).unwrap_or(&PROFILE);
            let mut settings = Settings::default();
            let words = [word];
            if let Some(Ok(())) = settings.set(key.name, Given::Text(&words)) {
                let value = settings.get(key.name).unwrap();
                let mut again = Settings::default();
                again.set(key.name, Given::Toml(&value)).unwrap().unwrap();
                prop_assert_eq!(again.get(key.name), Some(value));
            }
        }
    }

    #[test]
    fn times_of_a_file() {
        let case = Case::new("[timeouts]\ntask = \"1.5m\"", &[], &[]);
        assert_eq!(case.load().settings.timeouts.task, Duration::from_secs(90));
    }
}
