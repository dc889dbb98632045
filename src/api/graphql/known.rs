//! Documents that have been carried out before: clients have a few, which they send again and again with
//! other variables.
//!
//! That a document is right does not depend on variables. So one that was found to be right is neither
//! parsed nor validated again, and, where arguments are those of root fields alone, it is resolved in
//! *outline*: what is selected of dialogs is left out, and filled in by [`selection`](super::selection).

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::mem::replace;
use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, FragmentDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned, Request};
use moka::sync::Cache;

/// Most bytes of all texts of known documents; as documents they take some 40 times as much.
const BYTES: u64 = 256 * 1024;
/// A text of more bytes than this is not kept.
const BYTES_EACH: usize = 16 * 1024;

/// Where an outline leaves something out: root fields, and the fields below them.
const LEFT_OUT: [(&str, &str); 2] = [("dialogById", "dialog"), ("searchDialogs", "items")];

/// The documents that are known.
pub(super) struct KnownDocuments(Cache<Arc<str>, Arc<Known>>);

impl KnownDocuments {
    pub fn new() -> Self {
        let bytes = |text: &Arc<str>, _: &Arc<Known>| u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(BYTES).weigher(bytes).build())
    }

    /// The document with this text, if it is known.
    pub fn document(&self, text: &str) -> Option<Arc<Known>> {
        self.0.get(text)
    }

    /// Remembers a document that was found to be right.
    pub fn remember(&self, text: &str, document: ExecutableDocument) -> Arc<Known> {
        let known = Arc::new(Known::new(document));
        if text.len() <= BYTES_EACH {
            self.0.insert(text.into(), Arc::clone(&known));
        }
        known
    }
}

/// A document that is right.
pub(super) struct Known {
    document: ExecutableDocument,
    outline: Option<Outline>,
}

struct Outline {
    document: ExecutableDocument,
    left_out: Vec<LeftOut>,
}

/// What an outline leaves out below a field.
struct LeftOut {
    /// The field.
    place: Pos,
    selected: SelectionSet,
    /// How it is shown, as soon as that is known.
    plan: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Known {
    fn new(document: ExecutableDocument) -> Self {
        let outline = Outline::of(&document);
        Self { document, outline }
    }

    /// All of it.
    pub fn all(&self) -> &ExecutableDocument {
        &self.document
    }

    /// A request to carry it out; `text` is its text.
    pub fn request(self: &Arc<Self>, text: &str) -> Request {
        let mut request = Request::new(text);
        match &self.outline {
            None => {
                request.set_parsed_query(self.document.clone());
            }
            Some(outline) => {
                request.set_parsed_query(outline.document.clone());
                request = request.data(Arc::clone(self));
            }
        }
        request
    }

    /// Its fragments.
    pub fn fragments(&self) -> &HashMap<Name, Positioned<FragmentDefinition>> {
        &self.document.fragments
    }

    /// What the outline leaves out below the field at this place.
    pub fn left_out(&self, field: Pos) -> Option<&SelectionSet> {
        self.left_out_below(field).map(|left_out| &left_out.selected)
    }

    /// How that is shown, which `make` finds out the first time. A field has always the same type.
    pub fn plan<P: Send + Sync + 'static>(&self, field: Pos, make: impl Fn() -> P) -> Option<&P> {
        self.left_out_below(field)?.plan.get_or_init(|| Box::new(make())).downcast_ref()
    }

    fn left_out_below(&self, field: Pos) -> Option<&LeftOut> {
        self.outline.as_ref()?.left_out.iter().find(|left_out| left_out.place == field)
    }
}

impl Outline {
    /// `None` for documents that ask for something else than dialogs, or in other ways than portals do.
    fn of(document: &ExecutableDocument) -> Option<Self> {
        let mut operations = document.operations.clone();
        let operation = match &mut operations {
            DocumentOperations::Single(operation) => operation,
            DocumentOperations::Multiple(operations) if operations.len() == 1 => {
                operations.values_mut().next()?
            }
            DocumentOperations::Multiple(_) => return None,
        };
        let operation = &mut operation.node;
        if operation.ty != OperationType::Query || !operation.directives.is_empty() {
            return None;
        }
        let mut left_out = Vec::new();
        for root in &mut operation.selection_set.node.items {
            let Selection::Field(root) = &mut root.node else { return None };
            let root = &mut root.node;
            let (_, name) = LEFT_OUT.iter().find(|(name, _)| root.name.node == *name)?;
            if !root.directives.is_empty() {
                return None;
            }
            for field in &mut root.selection_set.node.items {
                let Selection::Field(field) = &mut field.node else { return None };
                let (place, field) = (field.pos, &mut field.node);
                if field.name.node != *name {
                    if has_spreads(&field.selection_set.node) {
                        return None;
                    }
                } else if field.directives.is_empty() && is_constant(&field.selection_set.node) {
                    let selected = replace(&mut field.selection_set.node, type_name(place));
                    left_out.push(LeftOut { place, selected, plan: OnceLock::new() });
                } else {
                    return None;
                }
            }
        }
        if !has_a_place_each(document) {
            return None;
        }
        let mut fragments = document.fragments.values();
        let are_constant = fragments.all(|fragment| {
            fragment.node.directives.is_empty() && is_constant(&fragment.node.selection_set.node)
        });
        let document = ExecutableDocument { operations, fragments: HashMap::new() };
        are_constant.then_some(Self { document, left_out })
    }
}

/// Whether no two fields are at the same place, as they may be where lines end in a carriage return alone.
fn has_a_place_each(document: &ExecutableDocument) -> bool {
    fn visit(set: &SelectionSet, places: &mut HashSet<(usize, usize)>) -> bool {
        set.items.iter().all(|selection| match &selection.node {
            Selection::Field(field) => {
                places.insert((field.pos.line, field.pos.column))
                    && visit(&field.node.selection_set.node, places)
            }
            Selection::InlineFragment(fragment) => visit(&fragment.node.selection_set.node, places),
            Selection::FragmentSpread(_) => true,
        })
    }
    let mut places = HashSet::new();
    document.operations.iter().all(|(_, one)| visit(&one.node.selection_set.node, &mut places))
        && document.fragments.values().all(|one| visit(&one.node.selection_set.node, &mut places))
}

/// What may be selected of everything.
fn type_name(at: Pos) -> SelectionSet {
    let field = Field {
        alias: None,
        name: Positioned::new(Name::new("__typename"), at),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::default(),
    };
    SelectionSet { items: vec![Positioned::new(Selection::Field(Positioned::new(field, at)), at)] }
}

/// Whether fragments are spread in it.
fn has_spreads(set: &SelectionSet) -> bool {
    set.items.iter().any(|selection| match &selection.node {
        Selection::Field(field) => has_spreads(&field.node.selection_set.node),
        Selection::InlineFragment(fragment) => has_spreads(&fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => true,
    })
}

/// Whether it selects the same whatever the variables are.
fn is_constant(set: &SelectionSet) -> bool {
    set.items.iter().all(|selection| match &selection.node {
        Selection::Field(field) => {
            let field = &field.node;
            field.arguments.is_empty()
                && field.directives.is_empty()
                && is_constant(&field.selection_set.node)
        }
        Selection::InlineFragment(fragment) => {
            fragment.node.directives.is_empty() && is_constant(&fragment.node.selection_set.node)
        }
        Selection::FragmentSpread(spread) => spread.node.directives.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn what_portals_ask_for_is_carried_out_in_outline() {
        for (text, expected) in [
            (
                "query q($id: UUID!) { dialogById(dialogId: $id) { dialog { id ...a } errors { message } } } fragment a on Dialog { org }",
                Some(1),
            ),
            (
                "{ a: searchDialogs(input: {}) { items { id } other: items { org } hasNextPage } dialogById(dialogId: 1) { dialog { id } } }",
                Some(3),
            ),
            ("{ searchDialogs(input: {}) { hasNextPage } }", Some(0)),
            ("{ searchDialogs(input: {}) { items { id @skip(if: $a) } } }", None),
            ("{ searchDialogs(input: {}) { items @skip(if: $a) { id } } }", None),
            ("{ searchDialogs(input: {}) { items { id(a: $a) } } }", None),
            (
                "{ searchDialogs(input: {}) { items { ...a } } } fragment a on SearchDialog { id @skip(if: $a) }",
                None,
            ),
            (
                "{ searchDialogs(input: {}) { ...a } } fragment a on SearchDialogsPayload { items { id } }",
                None,
            ),
            (
                "{ searchDialogs(input: {}) { items { id } errors { ...a } } } fragment a on SearchDialogError { message }",
                None,
            ),
            ("{ searchDialogs(input: {}) @skip(if: $a) { items { id } } }", None),
            ("{ ... { searchDialogs(input: {}) { items { id } } } }", None),
            ("{ limits { __typename } }", None),
            // The parser counts no line here.
            (
                "{ d: dialogById(dialogId: 1) {\rdialog { org } }\re: dialogById(dialogId: 1) {\rdialog { id } } }",
                None,
            ),
            ("{ searchDialogs(input: {}) {\r\nitems {\r\nid\r\norg } } }", Some(1)),
            ("mutation { dialogById(dialogId: 1) { dialog { id } } }", None),
            ("query a { limits { __typename } } query b { limits { __typename } }", None),
        ] {
            let known = Known::new(parse_query(text).unwrap());
            assert_eq!(known.outline.map(|outline| outline.left_out.len()), expected, "{text}");
        }
    }
}
