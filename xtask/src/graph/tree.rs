//! The modules of a package with the names they define and the paths they write.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use proc_macro2::Ident;

pub(crate) type FileId = usize;
pub(crate) type ModuleId = usize;

/// All product modules of a package. Test modules are left out.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
    pub(crate) modules: Vec<Module>,
    /// Import name and root module of the library, for the programs beside it.
    pub(crate) library: Option<(String, ModuleId)>,
    pub(crate) misplaced: Vec<Misplaced>,
}

/// A module whose file does not stand where the house rules put it.
#[derive(Clone, Debug)]
pub(crate) struct Misplaced {
    /// File that declares the module.
    pub(crate) file: FileId,
    pub(crate) line: usize,
    pub(crate) module: String,
    pub(crate) why: &'static str,
}

/// A source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Path relative to the repository.
    pub(crate) path: PathBuf,
    /// Name in tables and lists: `sink/json` for `src/sink/json.rs` and for `src/sink/json/mod.rs`.
    pub(crate) room: String,
    /// File of the module that declares this one, unless that is the root of the crate.
    pub(crate) parent: Option<FileId>,
}

/// A module, with a file of its own or inside its parent's.
pub(crate) struct Module {
    pub(crate) file: FileId,
    /// Root module of the target, to which `crate` leads.
    pub(crate) root: ModuleId,
    pub(crate) parent: Option<ModuleId>,
    /// Several definitions may share a name: a function may be named like a module.
    pub(crate) names: BTreeMap<String, Vec<Definition>>,
    /// Places from which the module imports everything.
    pub(crate) globs: Vec<Name>,
    pub(crate) mentions: Vec<Mention>,
}

/// Meaning of a name inside a module.
#[derive(Clone, Debug)]
pub(crate) enum Definition {
    Item,
    Module(ModuleId),
    Import(Name),
}

/// A path as written in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// True if the path begins with `::` and so with the name of a crate.
    pub(crate) is_global: bool,
    pub(crate) segments: Vec<String>,
}

/// A place where a module writes a path.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    pub(crate) name: Name,
    pub(crate) line: usize,
    pub(crate) kind: MentionKind,
}

/// Grammatical place of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MentionKind {
    /// A name of a `use` item.
    Import,
    /// `use …::*`.
    Glob,
    /// Anywhere else: an expression, a type, a pattern, a macro's arguments.
    Inline,
}

impl Tree {
    /// Adds the file unless it is known; answers its number.
    pub(crate) fn file(&mut self, path: &Path) -> FileId {
        let known = self.files.iter().position(|file| file.path == path);
        known.unwrap_or_else(|| {
            self.files.push(File {
                path: path.to_owned(),
                room: room(path),
                parent: None,
            });
            self.files.len() - 1
        })
    }

    /// Adds an empty module.
    pub(crate) fn module(&mut self, file: FileId, parent: Option<ModuleId>) -> ModuleId {
        let id = self.modules.len();
        self.modules.push(Module {
            file,
            root: parent.map_or(id, |parent| self.modules[parent].root),
            parent,
            names: BTreeMap::new(),
            globs: Vec::new(),
            mentions: Vec::new(),
        });
        id
    }
}

impl Module {
    /// Adds a meaning of `name`.
    pub(crate) fn define(&mut self, name: String, definition: Definition) {
        self.names.entry(name).or_default().push(definition);
    }
}

impl Name {
    pub(crate) fn new(is_global: bool, segments: Vec<String>) -> Self {
        Self {
            is_global,
            segments,
        }
    }

    /// The path with one more segment.
    pub(crate) fn join(&self, segment: String) -> Self {
        let mut longer = self.clone();
        longer.segments.push(segment);
        longer
    }

    /// The path without its generic arguments.
    pub(crate) fn of(path: &syn::Path) -> Self {
        let segments = path.segments.iter().map(|segment| plain(&segment.ident));
        Self::new(path.leading_colon.is_some(), segments.collect())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = if self.is_global { "::" } else { "" };
        write!(f, "{root}{}", self.segments.join("::"))
    }
}

/// The identifier without the `r#` of a raw one.
pub(crate) fn plain(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").unwrap_or(&text).to_owned()
}

/// The path below `src` without `.rs`, and without a `mod` at its end.
fn room(path: &Path) -> String {
    let path = path.with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy());
    let inner: Vec<_> = parts.skip_while(|part| part != "src").skip(1).collect();
    let room = inner.join("/");
    room.strip_suffix("/mod").unwrap_or(&room).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_named_alike_in_both_forms_of_modules() {
        for (path, expected) in [
            ("tracer-user/src/sink/json.rs", "sink/json"),
            ("tracer-user/src/sink/mod.rs", "sink"),
            ("tracer-user/src/main.rs", "main"),
            ("tests/src/bin/client.rs", "bin/client"),
        ] {
            assert_eq!(room(Path::new(path)), expected);
        }
    }
}
