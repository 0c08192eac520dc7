//! `tracer doctor`: the checks of [`crate::doctor`], with probes that load programs and list sockets.

use nix::unistd::geteuid;
use tracer_common::config::{Filter, http2};

use super::args::Doctor;
use crate::{
    doctor::{Probes, Report, Roots},
    failure::Failure,
    say,
    source::{
        kernel::{Kernel, Options, diag::Diag, uprobe::cost},
        probes::choice,
    },
};

/// Runs every check; returns 0 when tracing can work, else 3.
pub(crate) fn doctor(arguments: &Doctor) -> Result<u8, Failure> {
    let report = Report::make(
        &Roots::default(),
        &Probes {
            list_sockets: Some(&list_sockets),
            try_load: Some(&try_load),
            try_probe: Some(&try_probe),
        },
    );
    if arguments.json {
        let text = report.to_json().map_err(std::io::Error::from);
        let text = text.map_err(Failure::internal("writing the report"))?;
        say::print(&format!("{text}\n"))?;
    } else if !geteuid().is_root() && report.lacks_rights() {
        // Every other check would fail for that reason, or say nothing of the machine as root finds it.
        say::print("no rights to trace; type: sudo tracer doctor\n")?;
    } else {
        say::print(&report.to_text())?;
    }
    Ok(report.exit_code())
}

fn list_sockets() -> Result<String, String> {
    let ports = Diag::open().and_then(|mut diag| diag.listening_ports());
    ports
        .map(|ports| format!("works, {} listening ports", ports.len()))
        .map_err(|e| e.to_string())
}

fn try_load() -> Result<String, String> {
    let options = Options {
        filter: Box::new(Filter::all()),
        http2: http2::FRAMES,
        kernel_log: false,
    };
    Kernel::load(&options)
        .map(|_| "all programs load".to_owned())
        .map_err(|e| e.to_string())
}

fn try_probe() -> Result<String, String> {
    cost::measure()
        .map(|measured| choice::described(measured.hit))
        .map_err(|e| e.to_string())
}
