//! Places in executables and libraries where the plain bytes of TLS connections pass, for probes to be put there: the
//! functions of OpenSSL and its descendants by their exported names, and Go's crypto/tls by the symbol table or, in
//! stripped executables, by the table with which Go's runtime unwinds stacks.
//!
//! This crate places no probe, and reads no file further than needed.

mod body;
mod dynamic;
mod elf;
mod examine;
mod file;
mod go;
mod maps;
mod places;

pub use self::{
    examine::{examine, links},
    file::{examine_file, links_of},
    maps::{Mapped, mapped},
    places::{Function, Links, Place, Places, Returns, Unfit},
};
