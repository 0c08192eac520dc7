//! `cargo xtask vm`: traces real connections on other kernels under QEMU. Every count is compared with the counts of the
//! clients, of the servers and of that kernel's socket table.

mod foreign;
mod http2;
mod machine;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::architecture::Architecture;
use crate::initramfs::Initramfs;
use crate::scenario::{self, Report};
use crate::tally::Tally;
use crate::{build, dist, kernel_image, setup, shell, workspace};
use table::Row;

const SERIES: [&str; 2] = ["6.1", "6.12"];

/// Arguments of the verb.
struct Options {
    series: Vec<String>,
    architecture: Option<Architecture>,
    build: bool,
    /// Both architectures with HTTP/2, and the result in the documents.
    table: bool,
}

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let options = options(args)?;
    let mut tally = Tally::default();
    if options.table {
        let mut rows = Vec::new();
        for architecture in Architecture::ALL {
            rows.extend(run(
                &options.series,
                architecture,
                options.build,
                true,
                &mut tally,
            )?);
        }
        table::write(&rows)?;
    } else {
        let architecture = options.architecture.map_or_else(Architecture::native, Ok)?;
        let http2 = !architecture.is_native();
        run(
            &options.series,
            architecture,
            options.build,
            http2,
            &mut tally,
        )?;
    }
    println!("{tally}");
    Ok(tally.exit_code())
}

fn options(args: &[String]) -> Result<Options> {
    let mut options = Options {
        series: Vec::new(),
        architecture: None,
        build: true,
        table: false,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--no-build" => options.build = false,
            "--table" => options.table = true,
            "--arch" => {
                let name = args.next().context("--arch takes x86_64 or aarch64")?;
                options.architecture = Some(Architecture::named(name)?);
            }
            other if other.starts_with('-') => {
                bail!("unknown option {other:?}; `cargo xtask help` lists what each verb takes")
            }
            series => options.series.push(series.to_owned()),
        }
    }
    if options.series.is_empty() {
        options.series.extend(SERIES.map(str::to_owned));
    }
    Ok(options)
}

/// Runs all kernels of this machine's architecture with the release binary as it is.
pub(crate) fn run_all() -> Result<Tally> {
    let mut tally = Tally::default();
    run(
        &SERIES.map(str::to_owned),
        Architecture::native()?,
        false,
        false,
        &mut tally,
    )?;
    Ok(tally)
}

/// Runs kernels of an architecture, and tells for the table what each of them did.
fn run(
    series: &[String],
    architecture: Architecture,
    build: bool,
    http2: bool,
    tally: &mut Tally,
) -> Result<Vec<Row>> {
    setup::for_vm(architecture)?;
    let tracer = tracer(architecture, build)?;
    let mut rows = Vec::new();
    for series in series {
        let mut own = Tally::default();
        let name = match architecture.is_native() {
            true => format!("vm {series}"),
            false => format!("vm {} {series}", architecture.rust()),
        };
        match boot(series, architecture, &tracer, http2) {
            Ok(report) => {
                scenario::check(&name, &report, http2, &mut own);
                rows.push(Row::of(architecture, series, &report, &own));
            }
            Err(error) => own.record(&name, Err(format!("{error:#}"))),
        }
        tally.add(&own);
    }
    Ok(rows)
}

/// The release binary of this machine, or the static one of another architecture.
fn tracer(architecture: Architecture, build: bool) -> Result<PathBuf> {
    if !architecture.is_native() {
        let toolchain = setup::for_build()?;
        setup::for_dist(&[architecture], toolchain.llvm())?;
        return dist::static_binary(architecture, &toolchain, build);
    }
    if build {
        return build::build(&setup::for_build()?);
    }
    Ok(workspace::tracer())
}

fn boot(series: &str, architecture: Architecture, tracer: &Path, http2: bool) -> Result<Report> {
    let kernel = kernel_image::ensure(series, architecture)?;
    let home = kernel_image::directory(series, architecture);
    let initrd = home.join("initrd");
    let files = match architecture.is_native() {
        true => clients_of_this_machine(home.join("root"))?,
        false => foreign::clients(home.join("root"), architecture)?,
    };
    kernel.copy_modules(&files.inside(Path::new("/modules")))?;
    fill(&files, tracer)?;
    if http2 {
        http2::add(&files, architecture)?;
    }
    files.pack(&initrd)?;
    let console = home.join("console.log");
    let lines = machine::power_on(architecture, &kernel.image, &initrd, &console)?;
    Report::parse(&lines).with_context(|| format!("see {}", console.display()))
}

fn clients_of_this_machine(root: PathBuf) -> Result<Initramfs> {
    let files = Initramfs::new(root)?;
    for program in ["busybox", "curl", "openssl"] {
        files.program(&shell::which(program).with_context(|| format!("{program} is missing"))?)?;
    }
    Ok(files)
}

fn fill(files: &Initramfs, tracer: &Path) -> Result<()> {
    files.program(tracer)?;
    files.script("/init", include_str!("../assets/vm/init"))?;
    files.script("/scenario", include_str!("../assets/vm/scenario"))?;
    files.script("/kept", include_str!("../assets/vm/kept"))?;
    let (key, certificate) = (
        files.inside(Path::new("/origin.key")),
        files.inside(Path::new("/origin.crt")),
    );
    make_certificate(&key, &certificate)
}

/// Makes a self-signed certificate for origin.test and the loopback addresses.
pub(crate) fn make_certificate(key: &Path, certificate: &Path) -> Result<()> {
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "3650",
    ]);
    openssl.args([
        "-subj",
        "/CN=origin.test",
        "-addext",
        "subjectAltName=DNS:origin.test,IP:127.0.0.1,IP:::1",
    ]);
    openssl.arg("-keyout").arg(key).arg("-out").arg(certificate);
    shell::run(openssl.stderr(Stdio::null()))
}
