//! Reads the files of a package into its tree of modules.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use proc_macro2::Ident;
use syn::{Expr, ForeignItem, Item, ItemMod, Lit, Meta};

use super::cfg;
use super::mentions::{self, attributes};
use super::package::Package;
use super::tree::{Definition, FileId, Misplaced, ModuleId, Tree, plain};

/// Text of a file of the repository; `None` if there is no such file.
pub(crate) type Read<'a> = dyn Fn(&Path) -> Option<String> + 'a;

/// The module trees of all targets of the package.
pub(crate) fn package(package: &Package, read: &Read<'_>) -> Result<Tree> {
    let tree = Tree::default();
    let mut loader = Loader { read, tree };
    for target in &package.targets {
        let folder = parent(&target.root);
        let root = loader
            .file(&target.root, folder, None)?
            .with_context(|| format!("{} is a test", target.root.display()))?;
        if let Some(import) = &target.import {
            loader.tree.library = Some((import.clone(), root));
        }
    }
    Ok(loader.tree)
}

struct Loader<'a> {
    read: &'a Read<'a>,
    tree: Tree,
}

/// Folders where the files of a module's children are.
#[derive(Clone)]
struct Place {
    /// Folder of `name.rs` and `name/mod.rs`.
    children: PathBuf,
    /// Folder to which `#[path]` is relative.
    here: PathBuf,
}

impl Loader<'_> {
    /// Reads a file as a module; `None` if all of it is for tests.
    fn file(
        &mut self,
        path: &Path,
        children: PathBuf,
        above: Option<ModuleId>,
    ) -> Result<Option<ModuleId>> {
        let text = (self.read)(path).with_context(|| format!("no file {}", path.display()))?;
        let syntax = syn::parse_file(&text)
            .with_context(|| format!("{} is not valid Rust", path.display()))?;
        if cfg::is_test(&syntax.attrs) {
            return Ok(None);
        }
        let file = self.tree.file(path);
        self.tree.files[file].parent = above.and_then(|above| self.parent_file(above));
        let module = self.tree.module(file, above);
        let here = parent(path);
        self.items(module, &syntax.items, &Place { children, here })?;
        Ok(Some(module))
    }

    fn parent_file(&self, above: ModuleId) -> Option<FileId> {
        let module = &self.tree.modules[above];
        (module.root != above).then_some(module.file)
    }

    fn items(&mut self, module: ModuleId, items: &[Item], place: &Place) -> Result<()> {
        for item in items {
            if let Item::Mod(declared) = item {
                self.place(module, declared);
            }
            if cfg::is_test(attributes(item)) {
                continue;
            }
            if let Item::Mod(declared) = item {
                self.child(module, declared, place)?;
                continue;
            }
            for name in defined(item) {
                self.tree.modules[module].define(plain(name), Definition::Item);
            }
            mentions::collect(&mut self.tree.modules[module], item);
        }
        Ok(())
    }

    /// Notes a module of tests that looks like product code, and one whose file is not where its name says.
    fn place(&mut self, above: ModuleId, declared: &ItemMod) {
        let is_test = cfg::is_test(&declared.attrs);
        let why = if declared.attrs.iter().any(|it| named_path(it).is_some()) {
            "its file is not where its name says"
        } else if is_test && declared.content.is_none() && declared.ident != "tests" {
            "tests belong into a module `tests`, or below one"
        } else {
            return;
        };
        self.tree.misplaced.push(Misplaced {
            file: self.tree.modules[above].file,
            line: declared.ident.span().start().line,
            module: plain(&declared.ident),
            why,
        });
    }

    fn child(&mut self, above: ModuleId, declared: &ItemMod, place: &Place) -> Result<()> {
        let name = plain(&declared.ident);
        let child = match &declared.content {
            Some((_, items)) => {
                let file = self.tree.modules[above].file;
                let child = self.tree.module(file, Some(above));
                let folder = place.children.join(&name);
                let place = Place {
                    children: folder.clone(),
                    here: folder,
                };
                self.items(child, items, &place)?;
                Some(child)
            }
            None => {
                let (path, children) = self.find(declared, &name, place);
                self.file(&path, children, Some(above))?
            }
        };
        if let Some(child) = child {
            self.tree.modules[above].define(name, Definition::Module(child));
        }
        Ok(())
    }

    /// File of a declared module, and the folder of that module's children.
    fn find(&self, declared: &ItemMod, name: &str, place: &Place) -> (PathBuf, PathBuf) {
        if let Some(path) = declared.attrs.iter().find_map(named_path) {
            let file = place.here.join(path);
            let folder = parent(&file);
            return (file, folder);
        }
        let folder = place.children.join(name);
        let inside = folder.join("mod.rs");
        match (self.read)(&inside) {
            Some(_) => (inside, folder),
            None => (place.children.join(format!("{name}.rs")), folder),
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(PathBuf::from).unwrap_or_default()
}

/// The file that `#[path = "…"]` names.
fn named_path(attribute: &syn::Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(value) if pair.path.is_ident("path") => match &value.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// The names that an item gives to its module, but for those of a `use` and of a module.
fn defined(item: &Item) -> Vec<&Ident> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => return item.ident.iter().collect(),
        Item::ForeignMod(block) => return block.items.iter().filter_map(foreign).collect(),
        _ => return Vec::new(),
    };
    vec![name]
}

fn foreign(item: &ForeignItem) -> Option<&Ident> {
    match item {
        ForeignItem::Fn(item) => Some(&item.sig.ident),
        ForeignItem::Static(item) => Some(&item.ident),
        ForeignItem::Type(item) => Some(&item.ident),
        _ => None,
    }
}
