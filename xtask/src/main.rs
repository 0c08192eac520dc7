//! `cargo xtask VERB`: builds, tests and maintains this repository. Each verb has a file.

mod architecture;
mod arguments;
mod bench;
mod build;
mod captures;
mod demo;
mod dist;
mod exceptions;
mod fuzz;
mod graph;
mod initramfs;
mod kernel_image;
mod lint;
mod packages;
mod picture;
mod python;
mod scenario;
mod screenshots;
mod setup;
mod shell;
mod summaries;
mod tally;
mod test;
mod tidy;
mod toolchain;
mod vm;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
Usage: cargo xtask VERB

  setup [--build-only]     install what building (and testing) needs; does nothing the second time
  build                    target/release/tracer, with the kernel programs inside
  test [--quick] [NAME…]   everything that proves it works; NAME narrows the end-to-end tests, --quick leaves the VMs out
  lint [--fix] [--house-rules]
                           house rules, formatting, clippy on both sides of the kernel line, licences;
                           --house-rules checks these alone, in seconds
  graph [CRATE…]           which file uses which, and the circles among them
  summaries [CRATE…]       doc summaries that the lint refuses
  vm [--arch ARCH | --table] [--no-build] [SERIES…]
                           trace real connections on other kernels under QEMU (6.1 and 6.12); --table: on both
                           architectures, with the result in docs/user/kernels.md
  dist [--arch ARCH]… [--no-build] [--check]
                           target/dist/packages: static binaries of x86_64 and aarch64 as archives, .deb and .rpm, with
                           checksums and SBOM; --check installs them into empty systems and runs them there
  fuzz [--seconds N]       libFuzzer on the parsers of what comes from the wire, 60 s
  captures [NAME…]         tests/captures, packets of real clients beside what their servers counted; NAME narrows them
  demo [FLAG…]             build it, then `tracer demo`: a naive and a tuned crawl over a link with a round trip, compared
  picture [A.json B.json]  docs/demo.svg, from the exports of the last demo
  bench overhead [--pairs N] [--seconds N] [--only NAME,…] [--no-build]
                           wrk against nginx, unwatched and watched by tracer, by empty programs and by its peers
  bench crawl [--spider]   the crawler beside others that do the same work
  bench sinks              what tracing costs with every output, and what a scrape of 10,000 hosts takes
  bench tui                what a frame of the live screen costs
  screenshots [--no-build] [--no-record]
                           docs/images, from a crawl recorded over a delayed link
  bench pipeline           records per second, snapshots, memory, socket listings
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<ExitCode> {
    let Some((verb, rest)) = args.split_first() else {
        eprint!("{USAGE}");
        return Ok(ExitCode::from(2));
    };
    match verb.as_str() {
        "setup" => setup::main(rest),
        "build" => build::main(rest),
        "test" => test::main(rest),
        "lint" => lint::main(rest),
        "fuzz" => fuzz::main(rest),
        "captures" => captures::main(rest),
        "graph" => graph::main(rest),
        "vm" => vm::main(rest),
        "dist" => dist::main(rest),
        "demo" => demo::main(rest),
        "picture" => picture::main(rest),
        "bench" => bench::main(rest),
        "screenshots" => screenshots::main(rest),
        "summaries" => summaries::main(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("no verb {other:?}; `cargo xtask help` lists them"),
    }
}
