//! Text that people type and read: durations and sizes with units, numbers, host patterns, misspelled names, and text from
//! the wire made safe for a terminal. Pure, and below every other crate, so that tracer, its crawler and its testbed share one grammar
//! and one spelling.

pub mod columns;
pub mod duration;
pub mod glob;
pub mod nearest;
pub mod number;
pub mod printable;
pub mod size;

mod scaled;
