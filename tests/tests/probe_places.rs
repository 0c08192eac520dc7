//! Places for probes in real files, compared with what nm and objdump say about them. Needs no rights.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tracer_probe::{Function, Links, Place, Returns, Unfit, examine_file, links_of};
use tracer_tests::build;
use tracer_tests::machine::program;
use tracer_tests::process::output;

const SOURCE: &str = "clients/probes/http2.go";

fn places(path: &Path) -> Result<BTreeMap<Function, Place>> {
    let found = examine_file(&File::open(path)?).with_context(|| path.display().to_string())?;
    let places = found.places.into_iter();
    Ok(places.map(|place| (place.function, place)).collect())
}

fn number(hex: &str) -> Result<u64> {
    Ok(u64::from_str_radix(hex, 16)?)
}

/// Difference of address and file offset of the code, by readelf.
fn distance(path: &Path) -> Result<u64> {
    let headers = output(Command::new("readelf").arg("-lW").arg(path))?;
    let code = headers
        .lines()
        .find(|line| line.contains("LOAD") && line.contains(" R E "))
        .context("no segment with code")?;
    let numbers: Vec<&str> = code
        .split_whitespace()
        .map(|it| it.trim_start_matches("0x"))
        .collect();
    Ok(number(numbers[2])? - number(numbers[1])?)
}

/// Addresses of exported functions, by readelf.
fn exported(path: &Path) -> Result<BTreeMap<String, u64>> {
    let symbols = output(Command::new("readelf").args(["-W", "--dyn-syms"]).arg(path))?;
    let mut found = BTreeMap::new();
    for line in symbols.lines().filter(|line| line.contains(" FUNC ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, address, _, _, _, _, section, name, ..] = words[..]
            && section != "UND"
        {
            let name = name.split('@').next().unwrap_or_default();
            found.insert(name.to_owned(), number(address)?);
        }
    }
    Ok(found)
}

fn check_openssl(path: &Path) -> Result<()> {
    let (places, symbols, distance) = (places(path)?, exported(path)?, distance(path)?);
    for function in Function::OF_OPENSSL {
        let place = places
            .get(&function)
            .with_context(|| format!("{function:?}"))?;
        let address = symbols.get(function.symbol()).context("no symbol")?;
        ensure!(
            place.entry + distance == *address,
            "{function:?} of {}",
            path.display()
        );
        let free = function == Function::SslFree;
        ensure!(
            place.returns
                == if free {
                    Returns::Unneeded
                } else {
                    Returns::ByAddress
                }
        );
    }
    Ok(())
}

fn libssl() -> Result<PathBuf> {
    let curl = program("curl", "curl")?;
    let loaded = output(Command::new("ldd").arg(curl))?;
    let line = loaded.lines().find(|line| line.contains("libssl"));
    let path = line
        .and_then(|line| line.split_whitespace().nth(2))
        .context("curl loads no libssl")?;
    Ok(Path::new(path).canonicalize()?)
}

#[test]
fn openssl_of_the_system_and_of_node() -> Result<()> {
    check_openssl(&libssl()?)?;
    check_openssl(&program("node", "nodejs")?.canonicalize()?)
}

/// Entry and returns of a function of Go, by objdump.
fn disassembled(path: &Path, function: Function) -> Result<(u64, Vec<u64>)> {
    let only = format!("--disassemble={}", function.symbol());
    let text = output(
        Command::new("objdump")
            .args(["-d", "--no-show-raw-insn", &only])
            .arg(path),
    )?;
    let mut instructions = text.lines().filter_map(|line| {
        let (address, instruction) = line.split_once(":\t")?;
        Some((number(address.trim()).ok()?, instruction.trim().to_owned()))
    });
    let all: Vec<(u64, String)> = instructions.by_ref().collect();
    let jump = all.iter().find(|(_, text)| text.starts_with("jbe"));
    let returns = all.iter().filter(|(_, text)| text.starts_with("ret"));
    Ok((
        jump.context("no jump")?.0,
        returns.map(|(address, _)| *address).collect(),
    ))
}

/// Places of the symbols are right, and files without them have the same places.
fn check_go(suffix: &str, flags: &[&str]) -> Result<PathBuf> {
    let whole = build::go_with(SOURCE, suffix, flags)?;
    let expected = places(&whole)?;
    let distance = distance(&whole)?;
    for function in Function::OF_GO {
        let (entry, returns) = disassembled(&whole, function)?;
        let place = expected
            .get(&function)
            .with_context(|| format!("{function:?}"))?;
        ensure!(place.entry + distance == entry, "{function:?}{suffix}");
        let offsets: Vec<u64> = returns.iter().map(|address| address - distance).collect();
        ensure!(
            place.returns == Returns::At(offsets),
            "{function:?}{suffix}"
        );
    }
    // The code of the stripped file is the same, at the same place.
    let stripped: Vec<&str> = flags.iter().copied().chain(["-ldflags", "-s -w"]).collect();
    let stripped = build::go_with(SOURCE, &format!("{suffix}-stripped"), &stripped)?;
    let symbols = output(Command::new("readelf").arg("-SW").arg(&stripped))?;
    ensure!(!symbols.contains(".symtab"), "not stripped");
    ensure!(places(&stripped)? == expected, "stripped{suffix}");
    Ok(stripped)
}

#[test]
fn go_with_symbols_stripped_and_position_independent() -> Result<()> {
    check_go("-plain", &[])?;
    check_go("-pie", &["-buildmode=pie"])?;
    Ok(())
}

/// Without section headers, too: then the tables are found by their first bytes.
#[test]
fn go_without_section_headers() -> Result<()> {
    let stripped = check_go("-bare", &["-trimpath"])?;
    let mut bytes = std::fs::read(&stripped)?;
    // e_shoff; e_shnum and e_shstrndx.
    bytes[0x28..0x30].fill(0);
    bytes[0x3c..0x40].fill(0);
    let bare = tempfile::NamedTempFile::new()?;
    std::fs::write(bare.path(), bytes)?;
    ensure!(places(bare.path())? == places(&stripped)?);
    Ok(())
}

/// libssl without section headers: the loader's tables tell where its functions are.
#[test]
fn openssl_without_section_headers() -> Result<()> {
    let path = libssl()?;
    let mut bytes = std::fs::read(&path)?;
    bytes[0x28..0x30].fill(0);
    bytes[0x3c..0x40].fill(0);
    let bare = tempfile::NamedTempFile::new()?;
    std::fs::write(bare.path(), bytes)?;
    ensure!(places(bare.path())? == places(&path)?);
    Ok(())
}

#[test]
fn other_files_have_no_places() -> Result<()> {
    let examine = |path: &Path| examine_file(&File::open(path).unwrap_or_else(|e| panic!("{e}")));
    ensure!(matches!(
        examine(&program("sh", "dash")?),
        Err(Unfit::Nothing)
    ));
    ensure!(matches!(
        examine(Path::new("/etc/passwd")),
        Err(Unfit::NotElf)
    ));
    let hello = build::go_with("clients/probes/hello.go", "", &[])?;
    ensure!(matches!(examine(&hello), Err(Unfit::Nothing)));
    Ok(())
}

#[test]
fn links_of_executables() -> Result<()> {
    let curl = links_of(&File::open(program("curl", "curl")?)?)?;
    ensure!(curl.interpreter.is_some_and(|it| it.contains("ld-linux")));
    ensure!(
        curl.needed.iter().any(|it| it.starts_with("libcurl.so")),
        "{:?}",
        curl.needed
    );
    let hello = build::go_with("clients/probes/hello.go", "", &[])?;
    ensure!(links_of(&File::open(hello)?)? == Links::default());
    Ok(())
}
