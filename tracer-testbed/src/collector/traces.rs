//! Demands of the specification on spans.

use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{Span, status::StatusCode},
};

use super::metrics::{Faults, attributes};

/// Memory of all spans, to find the parents of others.
#[derive(Debug, Default)]
pub(super) struct Strict {
    /// Trace of each span.
    spans: HashMap<Vec<u8>, Vec<u8>>,
    /// Spans that others have named as their parents, with their traces.
    parents: HashSet<(Vec<u8>, Vec<u8>)>,
}

impl Strict {
    /// Notes every fault of a request.
    pub(super) fn check(&mut self, request: &ExportTraceServiceRequest, list: &mut Vec<String>) {
        let mut faults = Faults {
            name: "request",
            list,
        };
        faults.unless(!request.resource_spans.is_empty(), "there are no spans");
        for resource in &request.resource_spans {
            let given = resource.resource.as_ref().map(|it| &it.attributes[..]);
            let given = given.unwrap_or_default();
            attributes(given, &mut faults);
            let has_name = given.iter().any(|it| it.key == "service.name");
            faults.unless(has_name, "the resource has no service.name");
            for scope in &resource.scope_spans {
                let name = scope.scope.as_ref().map_or("", |scope| &scope.name);
                faults.unless(!name.is_empty(), "the scope has no name");
                for span in &scope.spans {
                    let (name, list) = (&span.name, &mut *faults.list);
                    self.span(span, &mut Faults { name, list });
                }
            }
        }
    }

    fn span(&mut self, span: &Span, faults: &mut Faults<'_>) {
        attributes(&span.attributes, faults);
        let is_id = |id: &[u8], length| id.len() == length && id.iter().any(|byte| *byte != 0);
        faults.unless(is_id(&span.trace_id, 16), "bad trace id");
        faults.unless(is_id(&span.span_id, 8), "bad span id");
        let parent = &span.parent_span_id;
        faults.unless(parent.is_empty() || is_id(parent, 8), "bad parent id");
        faults.unless(*parent != span.span_id, "it is its own parent");
        faults.unless(!span.name.is_empty(), "no name");
        faults.unless((1..=5).contains(&span.kind), "no kind");
        let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
        faults.unless(start != 0 && start <= end, "it ends before it starts");
        let is_error = |code: i32| code == i32::from(StatusCode::Error);
        let has_type = span.attributes.iter().any(|it| it.key == "error.type");
        let failed = span.status.as_ref().is_some_and(|it| is_error(it.code));
        faults.unless(failed == has_type, "status and error.type do not fit");
        let known = self
            .spans
            .insert(span.span_id.clone(), span.trace_id.clone());
        faults.unless(known.is_none(), "the span id is there twice");
        if !parent.is_empty() {
            self.parents.insert((parent.clone(), span.trace_id.clone()));
        }
    }

    /// Number of parents that have not come, or belong to another trace.
    pub(super) fn orphans(&self) -> usize {
        let is_missing = |(span, trace): &&(Vec<u8>, Vec<u8>)| self.spans.get(span) != Some(trace);
        self.parents.iter().filter(is_missing).count()
    }
}
