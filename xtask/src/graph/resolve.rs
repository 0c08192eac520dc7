//! Follows paths to the files that define what they name.

use super::tree::{Definition, FileId, Mention, MentionKind, ModuleId, Name, Tree};

/// An arrow of the graph: one file uses something that another one defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrow {
    pub(crate) from: FileId,
    pub(crate) to: FileId,
    pub(crate) line: usize,
    /// Path as written in that line.
    pub(crate) name: String,
    pub(crate) is_import: bool,
}

/// Use of another crate, with the path from that crate's name on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outside {
    pub(crate) from: FileId,
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// Destination of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Item(FileId),
    Module(ModuleId),
    Outside(Vec<String>),
}

/// All arrows between files, one for each pair, and all uses of other crates.
pub(crate) fn arrows(tree: &Tree) -> (Vec<Arrow>, Vec<Outside>) {
    let mut arrows: Vec<Arrow> = Vec::new();
    let mut outside = Vec::new();
    for (id, module) in tree.modules.iter().enumerate() {
        for mention in &module.mentions {
            for target in Resolver::new(tree).name(id, &mention.name) {
                match end(tree, mention, target) {
                    End::File(to) if to != module.file => {
                        add(&mut arrows, arrow(module.file, to, mention));
                    }
                    End::Outside(path) => outside.push(Outside {
                        from: module.file,
                        line: mention.line,
                        path,
                    }),
                    End::File(_) | End::Nowhere => {}
                }
            }
        }
    }
    arrows.sort_by_key(|arrow| (arrow.from, arrow.to));
    (arrows, outside)
}

enum End {
    File(FileId),
    Outside(Vec<String>),
    Nowhere,
}

/// A module that is only named is no destination: the paths through it lead on.
fn end(tree: &Tree, mention: &Mention, target: Target) -> End {
    match target {
        Target::Item(file) => End::File(file),
        Target::Module(module) if mention.kind == MentionKind::Glob => {
            End::File(tree.modules[module].file)
        }
        Target::Module(_) => End::Nowhere,
        // A single word that nothing defines is a variable or belongs to the language.
        Target::Outside(path) if path.len() > 1 || mention.kind != MentionKind::Inline => {
            End::Outside(path)
        }
        Target::Outside(_) => End::Nowhere,
    }
}

fn arrow(from: FileId, to: FileId, mention: &Mention) -> Arrow {
    Arrow {
        from,
        to,
        line: mention.line,
        name: mention.name.to_string(),
        is_import: mention.kind != MentionKind::Inline,
    }
}

/// Keeps one arrow for each pair of files: the `use`, if there is one.
fn add(arrows: &mut Vec<Arrow>, new: Arrow) {
    let known = arrows
        .iter_mut()
        .find(|known| (known.from, known.to) == (new.from, new.to));
    match known {
        None => arrows.push(new),
        Some(known) if new.is_import && !known.is_import => *known = new,
        Some(_) => {}
    }
}

struct Resolver<'t> {
    tree: &'t Tree,
    /// Names being looked up, so that imports of each other come to an end.
    open: Vec<(ModuleId, String)>,
}

impl<'t> Resolver<'t> {
    fn new(tree: &'t Tree) -> Self {
        Self {
            tree,
            open: Vec::new(),
        }
    }

    /// Every destination of a path written in module `from`.
    fn name(&mut self, from: ModuleId, name: &Name) -> Vec<Target> {
        let Some((first, rest)) = name.segments.split_first() else {
            return Vec::new();
        };
        let starts = match first.as_str() {
            _ if name.is_global => vec![self.krate(first)],
            "crate" => vec![Target::Module(self.tree.modules[from].root)],
            "self" => vec![Target::Module(from)],
            "super" => self.above(from),
            "Self" => return Vec::new(),
            _ => self.first(from, first),
        };
        rest.iter()
            .fold(starts, |targets, segment| self.step(targets, segment))
    }

    fn above(&self, module: ModuleId) -> Vec<Target> {
        let parent = self.tree.modules[module].parent;
        parent.map(Target::Module).into_iter().collect()
    }

    /// A first segment is a name in scope or else a crate.
    fn first(&mut self, from: ModuleId, segment: &str) -> Vec<Target> {
        match self.lookup(from, segment) {
            found if found.is_empty() => vec![self.krate(segment)],
            found => found,
        }
    }

    fn krate(&self, name: &str) -> Target {
        match &self.tree.library {
            Some((import, root)) if import == name => Target::Module(*root),
            _ => Target::Outside(vec![name.to_owned()]),
        }
    }

    /// Goes a segment further. Modules win over items of the same name, which have nothing below a path.
    fn step(&mut self, targets: Vec<Target>, segment: &str) -> Vec<Target> {
        let has_module = targets.iter().any(|it| matches!(it, Target::Module(_)));
        let mut next = Vec::new();
        for target in targets {
            match target {
                Target::Item(_) if has_module => {}
                Target::Item(file) => next.push(Target::Item(file)),
                Target::Outside(mut path) => {
                    path.push(segment.to_owned());
                    next.push(Target::Outside(path));
                }
                Target::Module(module) => next.extend(self.inside(module, segment)),
            }
        }
        next
    }

    fn inside(&mut self, module: ModuleId, segment: &str) -> Vec<Target> {
        if segment == "super" {
            return self.above(module);
        }
        match self.lookup(module, segment) {
            // Not seen in the source, so made by a macro of that module.
            found if found.is_empty() => vec![Target::Item(self.tree.modules[module].file)],
            found => found,
        }
    }

    /// Every meaning of a name in a module.
    fn lookup(&mut self, module: ModuleId, name: &str) -> Vec<Target> {
        let key = (module, name.to_owned());
        if self.open.contains(&key) {
            return Vec::new();
        }
        self.open.push(key);
        let tree = self.tree;
        let here = &tree.modules[module];
        let mut found = Vec::new();
        for definition in here.names.get(name).into_iter().flatten() {
            match definition {
                Definition::Item => found.push(Target::Item(here.file)),
                Definition::Module(child) => found.push(Target::Module(*child)),
                Definition::Import(path) => found.extend(self.name(module, path)),
            }
        }
        if found.is_empty() {
            found = self.through_globs(module, name);
        }
        self.open.pop();
        found.dedup();
        found
    }

    fn through_globs(&mut self, module: ModuleId, name: &str) -> Vec<Target> {
        let tree = self.tree;
        let mut found = Vec::new();
        for glob in &tree.modules[module].globs {
            for target in self.name(module, glob) {
                if let Target::Module(opened) = target {
                    found.extend(self.lookup(opened, name));
                }
            }
        }
        found
    }
}
