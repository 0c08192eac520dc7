//! tracer-user
fn main() {}
