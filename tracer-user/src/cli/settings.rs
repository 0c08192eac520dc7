//! Settings made from validated flags, for the rest of the program.

use std::{fs, io::IsTerminal, path::Path, time::Duration};

use super::args::{Attach, Color, OtlpProtocol, OutputArguments, ResultArguments};
use tracer_core::finding::allow::Allow;

use crate::{
    failure::Failure,
    files::output::OutputPath,
    gates::Gates,
    invoker::Invoker,
    serve::{
        Serving, metrics,
        status::{self, Shown},
    },
    sink::{
        Sink, SinkError, Sinks,
        hdr_log::HdrLog,
        json::{Json, JsonTarget},
        otlp::{
            Otlp,
            settings::{Flags, OtlpSettings, Protocol},
        },
        text::Text,
    },
    tui::settings::{Colors, ScreenSettings},
};

/// Validated [`OutputArguments`] or [`ResultArguments`].
#[derive(Debug)]
pub(crate) struct OutputSettings {
    /// Sinks for results.
    pub(crate) sinks: Sinks,
    /// User behind sudo, to whom new files belong where that user may make them.
    pub(crate) invoker: Option<Invoker>,
    /// File of the recording.
    pub(crate) record: Option<OutputPath>,
    /// Interval of rewriting the export.
    pub(crate) interval: Option<Duration>,
    /// Interval of reports to other systems, when there are any.
    pub(crate) report: Option<Duration>,
    /// Share of the connections that are followed one by one.
    pub(crate) traces: f64,
    /// Length of a window, when each window has an export of its own.
    pub(crate) rotate: Option<Duration>,
    /// Time after which the trace ends.
    pub(crate) duration: Option<Duration>,
    /// Findings that are allowed.
    pub(crate) allowed: Vec<Allow>,
    /// Conditions that fail the run.
    pub(crate) gates: Gates,
    /// Print errors only.
    pub(crate) quiet: bool,
    /// The live screen, when there is to be one.
    pub(crate) screen: Option<ScreenSettings>,
    /// The server of metrics, which listens.
    pub(crate) serving: Option<Serving>,
    /// Settings in use, as the server shows them.
    pub(crate) shown: Shown,
}

/// Settings that may change while tracing, validated.
#[derive(Debug)]
pub(crate) struct LiveSettings {
    json: Option<Json>,
    interval: Option<Duration>,
    rotate: Option<Duration>,
    allowed: Vec<Allow>,
    gates: Gates,
}

impl LiveSettings {
    /// Checks the settings and opens the export's file.
    pub(crate) fn validate(arguments: &Attach, invoker: Option<&Invoker>) -> Result<Self, Failure> {
        let results = &arguments.output.results;
        check_interval(results)?;
        let target = json_target(results, false, invoker)?;
        let base = rotation_base(arguments)?;
        Ok(Self {
            json: target.map(|target| Json {
                target,
                invoker: invoker.cloned(),
                rotate: base.map(Path::to_path_buf),
            }),
            interval: results.interval,
            rotate: arguments.service.rotate,
            allowed: allowed(results, invoker)?,
            gates: results.gate.to_gates(),
        })
    }
}

/// Path that the names of windows' exports are made of, if there are to be windows.
fn rotation_base(arguments: &Attach) -> Result<Option<&Path>, Failure> {
    let json = arguments.output.results.json.as_deref();
    let base = json.filter(|path| *path != Path::new("-"));
    if arguments.service.rotate.is_some() && base.is_none() {
        let text =
            "--rotate writes an export for each period; name its file: --json FILE --rotate TIME";
        return Err(Failure::Usage(text.into()));
    }
    Ok(arguments.service.rotate.and(base))
}

/// Refuses an interval of results that are not written.
fn check_interval(arguments: &ResultArguments) -> Result<(), Failure> {
    let has_sink =
        arguments.json.is_some() || arguments.hdr_log.is_some() || arguments.otlp.otlp.is_some();
    if arguments.interval.is_some() && !has_sink {
        let text = "--interval says how often results are written; type: --json FILE --interval TIME, --hdr-log DIR --interval TIME, or --otlp URL --interval TIME";
        return Err(Failure::Usage(text.into()));
    }
    Ok(())
}

/// Work that has results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Tracing what runs already.
    Attach,
    /// Tracing a command, to which standard output belongs.
    Run,
    /// Showing a recording.
    Replay,
}

/// Settings of the live screen; None without a terminal to draw on, or when something else is written to it.
fn screen(arguments: &ResultArguments, kernel_log: bool) -> Option<ScreenSettings> {
    let export_there = arguments.json.as_deref() == Some(Path::new("-"));
    let log_there = kernel_log && std::io::stderr().is_terminal();
    let dumb = variable("TERM").is_none_or(|term| term == "dumb");
    let wanted = !arguments.no_tui && !export_there && !log_there && !dumb;
    (wanted && std::io::stdout().is_terminal()).then(|| ScreenSettings {
        refresh: arguments.refresh,
        colors: colors(arguments.color, variable),
        unicode: is_utf8(variable),
    })
}

/// Colours of a terminal, as far as they are wanted.
fn colors(wanted: Color, variable: impl Fn(&str) -> Option<String>) -> Colors {
    let refused = wanted == Color::Auto && variable("NO_COLOR").is_some();
    if wanted == Color::Never || refused {
        return Colors::None;
    }
    let term = variable("TERM").unwrap_or_default();
    match variable("COLORTERM") {
        Some(_) => Colors::Many,
        None if term.contains("256color") => Colors::Many,
        None => Colors::Sixteen,
    }
}

/// True if the locale's character set is UTF-8, found as setlocale(3) does.
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable);
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Value of an environment variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl OutputSettings {
    /// Opens the outputs, so that errors come before anything is traced. `run`: standard output belongs to the command.
    /// Every trace prints its summary on standard error: Ctrl-C ends the reader of a pipe too, and the summary with it.
    pub(crate) fn validate(arguments: &OutputArguments, run: bool) -> Result<Self, Failure> {
        let work = if run { Work::Run } else { Work::Attach };
        check_metrics(&arguments.results, arguments.served.prometheus.is_some())?;
        let results = Self::of_results(&arguments.results, work, arguments.kernel_log)?;
        let invoker = results.invoker.as_ref();
        let record = arguments.record.as_deref();
        let shown = Shown::default();
        Ok(Self {
            record: record
                .map(|path| OutputPath::open(path, invoker))
                .transpose()?,
            duration: arguments.duration,
            serving: serving(arguments, &shown)?,
            shown,
            ..results
        })
    }

    /// Makes an export of each window of this length, with a time in its name.
    pub(crate) fn rotate(&mut self, arguments: &Attach) -> Result<(), Failure> {
        self.rotate = arguments.service.rotate;
        let base = rotation_base(arguments)?;
        self.sinks.rotate(base);
        Ok(())
    }

    /// Takes the settings that may change while tracing.
    pub(crate) fn change(&mut self, live: LiveSettings) {
        self.sinks.set_json(live.json);
        self.interval = live.interval;
        self.rotate = live.rotate;
        self.allowed = live.allowed;
        self.gates = live.gates;
    }

    /// Settings for a replay, which has fewer flags.
    pub(crate) fn of_replay(arguments: &ResultArguments) -> Result<Self, Failure> {
        check_metrics(arguments, false)?;
        Self::of_results(arguments, Work::Replay, false)
    }

    fn of_results(
        arguments: &ResultArguments,
        work: Work,
        kernel_log: bool,
    ) -> Result<Self, Failure> {
        check_interval(arguments)?;
        let otlp = otlp(arguments)?;
        let invoker = Invoker::find();
        let target = json_target(arguments, work == Work::Run, invoker.as_ref())?;
        let allowed = allowed(arguments, invoker.as_ref())?;
        let to_stderr = work != Work::Replay || matches!(target, Some(JsonTarget::Stdout));
        let mut sinks = Sinks::default();
        if let Some(target) = target {
            sinks.add(Sink::Json(Json {
                target,
                invoker: invoker.clone(),
                rotate: None,
            }));
        }
        if let Some(directory) = &arguments.hdr_log {
            let log = HdrLog::open(directory, invoker.as_ref()).map_err(SinkError::from)?;
            sinks.add(Sink::HdrLog(Box::new(log)));
        }
        if !arguments.quiet {
            sinks.add(Sink::Text(Text {
                to_stderr,
                color: use_color(arguments.color, to_stderr),
            }));
        }
        let report = otlp.as_ref().map(|otlp| otlp.interval);
        // After the summary: the reader need not wait for the collector.
        sinks.extend(otlp.map(|otlp| Sink::Otlp(Box::new(Otlp::new(otlp)))));
        Ok(Self {
            sinks,
            invoker,
            interval: arguments.interval,
            report,
            traces: arguments.otlp.otlp_traces.unwrap_or_default(),
            rotate: None,
            record: None,
            duration: None,
            allowed,
            gates: arguments.gate.to_gates(),
            quiet: arguments.quiet,
            screen: screen(arguments, kernel_log),
            serving: None,
            shown: Shown::default(),
        })
    }
}

/// Refuses a number of hosts for metrics when there are no metrics.
fn check_metrics(arguments: &ResultArguments, has_server: bool) -> Result<(), Failure> {
    let has_sink = has_server || arguments.otlp.otlp.is_some();
    if arguments.metrics.metrics_hosts.is_some() && !has_sink {
        let text = "--metrics-hosts goes with metrics: --otlp URL, or --prometheus ADDR:PORT with attach and run";
        return Err(Failure::Usage(text.into()));
    }
    Ok(())
}

/// Limit of the hosts that metrics name.
fn hosts(arguments: &ResultArguments) -> u32 {
    arguments.metrics.metrics_hosts.unwrap_or(metrics::HOSTS)
}

/// Settings of the metrics for a collector, if they are wanted.
fn otlp(arguments: &ResultArguments) -> Result<Option<OtlpSettings>, Failure> {
    let Some(url) = &arguments.otlp.otlp else {
        return Ok(None);
    };
    let protocol = arguments.otlp.otlp_protocol.map(|given| match given {
        OtlpProtocol::Http => Protocol::Http,
        OtlpProtocol::Grpc => Protocol::Grpc,
    });
    let flags = Flags {
        url,
        protocol,
        interval: arguments.interval,
        hosts: hosts(arguments) as usize,
    };
    let settings = OtlpSettings::validate(flags, &variable).map_err(Failure::Usage)?;
    Ok(Some(settings))
}

/// Server of metrics, if it is wanted.
fn serving(arguments: &OutputArguments, shown: &Shown) -> Result<Option<Serving>, Failure> {
    let Some(address) = arguments.served.prometheus else {
        return Ok(None);
    };
    let mut routes = vec![metrics::route(hosts(&arguments.results))];
    routes.extend(status::routes(shown.clone()));
    let serving = Serving::bind(address, routes);
    let serving = serving.map_err(|error| Failure::Usage(format!("--prometheus: {error}")))?;
    Ok(Some(serving))
}

/// Findings that are allowed by flags and in files. Files are read with the rights of the user, since an error shows a
/// line of them.
fn allowed(arguments: &ResultArguments, invoker: Option<&Invoker>) -> Result<Vec<Allow>, Failure> {
    let mut allowed = arguments.allow.clone();
    for path in &arguments.allow_file {
        let read = || fs::read_to_string(path);
        let text = match invoker {
            Some(user) => user.act(read),
            None => read(),
        };
        let refused = |why: String| {
            let shown = path.display();
            Failure::Usage(format!("--allow-file {shown}: {why}"))
        };
        let text = text.map_err(|error| refused(format!("cannot be read: {error}")))?;
        allowed.extend(Allow::parse_file(&text).map_err(refused)?);
    }
    Ok(allowed)
}

/// Target of the export, checked and open, if an export is wanted.
fn json_target(
    arguments: &ResultArguments,
    run: bool,
    invoker: Option<&Invoker>,
) -> Result<Option<JsonTarget>, Failure> {
    let Some(path) = arguments.json.as_deref() else {
        return Ok(None);
    };
    if path != Path::new("-") {
        return Ok(Some(JsonTarget::File(OutputPath::open(path, invoker)?)));
    }
    let refused = match (run, arguments.interval) {
        (true, _) => "--json -: standard output belongs to the command; name a file",
        (_, Some(_)) => "--interval rewrites a file; give --json a file name",
        _ => return Ok(Some(JsonTarget::Stdout)),
    };
    Err(Failure::Usage(refused.into()))
}

/// Tells whether to use colours: as the flag demands, by default on a terminal without NO_COLOR.
pub(crate) fn use_color(color: Color, to_stderr: bool) -> bool {
    let terminal = if to_stderr {
        std::io::stderr().is_terminal()
    } else {
        std::io::stdout().is_terminal()
    };
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: Color, variables: &[(&str, &str)], expected: Colors, unicode: bool) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(colors(wanted, variable), expected, "{variables:?}");
        assert_eq!(is_utf8(variable), unicode, "{variables:?}");
    }

    #[test]
    fn what_the_terminal_can_show() {
        let xterm = ("TERM", "xterm-256color");
        check(
            Color::Auto,
            &[xterm, ("LANG", "C.UTF-8")],
            Colors::Many,
            true,
        );
        check(
            Color::Auto,
            &[("TERM", "linux"), ("LANG", "C")],
            Colors::Sixteen,
            false,
        );
        check(
            Color::Auto,
            &[xterm, ("NO_COLOR", "1")],
            Colors::None,
            false,
        );
        check(
            Color::Always,
            &[xterm, ("NO_COLOR", "1")],
            Colors::Many,
            false,
        );
        check(
            Color::Never,
            &[xterm, ("LANG", "de_DE.utf8")],
            Colors::None,
            true,
        );
        let overridden = [
            ("LC_ALL", "C"),
            ("LANG", "C.UTF-8"),
            ("COLORTERM", "truecolor"),
        ];
        check(Color::Auto, &overridden, Colors::Many, false);
    }
}
