//! Fields that are written in several places, and are one (GraphQL, September 2025, section 6.3.2).
//!
//! The library carries out each of them by itself and puts the answers together, which it cannot where an
//! answer is written at once, and must not where a field changes something. So the fields of the root, and
//! those right below, are put together before; what is below them is left as it is: see
//! [`selection`](super::selection).

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Variables};
use async_graphql_value::Value;

/// An operation whose fields are put together.
pub(super) struct Merged {
    pub operation: OperationDefinition,
    /// Whether it would be another one with other variables.
    pub depends_on_variables: bool,
}

/// Puts the fields of an operation together, of a document that is right. None of the types of the root's
/// fields is an interface, so all fragments there are for the one type that there is.
pub(super) fn merged(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
) -> Merged {
    let mut merging = Merging { fragments: &document.fragments, variables, depends: false };
    let mut roots = merging.fields(&operation.selection_set.node);
    for root in &mut roots {
        let below = merging.fields(&root.node.selection_set.node);
        root.node.selection_set.node = set(below);
    }
    let depends_on_variables = merging.depends;
    let mut selection_set = operation.selection_set.clone();
    selection_set.node = set(roots);
    let operation = OperationDefinition {
        ty: operation.ty,
        variable_definitions: operation.variable_definitions.clone(),
        directives: Vec::new(),
        selection_set,
    };
    Merged { operation, depends_on_variables }
}

fn set(fields: Vec<Positioned<Field>>) -> SelectionSet {
    let items = fields.into_iter().map(|field| {
        let place = field.pos;
        Positioned::new(Selection::Field(field), place)
    });
    SelectionSet { items: items.collect() }
}

struct Merging<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    variables: &'a Variables,
    depends: bool,
}

impl Merging<'_> {
    /// The fields of a set, each with all that is selected of it.
    fn fields(&mut self, set: &SelectionSet) -> Vec<Positioned<Field>> {
        let mut fields = Vec::new();
        self.add(set, &mut fields);
        fields
    }

    fn add(&mut self, set: &SelectionSet, fields: &mut Vec<Positioned<Field>>) {
        for selection in &set.items {
            if !self.is_included(selection.node.directives()) {
                continue;
            }
            match &selection.node {
                Selection::Field(field) => {
                    let key = &field.node.response_key().node;
                    match fields.iter_mut().find(|other| other.node.response_key().node == *key) {
                        Some(other) => {
                            let items = field.node.selection_set.node.items.iter().cloned();
                            other.node.selection_set.node.items.extend(items);
                        }
                        None => {
                            let mut field = field.clone();
                            field.node.directives.clear();
                            fields.push(field);
                        }
                    }
                }
                Selection::InlineFragment(fragment) => self.add(&fragment.node.selection_set.node, fields),
                Selection::FragmentSpread(spread) => {
                    let fragments = self.fragments;
                    if let Some(fragment) = fragments.get(&spread.node.fragment_name.node) {
                        self.add(&fragment.node.selection_set.node, fields);
                    }
                }
            }
        }
    }

    /// Whether what has these directives is there (section 3.13).
    fn is_included(&mut self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().all(|directive| {
            let directive = &directive.node;
            let condition = match directive.arguments.first().map(|(_, value)| &value.node) {
                Some(Value::Variable(name)) => {
                    self.depends = true;
                    self.variables.get(name) == Some(&async_graphql::Value::Boolean(true))
                }
                Some(value) => *value == Value::Boolean(true),
                None => return true,
            };
            match directive.name.node.as_str() {
                "skip" => !condition,
                "include" => condition,
                _ => true,
            }
        })
    }
}
