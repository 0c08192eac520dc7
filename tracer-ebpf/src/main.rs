//! tracer's kernel programs: they follow the sockets of a crawler and their packets.
//!
//! `probes` holds one file per hook; the state of a connection ([`tracer_flow::conn`]) is in its socket's storage, and
//! `tracer-flow` follows it; only [`emit`] writes the ring buffer and only [`sock`] reads kernel structs.
#![no_std]
#![no_main]

mod clear_frames;
mod clock;
mod count;
mod dns;
mod emit;
mod filter;
mod maps;
mod out_of_order;
mod outside;
mod overflow;
mod probes;
mod registers;
mod repeat;
mod run_queue;
mod skb;
mod sock;
mod state;
mod storage;
mod tls_object;
mod tls_writer;
mod user;

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
