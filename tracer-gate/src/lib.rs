//! Conditions over the figures of an export, as `--fail-on` takes them: `phases.tls.p99_ns > 200ms and requests.count >
//! 10k`. An expression is read and checked against the published schema before anything is traced, and judged when the
//! figures are there.
//!
//! - A figure is named by its path in the JSON; what is not at the root is looked for in `totals`.
//! - An element of a list is named in brackets: `hosts["*.example.org"]`, `hosts[*]`, `series.open[0]`. The condition
//!   holds when it holds for any of the elements.
//! - A figure that is absent makes a comparison unknown; `and` and `or` follow from what is known of their parts.
//! - A sign before the number means the change between two exports: `> +10%`, `> +50ms`.
//!
//! The crate does no IO.

mod catalogue;
mod fault;
mod gate;
mod nearest;
mod parse;
mod place;
mod seek;
mod test;
mod tree;
mod unit;
mod words;

pub use fault::Fault;
pub use gate::Gate;
pub use test::Subject;
pub use words::words;

#[cfg(test)]
mod tests;
