//! Messages to the collector.

use opentelemetry_proto::tonic::collector::{
    metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse},
    trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
};
use tonic_prost::prost::{DecodeError, Message as _};

/// Message to the collector.
#[derive(Debug, Clone)]
pub(super) enum Message {
    /// Metrics.
    Metrics(ExportMetricsServiceRequest),
    /// Spans.
    Traces(ExportTraceServiceRequest),
}

/// Answer of a collector that has accepted a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Number of points or spans that were rejected all the same.
    pub(super) rejected: u64,
    /// Words of the collector about it.
    pub(super) why: String,
}

impl Message {
    /// Path below the endpoint, for HTTP.
    pub(super) fn path(&self) -> &'static str {
        match self {
            Self::Metrics(_) => "v1/metrics",
            Self::Traces(_) => "v1/traces",
        }
    }

    /// Message as bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Metrics(request) => request.encode_to_vec(),
            Self::Traces(request) => request.encode_to_vec(),
        }
    }

    /// Reads the answer to this message.
    pub(super) fn accepted(&self, body: &[u8]) -> Result<Accepted, DecodeError> {
        match self {
            Self::Metrics(_) => Ok(ExportMetricsServiceResponse::decode(body)?.into()),
            Self::Traces(_) => Ok(ExportTraceServiceResponse::decode(body)?.into()),
        }
    }
}

impl From<ExportMetricsServiceResponse> for Accepted {
    fn from(response: ExportMetricsServiceResponse) -> Self {
        let partial = response.partial_success.unwrap_or_default();
        Self {
            rejected: u64::try_from(partial.rejected_data_points).unwrap_or(0),
            why: partial.error_message,
        }
    }
}

impl From<ExportTraceServiceResponse> for Accepted {
    fn from(response: ExportTraceServiceResponse) -> Self {
        let partial = response.partial_success.unwrap_or_default();
        Self {
            rejected: u64::try_from(partial.rejected_spans).unwrap_or(0),
            why: partial.error_message,
        }
    }
}
