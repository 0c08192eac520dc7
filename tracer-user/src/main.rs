//! `tracer`: shows from inside the Linux kernel where a web crawler's network time goes.

mod cli;
mod demo;
mod diff;
mod doctor;
mod exit_code;
mod explain;
mod failure;
mod files;
mod gates;
mod invoker;
mod merge;
mod report;
mod say;
mod serve;
mod signals;
mod sink;
mod source;
mod trace;
mod tui;

use std::process::ExitCode;

/// Allocator of static builds, because that of musl is slow.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // If this fails, a file that reaches the size limit ends tracer; all else works.
    let _ = signals::survive_long_files();
    let arguments = match cli::args::parse() {
        Ok(arguments) => arguments,
        Err(message) => return ExitCode::from(cli::refuse(&message)),
    };
    let result = match arguments.command {
        cli::args::Command::Attach(attach) => cli::attach::attach(attach),
        cli::args::Command::Run(run) => trace::session::run(&run),
        cli::args::Command::Replay(replay) => trace::session::replay(&replay),
        cli::args::Command::Demo(options) => cli::demo::demo(&options),
        cli::args::Command::Check(options) => cli::check::check(&options),
        cli::args::Command::Diff(options) => cli::diff::diff(&options),
        cli::args::Command::Merge(options) => cli::merge::merge(&options),
        cli::args::Command::Report(options) => cli::report::report(&options),
        cli::args::Command::Explain(options) => cli::explain::explain(&options),
        cli::args::Command::Doctor(options) => cli::doctor::doctor(&options),
        cli::args::Command::Crawl(options) => cli::crawl::run::crawl(&options),
        cli::args::Command::Config(config) => match &config.command {
            cli::args::ConfigCommand::Show(options) => cli::crawl::show::show(options),
        },
        cli::args::Command::Completions(options) => cli::generate::completions(&options),
        cli::args::Command::Man(options) => cli::generate::man(&options),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            say::say(&failure);
            ExitCode::from(failure.code())
        }
    }
}
