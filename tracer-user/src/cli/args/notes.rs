//! Texts behind the flags in the help of each command: exit codes, and what holds for several flags.

pub(super) const EXIT_CODES: &str = "Exit codes:
  0   all went well
  1   a --fail-on was true, or unknown without --allow-unknown
  2   wrong usage: a bad flag, no such process or command, an output that cannot be written
  3   cannot trace here: rights or kernel; `tracer doctor` says which and what to do
  4   an input file is bad: a recording, an export, a configuration
  70  a fault of tracer's own
With `run` the command's own status is passed on once it was started (128+n when signal n ended it); 1 comes from a
--fail-on only when the command has succeeded.";

pub(super) const REPLAY_EXIT_CODES: &str =
    "--prometheus goes with attach and run alone: a recording is over before somebody asks.

Exit codes:
  0   all went well
  1   a --fail-on was true, or unknown without --allow-unknown
  2   wrong usage: a bad flag, an output that cannot be written
  4   the recording cannot be read, or is none that this tracer understands
  70  a fault of tracer's own";

pub(super) const DEMO_EXIT_CODES: &str = "Exit codes:
  0   all went well
  2   wrong usage: a bad flag, an output that cannot be written
  3   cannot trace here: rights or kernel; `tracer doctor` says which and what to do
  70  a fault of tracer's own";

pub(super) const EXPLAIN_EXIT_CODES: &str = "Exit codes:
  0   all went well
  2   there is no such finding, or standard output cannot be written";

pub(super) const DOCTOR_EXIT_CODES: &str = "Exit codes:
  0   tracer can trace here, perhaps with less: see what is marked warn
  2   wrong usage, or standard output cannot be written
  3   tracer cannot trace here: see what is marked FAIL";

pub(super) const CONFIG_EXIT_CODES: &str = "Exit codes:
  0   all went well
  2   wrong usage: a bad flag or variable of the environment
  4   the configuration file is bad";

pub(super) const DIFF_EXIT_CODES: &str = "Exit codes:
  0   all went well, whatever changed
  1   a --fail-on was true, or unknown without --allow-unknown
  2   wrong usage
  4   a file cannot be read, or is no export that this tracer understands
  70  a fault of tracer's own";

pub(super) const CRAWL_EXIT_CODES: &str = "Each flag is a key of a configuration file and an environment variable, too: docs/user/crawl-config.md.
A switch is turned off by --no-FLAG, or by false, no, off or 0 behind it. A list takes its flag more than once or values with commas
between them; expressions, header lines and URLs may have commas of their own and take their flag again.

Exit codes:
  0   the crawl ended by itself, or at a limit that was asked for
  2   wrong usage: a bad flag or URL, no URL at all, an output that cannot be written
  3   --trace: cannot trace here
  4   an input file is bad: configuration, seeds, certificates, header profiles
  5   not one page could be fetched
  6   it was told to stop before its end; with --state the next one goes on
  7   it could not go on: resources of this machine, or an output
  70  a fault of tracer's own
A second signal ends it at once with 130 (SIGINT) or 143 (SIGTERM).";

pub(super) const ATTACH_NOTES: &str = "Filters: a flag given twice means either value (at most 8, --comm at most 4); different flags mean all
of them. Without any, every process that opens outgoing TCP connections is traced, but tracer itself.

Exit codes:
  0   all went well, also after Ctrl-C
  1   a --fail-on was true, or unknown without --allow-unknown
  2   wrong usage: a bad flag, no such process, an output that cannot be written
  3   cannot trace here: rights or kernel; `tracer doctor` says which and what to do
  70  a fault of tracer's own";

pub(super) const RUN_NOTES: &str = "Filters: a flag given twice means either value (at most 8, --comm at most 4); different flags mean all
of them. Without any, the command and all its descendants are traced.

Exit codes:
  0   all went well
  1   a --fail-on was true, or unknown without --allow-unknown
  2   wrong usage: a bad flag, no such command, an output that cannot be written
  3   cannot trace here: rights or kernel; `tracer doctor` says which and what to do
  70  a fault of tracer's own
The command's own status is passed on once it was started (128+n when signal n ended it); 1 comes from a
--fail-on only when the command has succeeded.";

pub(super) const MERGE_EXIT_CODES: &str = "Exit codes:
  0   all went well
  2   wrong usage, or the output cannot be written
  4   a file cannot be read, is no export that this tracer understands, or is a part already
  70  a fault of tracer's own";

pub(super) const REPORT_EXIT_CODES: &str = "Exit codes:
  0   the page is written
  2   wrong usage, or the output cannot be written
  4   a file cannot be read, or is no export that this tracer understands
  70  a fault of tracer's own";
