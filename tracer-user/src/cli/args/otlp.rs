//! Flags of the OpenTelemetry sink.

use clap::{Args, ValueEnum};

use crate::cli::quantity::ratio;

/// Sending to an OpenTelemetry collector.
#[derive(Debug, Args)]
#[command(next_help_heading = "OpenTelemetry")]
pub(crate) struct OtlpArguments {
    /// Send the metrics to an OpenTelemetry collector, as in `http://localhost:4318`: every minute or --interval, and at the
    /// end. docs/user/otlp.md
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
    /// Protocol. [default: $OTEL_EXPORTER_OTLP_PROTOCOL, else http/protobuf]
    #[arg(
        long,
        hide_short_help = true,
        value_name = "PROTOCOL",
        value_enum,
        requires = "otlp"
    )]
    pub(crate) otlp_protocol: Option<OtlpProtocol>,
    /// Send spans too: of this share of the connections, with their requests. 1 is all.
    #[arg(
        long,
        hide_short_help = true,
        value_name = "RATIO",
        value_parser = ratio,
        requires = "otlp"
    )]
    pub(crate) otlp_traces: Option<f64>,
}

/// Number of hosts in metrics.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct MetricsArguments {
    /// Hosts that the metrics of --otlp and --prometheus name; the others share the name `other`. [default: 100]
    #[arg(
        long,
        hide_short_help = true,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(..=100_000)
    )]
    pub(crate) metrics_hosts: Option<u32>,
}

/// `--otlp-protocol`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OtlpProtocol {
    /// Protocol buffers over HTTP.
    #[value(name = "http/protobuf")]
    Http,
    /// gRPC.
    Grpc,
}
