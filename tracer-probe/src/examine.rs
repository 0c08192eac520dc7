//! Examination of an ELF file.

use object::ReadRef;

use crate::{
    elf::Elf,
    go,
    places::{Function, Links, Place, Places, Returns, Unfit},
};

/// Tells what can be probed in an ELF file.
pub fn examine<'d, R: ReadRef<'d>>(data: R) -> Result<Places, Unfit> {
    let elf = Elf::parse(data)?;
    let mut places = openssl(&elf)?;
    let go = match go::version(&elf) {
        None => None,
        Some(version) => {
            let found = go::functions(&elf, &version);
            match found {
                Ok(found) => places.extend(found),
                // The functions of OpenSSL can be read all the same.
                Err(_) if !places.is_empty() => {}
                Err(unfit) => return Err(unfit),
            }
            Some(version)
        }
    };
    if places.is_empty() {
        return Err(Unfit::Nothing);
    }
    Ok(Places { places, go })
}

/// Places of the exported functions of OpenSSL.
fn openssl<'d, R: ReadRef<'d>>(elf: &Elf<'d, R>) -> Result<Vec<Place>, Unfit> {
    let functions = Function::OF_OPENSSL;
    let symbols = elf.functions(&functions.map(Function::symbol))?;
    let mut places = Vec::new();
    for (function, symbol) in functions.into_iter().zip(symbols) {
        let Some(symbol) = symbol else { continue };
        let Some(entry) = elf.code_offset(symbol.address) else {
            continue;
        };
        let returns = match function.has_result() {
            false => Returns::Unneeded,
            true => Returns::ByAddress,
        };
        places.push(Place {
            function,
            entry,
            returns,
        });
    }
    Ok(places)
}

/// Tells by which files an ELF file is loaded.
pub fn links<'d, R: ReadRef<'d>>(data: R) -> Result<Links, Unfit> {
    let elf = Elf::parse(data)?;
    Ok(Links {
        interpreter: elf.interpreter(),
        needed: elf.needed(),
    })
}
