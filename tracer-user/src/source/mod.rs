//! Where records come from.

pub(crate) mod kernel;
