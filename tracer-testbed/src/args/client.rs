//! `tracer-testbed client`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tracer_testbed::client::{ClientOptions, Habit, run};

#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// Where the origin listens (in clear).
    origin: SocketAddr,
    /// What it does wrong.
    #[arg(long, value_enum, default_value_t = HabitArg::None)]
    habit: HabitArg,
    /// Requests in all.
    #[arg(long, default_value_t = 100)]
    requests: u64,
    /// The Host field, and the name looked up.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// The path asked for.
    #[arg(long, default_value = "/")]
    path: String,
    /// How long a busy reader computes, or a short timeout is.
    #[arg(long, value_parser = tracer_text::duration::parse, default_value = "50ms")]
    time: Duration,
    /// Requests at once of pool-of-two.
    #[arg(long, default_value_t = 10)]
    workers: usize,
    /// DNS server of dns-each-time.
    #[arg(long, default_value = "127.0.0.1:53")]
    dns: SocketAddr,
    /// Wait so long at the end, with what the habit keeps open.
    #[arg(long, value_parser = tracer_text::duration::parse, default_value = "0")]
    hold: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HabitArg {
    /// Nothing.
    None,
    /// Connections are neither closed nor used again.
    Leak,
    /// Closes without reading the body.
    UnreadBody,
    /// Neither reads nor closes responses.
    UnclosedResponse,
    /// Computes before it reads.
    BusyReader,
    /// Gives up too early.
    ShortTimeout,
    /// A lookup for each request.
    DnsEachTime,
    /// Many requests at once, two idle connections kept.
    PoolOfTwo,
}

impl ClientArgs {
    /// Prints what came of it.
    pub(crate) fn run(self) -> ExitCode {
        let habit = match self.habit {
            HabitArg::None => Habit::None,
            HabitArg::Leak => Habit::Leak,
            HabitArg::UnreadBody => Habit::UnreadBody,
            HabitArg::UnclosedResponse => Habit::UnclosedResponse,
            HabitArg::BusyReader => Habit::BusyReader(self.time),
            HabitArg::ShortTimeout => Habit::ShortTimeout(self.time),
            HabitArg::DnsEachTime => Habit::DnsEachTime(self.dns),
            HabitArg::PoolOfTwo => Habit::PoolOfTwo(self.workers),
        };
        let report = run(&ClientOptions {
            origin: self.origin,
            host: self.host,
            path: self.path,
            requests: self.requests,
            habit,
        });
        println!("{}", report.to_json());
        std::thread::sleep(self.hold);
        ExitCode::SUCCESS
    }
}
