//! Documents that have been carried out before: clients have a few, which they send again and again with
//! other variables.
//!
//! That a document is right does not depend on variables. So one that was found to be right is neither
//! parsed nor validated again, and, where nothing in it depends on variables but the arguments of root
//! fields, it is resolved in *outline*: what is selected of dialogs is left out, and filled in by
//! [`selection`](super::selection).

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::mem::replace;
use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, OperationDefinition,
    OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned, Request, Variables};
use async_graphql_value::Value;
use moka::sync::Cache;

use super::merging::{Merged, merged};

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
    used: Used,
    /// How it is carried out, where that depends on variables no more than arguments do.
    plan: OnceLock<Plan>,
}

/// What variables stand for.
#[derive(Default)]
struct Used {
    /// Whole arguments.
    arguments: HashSet<Name>,
    /// Whether something is there.
    conditions: HashSet<Name>,
}

/// A field of the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Root {
    /// What it is called in the answer.
    pub key: Name,
    /// Whether it tells about the schema.
    pub is_about_schema: bool,
}

/// How an operation is carried out.
struct Plan {
    /// It alone, with what it needs.
    document: ExecutableDocument,
    roots: Arc<[Root]>,
    /// What is left out of the document, if it is an outline.
    left_out: Option<Vec<LeftOut>>,
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
        let mut used = Used::default();
        let operations = document.operations.iter().map(|(_, one)| &one.node.selection_set.node);
        let fragments = document.fragments.values().map(|one| &one.node.selection_set.node);
        operations.chain(fragments).for_each(|set| used.add(set));
        Self { document, used, plan: OnceLock::new() }
    }

    /// All of it.
    pub fn all(&self) -> &ExecutableDocument {
        &self.document
    }

    /// Whether one of these variables decides whether something is there.
    pub fn is_condition(&self, variable: &Name) -> bool {
        self.used.conditions.contains(variable)
    }

    /// A request to carry out one of its operations, and the fields of the root in the order of the answer.
    pub fn request(
        self: &Arc<Self>,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> (Request, Arc<[Root]>) {
        let lacks_arguments = self.used.arguments.iter().any(|name| !variables.contains_key(name));
        if let Some(plan) = self.plan.get().filter(|_| !lacks_arguments) {
            return self.request_of(plan);
        }
        let Merged { mut operation, depends_on_variables } = merged(&self.document, operation, variables);
        if !depends_on_variables && !lacks_arguments && self.document.operations.iter().len() == 1 {
            return self.request_of(self.plan.get_or_init(|| Plan::new(&self.document, operation)));
        }
        let mut fragments = self.document.fragments.clone();
        if lacks_arguments {
            leave_out_arguments(&mut operation.selection_set.node, variables);
            for fragment in fragments.values_mut() {
                leave_out_arguments(&mut fragment.node.selection_set.node, variables);
            }
        }
        self.request_of(&Plan::whole(operation, fragments))
    }

    fn request_of(self: &Arc<Self>, plan: &Plan) -> (Request, Arc<[Root]>) {
        let mut request = Request::new("");
        request.set_parsed_query(plan.document.clone());
        if plan.left_out.is_some() {
            request = request.data(Arc::clone(self));
        }
        (request, Arc::clone(&plan.roots))
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
        self.plan.get()?.left_out.as_ref()?.iter().find(|left_out| left_out.place == field)
    }
}

impl Used {
    fn add(&mut self, set: &SelectionSet) {
        for selection in &set.items {
            for Directive { arguments, .. } in selection.node.directives().iter().map(|one| &one.node) {
                self.conditions.extend(variables(arguments));
            }
            match &selection.node {
                Selection::Field(field) => {
                    self.arguments.extend(variables(&field.node.arguments));
                    self.add(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => self.add(&fragment.node.selection_set.node),
                Selection::FragmentSpread(_) => {}
            }
        }
    }
}

/// Arguments by name.
type Arguments = Vec<(Positioned<Name>, Positioned<Value>)>;

/// The variables that stand for one of these as a whole.
fn variables(arguments: &Arguments) -> impl Iterator<Item = Name> {
    arguments.iter().filter_map(|(_, value)| match &value.node {
        Value::Variable(name) => Some(name.clone()),
        _ => None,
    })
}

/// Leaves out the arguments that variables without a value stand for: their defaults are what counts then
/// (GraphQL, September 2025, section 6.4.1).
fn leave_out_arguments(set: &mut SelectionSet, variables: &Variables) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                field.node.arguments.retain(|(_, value)| {
                    !matches!(&value.node, Value::Variable(name) if !variables.contains_key(name))
                });
                leave_out_arguments(&mut field.node.selection_set.node, variables);
            }
            Selection::InlineFragment(fragment) => {
                leave_out_arguments(&mut fragment.node.selection_set.node, variables);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

impl Plan {
    /// The operation in outline if it can be.
    fn new(document: &ExecutableDocument, operation: OperationDefinition) -> Self {
        match outline(document, &operation) {
            Some((operation, left_out)) => {
                Self { left_out: Some(left_out), ..Self::whole(operation, HashMap::new()) }
            }
            None => Self::whole(operation, document.fragments.clone()),
        }
    }

    fn whole(
        operation: OperationDefinition,
        fragments: HashMap<Name, Positioned<FragmentDefinition>>,
    ) -> Self {
        let roots = operation.selection_set.node.items.iter().filter_map(|selection| match &selection.node {
            Selection::Field(field) => Some(Root {
                key: field.node.response_key().node.clone(),
                is_about_schema: field.node.name.node.starts_with("__"),
            }),
            _ => None,
        });
        let roots = roots.collect();
        let operations = DocumentOperations::Single(Positioned::new(operation, Pos::default()));
        Self { document: ExecutableDocument { operations, fragments }, roots, left_out: None }
    }
}

/// An operation whose fields are put together, without what is selected of dialogs. `None` for one that asks
/// for something else than dialogs, or in other ways than portals do.
fn outline(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) -> Option<(OperationDefinition, Vec<LeftOut>)> {
    let mut operation = operation.clone();
    if operation.ty != OperationType::Query {
        return None;
    }
    let mut left_out = Vec::new();
    for root in &mut operation.selection_set.node.items {
        let Selection::Field(root) = &mut root.node else { return None };
        let root = &mut root.node;
        let (_, name) = LEFT_OUT.iter().find(|(name, _)| root.name.node == *name)?;
        for field in &mut root.selection_set.node.items {
            let Selection::Field(field) = &mut field.node else { return None };
            if field.node.name.node != *name {
                if has_spreads(&field.node.selection_set.node) {
                    return None;
                }
            } else if is_constant(&field.node.selection_set.node) {
                // Lines begin with 1, so this is the place of nothing else: a fragment may be spread twice.
                let place = Pos { line: 0, column: left_out.len() };
                field.pos = place;
                let selected = replace(&mut field.node.selection_set.node, type_name(place));
                left_out.push(LeftOut { place, selected, plan: OnceLock::new() });
            } else {
                return None;
            }
        }
    }
    let mut fragments = document.fragments.values();
    fragments.all(|fragment| is_constant(&fragment.node.selection_set.node)).then_some((operation, left_out))
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
    set.items.iter().all(|selection| {
        selection.node.directives().is_empty()
            && match &selection.node {
                Selection::Field(field) => {
                    field.node.arguments.is_empty() && is_constant(&field.node.selection_set.node)
                }
                Selection::InlineFragment(fragment) => is_constant(&fragment.node.selection_set.node),
                Selection::FragmentSpread(_) => true,
            }
    })
}

#[cfg(test)]
mod tests {
    use super::super::validation::Read;
    use super::*;

    fn known(text: &str) -> Arc<Known> {
        Arc::new(Known::new(Read::new(text).unwrap().document()))
    }

    fn requested(known: &Arc<Known>, variables: &serde_json::Value) -> (ExecutableDocument, Vec<String>) {
        let (_, operation) = known.document.operations.iter().next().unwrap();
        let (mut request, roots) = known.request(&operation.node, &Variables::from_json(variables.clone()));
        let document = request.parsed_query().unwrap().clone();
        (document, roots.iter().map(|root| root.key.to_string()).collect())
    }

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
            (
                "{ searchDialogs(input: {}) { items { id } } ... { searchDialogs(input: {}) { items { org } } } }",
                Some(1),
            ),
            (
                "{ searchDialogs(input: {}) { ...a } } fragment a on SearchDialogsPayload { items { id } }",
                Some(1),
            ),
            (
                "{ a: searchDialogs(input: {}) { ...a } b: searchDialogs(input: {}) { ...a items { org } } } fragment a on SearchDialogsPayload { items { id } }",
                Some(2),
            ),
            ("{ searchDialogs(input: {}) { items { id @skip(if: true) } } }", None),
            ("query($a: Boolean!) { searchDialogs(input: {}) { items @skip(if: $a) { id } } }", None),
            ("query($a: Boolean!) { searchDialogs(input: {}) @skip(if: $a) { items { id } } }", None),
            ("query($a: UUID) { dialogById(dialogId: $a) { dialog { id } } }", None),
            ("{ searchDialogs(input: {}) { items { id(a: 1) } } }", None),
            (
                "{ searchDialogs(input: {}) { items { ...a } } } fragment a on SearchDialog { id @skip(if: true) }",
                None,
            ),
            (
                "{ searchDialogs(input: {}) { items { id } errors { ...a } } } fragment a on SearchDialogError { message }",
                None,
            ),
            ("{ limits { __typename } }", None),
            ("mutation { dialogById(dialogId: 1) { dialog { id } } }", None),
            ("query a { limits { __typename } } query b { limits { __typename } }", None),
        ] {
            let known = known(text);
            let variables =
                if text.contains("$id") { serde_json::json!({ "id": "1" }) } else { serde_json::json!({}) };
            requested(&known, &variables);
            let left_out = known.plan.get().and_then(|plan| plan.left_out.as_ref()).map(Vec::len);
            assert_eq!(left_out, expected, "{text}");
        }
    }

    #[test]
    fn what_is_left_out_is_kept_for_each_field_by_itself() {
        let known = known(
            "{ a: searchDialogs(input: {}) { ...a } b: searchDialogs(input: {}) { ...a items { org } } } \
             fragment a on SearchDialogsPayload { items { id } }",
        );
        requested(&known, &serde_json::json!({}));
        let left_out = known.plan.get().unwrap().left_out.as_ref().unwrap();
        let counts: Vec<usize> = left_out.iter().map(|one| one.selected.items.len()).collect();
        assert_eq!(counts, [1, 2]);
        assert_ne!(left_out[0].place, left_out[1].place);
    }

    #[test]
    fn fields_with_one_key_are_one_field() {
        let known = known(
            "query($no: Boolean!, $x: Boolean) { a: limits @skip(if: $no) { __typename } b: parties(includeDeleted: $x) { party } \
             ... @include(if: true) { a: limits { endUserSearch { a } ...c } } } \
             fragment c on Limits { endUserSearch { b } }",
        );
        let (document, roots) = requested(&known, &serde_json::json!({ "no": true }));
        assert_eq!(roots, ["b", "a"]);
        let (_, operation) = document.operations.iter().next().unwrap();
        let [b, a] = &operation.node.selection_set.node.items[..] else { panic!() };
        let (Selection::Field(b), Selection::Field(a)) = (&b.node, &a.node) else { panic!() };
        assert!(b.node.arguments.is_empty());
        let [search] = &a.node.selection_set.node.items[..] else { panic!() };
        let Selection::Field(search) = &search.node else { panic!() };
        assert_eq!(search.node.selection_set.node.items.len(), 2);
        let (_, roots) = requested(&known, &serde_json::json!({ "no": false, "x": true }));
        assert_eq!(roots, ["a", "b"]);
    }
}
