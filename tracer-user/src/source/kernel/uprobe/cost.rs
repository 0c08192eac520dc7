//! Cost of a uprobe on this machine: measured at a function of tracer itself, with a program that does nothing.

use std::{
    fs::File,
    hint::black_box,
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

use super::{
    Placed,
    event::{self, At, Scope},
};

/// Calls of a round.
const CALLS: u32 = 300;
/// Rounds; the fastest one counts, because others may have been interrupted.
const ROUNDS: u32 = 4;
/// `BPF_PROG_LOAD`
const LOAD: libc::c_int = 5;
/// `BPF_PROG_TYPE_KPROBE`, which uprobes share.
const FOR_PROBES: u32 = 2;
/// `r0 = 0; exit`
const NOTHING: [u64; 2] = [0xb7, 0x95];

/// Beginning of `union bpf_attr` for the command `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Default)]
struct Program {
    kind: u32,
    instructions: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// Function that the probe is put at. As in most functions of TLS libraries, the kernel cannot imitate its first
/// instruction: it has to be run by itself, which takes a second exception.
// SAFETY: the function keeps to the C calling convention; it changes nothing but its result.
#[unsafe(naked)]
extern "C" fn probed(number: u64) -> u64 {
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!("lea rax, [rdi + 1]", "ret");
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!("add x0, x0, #1", "ret");
}

/// Result of a measurement.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Time that a hit of a probe takes.
    pub(crate) hit: Duration,
    /// The probe, which does nothing any more. Removing it takes the kernel longer than all else.
    pub(crate) probe: Placed,
}

/// Measures the time that a hit of a probe takes. Needs the rights of tracing, and a few hundredths of a second.
pub(crate) fn measure() -> io::Result<Measured> {
    let file = File::open("/proc/self/exe")?;
    let at = At::Instruction(offset_of_probed()?);
    let without = round();
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let program = program()?;
    let event = event::open(&path, at, Scope::Own)?;
    event::run(event.as_fd(), program.as_fd())?;
    let with = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    Ok(Measured {
        hit: with.saturating_sub(without) / CALLS,
        probe: Placed(vec![event]),
    })
}

fn round() -> Duration {
    let begun = Instant::now();
    for number in 0..CALLS {
        black_box(probed(u64::from(number)));
    }
    begun.elapsed()
}

/// Offset of the function in the file of this program.
fn offset_of_probed() -> io::Result<u64> {
    let address = probed as *const () as u64;
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let offset = maps.lines().find_map(|line| offset_in(line, address));
    offset.ok_or_else(|| io::Error::other("tracer's own code is not in /proc/self/maps"))
}

/// Offset in the file of an address, if this line of `/proc/self/maps` is the mapping that has it.
fn offset_in(line: &str, address: u64) -> Option<u64> {
    let mut words = line.split_ascii_whitespace();
    let (begin, end) = words.next()?.split_once('-')?;
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let offset = hex(words.nth(1)?)?;
    let range = hex(begin)?..hex(end)?;
    range
        .contains(&address)
        .then(|| address - range.start + offset)
}

/// Loads a program that does nothing.
fn program() -> io::Result<OwnedFd> {
    let program = Program {
        kind: FOR_PROBES,
        instructions: NOTHING.len() as u32,
        code: NOTHING.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        ..Program::default()
    };
    // SAFETY: the kernel reads the attributes, whose length is given, the code and the license, and keeps none of them.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            LOAD,
            &raw const program,
            size_of::<Program>(),
        )
    };
    event::owned(fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_of_an_address() {
        let line = "55d0c7a02000-55d0c7a25000 r-xp 00002000 fe:01 1234    /usr/bin/tracer";
        assert_eq!(offset_in(line, 0x55d0_c7a0_2010), Some(0x2010));
        assert_eq!(offset_in(line, 0x55d0_c7a2_5000), None);
        assert_eq!(offset_in("", 0), None);
        assert!(offset_of_probed().is_ok());
    }
}
