//! tracer-testbed
