//! The meaning of a connection's bytes: which segment is next, what its TLS records say, when the handshake is over,
//! which bytes are a request and which a response.
//!
//! This crate's code runs in the kernel programs and on the host. The crate calls no helper, reads no clock and touches no map:
//! payload comes from a [`source::Source`], all state is in [`conn::Conn`], and everything else is asked of an
//! [`outside::Outside`]. Kernel programs begin at [`packet::take`], [`pickup::read`] and [`close`]; on the host a `driver`
//! stands in for them.
#![no_std]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

#[cfg(not(target_arch = "bpf"))]
extern crate alloc;

mod answer;
pub mod batch;
pub mod bound;
mod clear;
mod clear_frames;
pub mod close;
pub mod conn;
mod control;
pub mod difference;
#[cfg(not(target_arch = "bpf"))]
pub mod driver;
mod evidence;
pub mod frames;
pub mod gaps;
mod handshake;
mod hello;
mod inner;
mod interim;
mod late_certificate;
mod lengths;
mod one_way;
pub mod order;
pub mod outside;
pub mod packet;
pub mod pickup;
mod preamble;
pub mod record;
mod record_search;
pub mod segment;
pub mod source;
mod tls;
mod tls_records;
mod tunnel;
mod turn;
mod unknown;
