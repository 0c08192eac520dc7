//! `tracer-testbed client`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tracer_testbed::client::{ClientOptions, Habit, run};

#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// Address of the origin, which listens in clear.
    origin: SocketAddr,
    /// Bad habit of the client.
    #[arg(long, value_enum, default_value_t = HabitArg::None)]
    habit: HabitArg,
    /// Requests in all.
    #[arg(long, default_value_t = 100)]
    requests: u64,
    /// Name for the Host field and for lookups.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Path of the requests.
    #[arg(long, default_value = "/")]
    path: String,
    /// Time that a busy reader computes, or length of a short timeout.
    #[arg(long, value_parser = tracer_text::duration::parse, default_value = "50ms")]
    time: Duration,
    /// Number of requests at once of pool-of-two.
    #[arg(long, default_value_t = 10)]
    workers: usize,
    /// DNS server of dns-each-time.
    #[arg(long, default_value = "127.0.0.1:53")]
    dns: SocketAddr,
    /// Time to wait at the end, with the connections that the habit keeps open.
    #[arg(long, value_parser = tracer_text::duration::parse, default_value = "0")]
    hold: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HabitArg {
    /// No bad habit.
    None,
    /// Connections are neither closed nor used again.
    Leak,
    /// Closes without reading the body.
    UnreadBody,
    /// Leaves responses unread and open.
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
    /// Sends the requests and prints the result.
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
