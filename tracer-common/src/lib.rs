#![no_std]
//! tracer-common
