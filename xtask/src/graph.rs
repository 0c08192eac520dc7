//! `cargo xtask graph [CRATE…]`: which file uses which, and where files use each other in a circle.

mod bans;
mod cfg;
mod circles;
mod faults;
mod layers;
mod mentions;
mod package;
mod parse;
mod report;
mod resolve;
#[cfg(test)]
mod tests;
mod tokens;
mod tree;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{exceptions, workspace};

use faults::Rules;
pub(crate) use package::{Package, all as packages};
use resolve::{Arrow, Outside};
use tree::{File, Misplaced};

/// The arrows between the files of one package.
pub(crate) struct Graph {
    pub(crate) package: String,
    pub(crate) files: Vec<File>,
    pub(crate) arrows: Vec<Arrow>,
    pub(crate) outside: Vec<Outside>,
    pub(crate) misplaced: Vec<Misplaced>,
}

pub(crate) fn main(args: &[String]) -> Result<ExitCode> {
    let packages = packages()?;
    let known: Vec<&str> = packages.iter().map(|it| it.name.as_str()).collect();
    if let Some(unknown) = args.iter().find(|arg| !known.contains(&arg.as_str())) {
        bail!("no crate {unknown:?}; there are {}", known.join(", "));
    }
    for package in packages {
        if args.is_empty() || args.contains(&package.name) {
            print!("{}", report::whole(&Graph::read(&package)?));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each arrow and circle that the house rules refuse, in all packages.
pub(crate) fn faults() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for package in packages()? {
        let house = layers::HOUSES.iter().find(|it| it.package == package.name);
        let rules = Rules {
            floors: house.map_or(&[], |house| house.floors),
            bans: bans::BANS,
            circles: exceptions::CIRCLES,
            arrows: exceptions::ARROWS,
            modules: exceptions::MODULES,
        };
        faults.extend(faults::of(&Graph::read(&package)?, &rules));
    }
    Ok(faults)
}

/// Tells whether the room is `place` or below it.
fn is_inside(room: &str, place: &str) -> bool {
    let rest = room.strip_prefix(place);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Graph {
    /// Reads the package's files from the checkout.
    pub(crate) fn read(package: &Package) -> Result<Self> {
        let root = workspace::root();
        Self::build(package, &|path: &Path| {
            fs::read_to_string(root.join(path)).ok()
        })
    }

    fn build(package: &Package, read: &parse::Read<'_>) -> Result<Self> {
        let tree = parse::package(package, read)?;
        let (arrows, outside) = resolve::arrows(&tree);
        Ok(Self {
            package: package.name.clone(),
            files: tree.files,
            misplaced: tree.misplaced,
            arrows,
            outside,
        })
    }

    /// Sets of files that use each other in circles.
    ///
    /// A file may use what the module that declares it defines, so these arrows close no circle: the two are one
    /// room, and Rust itself lets the inner one see everything of the outer one. The root of a crate declares
    /// every room, so what others use does not belong there, and arrows to it count.
    pub(crate) fn circles(&self) -> Vec<Vec<usize>> {
        circles::components(self.files.len(), &self.pairs())
    }

    /// The shortest circle through some of these files, as the arrows it consists of.
    pub(crate) fn shortest(&self, component: &[usize]) -> Vec<&Arrow> {
        let way = circles::shortest(self.files.len(), &self.pairs(), component);
        let ends = way.iter().cycle().skip(1);
        let steps = way.iter().zip(ends);
        steps
            .filter_map(|(from, to)| {
                self.arrows
                    .iter()
                    .find(|it| (it.from, it.to) == (*from, *to))
            })
            .collect()
    }

    fn pairs(&self) -> Vec<(usize, usize)> {
        let counted = self.arrows.iter().filter(|it| !self.is_to_parent(it));
        counted.map(|it| (it.from, it.to)).collect()
    }

    fn is_to_parent(&self, arrow: &Arrow) -> bool {
        self.files[arrow.from].parent == Some(arrow.to)
    }
}
