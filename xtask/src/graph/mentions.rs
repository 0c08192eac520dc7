//! Collects the paths that an item writes, and what its `use` items bring into the module.

use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemUse, Meta, TraitItem, UseTree};

use super::cfg;
use super::tokens;
use super::tree::{Definition, Mention, MentionKind, Module, Name, plain};

/// Adds to the module every path that the item writes. Code for tests is left out.
///
/// A `use` inside a function counts as one of the module: names are rarely given two meanings in one file.
pub(crate) fn collect(module: &mut Module, item: &Item) {
    Collector { module }.visit_item(item);
}

struct Collector<'m> {
    module: &'m mut Module,
}

impl Collector<'_> {
    fn mention(&mut self, name: Name, line: usize, kind: MentionKind) {
        self.module.mentions.push(Mention { name, line, kind });
    }

    fn inline(&mut self, names: Vec<(Name, usize)>) {
        for (name, line) in names {
            self.mention(name, line, MentionKind::Inline);
        }
    }

    /// Follows a `use` to its leaves; `prefix` is the path so far.
    fn import(&mut self, prefix: &Name, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.import(&prefix.join(plain(&path.ident)), &path.tree),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(prefix, tree);
                }
            }
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                self.module.globs.push(prefix.clone());
                self.mention(prefix.clone(), line, MentionKind::Glob);
            }
            UseTree::Name(name) => self.leaf(prefix, &name.ident, None),
            UseTree::Rename(rename) => {
                self.leaf(prefix, &rename.ident, Some(plain(&rename.rename)));
            }
        }
    }

    fn leaf(&mut self, prefix: &Name, ident: &proc_macro2::Ident, rename: Option<String>) {
        let line = ident.span().start().line;
        // In `use a::{self, b}`, `self` is the module `a`.
        let name = match ident == "self" && !prefix.segments.is_empty() {
            true => prefix.clone(),
            false => prefix.join(plain(ident)),
        };
        let known_as = rename.or_else(|| name.segments.last().cloned());
        self.mention(name.clone(), line, MentionKind::Import);
        if let Some(known_as) = known_as.filter(|known_as| known_as != "_") {
            self.module.define(known_as, Definition::Import(name));
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !cfg::is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !cfg::is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes: &[Attribute] = match item {
            TraitItem::Const(item) => &item.attrs,
            TraitItem::Fn(item) => &item.attrs,
            _ => &[],
        };
        if !cfg::is_test(attributes) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !cfg::is_test(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let prefix = Name::new(item.leading_colon.is_some(), Vec::new());
        self.import(&prefix, &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            let line = first.ident.span().start().line;
            self.mention(Name::of(path), line, MentionKind::Inline);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        visit::visit_macro(self, called);
        self.inline(tokens::names(called.tokens.clone()));
    }

    /// The paths that an attribute hands to its macro; its own name is no matter of this package.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let Meta::List(list) = &attribute.meta else {
            return;
        };
        self.inline(tokens::names(list.tokens.clone()));
        if list.path.is_ident("serde") {
            self.inline(tokens::quoted_names(list.tokens.clone()));
        }
    }

    /// Passes over the place where something may be seen from, which is no use of it.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

/// The attributes of an item of any kind.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
