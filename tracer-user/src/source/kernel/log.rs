//! Log lines of the kernel programs (`--kernel-log`), printed on standard error.

use aya::Ebpf;
use aya_log::EbpfLogger;
use log::{Log, Metadata, Record};

use super::load::KernelError;
use crate::say::note;

/// Prints each line.
struct Printer;

impl Log for Printer {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        note(format_args!(
            "kernel: {} {}\n",
            record.target(),
            record.args()
        ));
    }

    fn flush(&self) {}
}

/// The reader of the log ring.
pub(super) struct KernelLog(EbpfLogger<Printer>);

impl KernelLog {
    /// Opens the log ring of an object that was built with log lines.
    pub(super) fn open(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        EbpfLogger::init_with_logger(ebpf, Printer)
            .map(Self)
            .map_err(|error| KernelError::Program {
                name: "log",
                reason: error.to_string(),
            })
    }

    /// Prints the waiting lines.
    pub(super) fn print(&mut self) {
        self.0.flush();
    }
}
