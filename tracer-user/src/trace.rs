//! A running trace, and what belongs to it.

pub(crate) mod description;
