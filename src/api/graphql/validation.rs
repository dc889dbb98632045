//! Whether a document fits the graph, and whether variables are what a document says of them (GraphQL,
//! September 2025, sections 5 and 6.1.2).
//!
//! The library that carries documents out does not see all of what may be wrong with them, and begins
//! with one root field before it has read the arguments of the next.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::LazyLock;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection};
use async_graphql::{Pos, ScalarType, ServerError, Variables};
use bluejay_core::definition::{
    EnumTypeDefinition, EnumValueDefinition, FieldDefinition, FieldsDefinition, InputValueDefinition,
    ObjectTypeDefinition, ScalarTypeDefinition, SchemaDefinition as _, TypeDefinitionReference,
};
use bluejay_core::{AsIter, Value, ValueReference};
use bluejay_parser::Error as Described;
use bluejay_parser::ast::definition::{
    Context, CustomScalarTypeDefinition, DefinitionDocument, SchemaDefinition,
};
use bluejay_parser::ast::{Parse, ParseOptions, executable};
use bluejay_validator::executable::Cache;
use bluejay_validator::executable::document::{self, BuiltinRulesValidator};
use bluejay_validator::executable::operation::Orchestrator;
use bluejay_validator::executable::operation::analyzers::{VariableValueError, VariableValuesAreValid};
use bluejay_validator::value::input_coercion::{self, CoerceInput};
use bluejay_validator::{Path, PathElement};
use serde_json::Map;

use super::cost::NAME_BYTES;
use super::http::MOST_ERRORS;
use super::merging::merged;
use super::parse;
use super::shape::{Id, Url};
use crate::timestamp::Timestamp;

/// Deepest nesting of a document, in steps of the grammar: more than `cost` lets through.
const DEPTH: usize = 1_000;

/// The graph, as it is published.
static GRAPH: LazyLock<SchemaDefinition<'static, Scalars>> = LazyLock::new(|| {
    static TEXT: LazyLock<String> = LazyLock::new(super::definition);
    static DOCUMENT: LazyLock<DefinitionDocument<'static, Scalars>> = LazyLock::new(|| {
        DefinitionDocument::parse(&TEXT)
            .result
            .unwrap_or_else(|errors| unreachable!("the definition of the graph cannot be read: {errors:?}"))
    });
    SchemaDefinition::try_from(&*DOCUMENT)
        .unwrap_or_else(|errors| unreachable!("the definition of the graph is wrong: {errors:?}"))
});

/// The graph's own scalars.
#[derive(Debug)]
struct Scalars;

impl Context for Scalars {
    fn coerce_custom_scalar_input<const CONST: bool>(
        scalar: &CustomScalarTypeDefinition<Self>,
        value: &impl Value<CONST>,
    ) -> Result<(), Cow<'static, str>> {
        let ValueReference::String(text) = value.as_ref() else { return Err("must be a text.".into()) };
        let value = async_graphql::Value::String(text.to_owned());
        let (is_right, expected) = match ScalarTypeDefinition::name(scalar) {
            "UUID" => (<Id as ScalarType>::parse(value).is_ok(), "must be a UUID."),
            "DateTime" => {
                let moment = <Timestamp as ScalarType>::parse(value);
                (moment.is_ok(), "must be a moment, such as 2030-01-31T12:00:00Z.")
            }
            "URL" => (<Url as ScalarType>::parse(value).is_ok(), "must be a URI."),
            _ => (true, ""),
        };
        if is_right { Ok(()) } else { Err(expected.into()) }
    }
}

/// A document that was read.
pub(super) struct Read<'a> {
    text: &'a str,
    document: executable::ExecutableDocument<'a>,
}

impl<'a> Read<'a> {
    /// Reads a document.
    ///
    /// # Errors
    /// Why it is none.
    pub fn new(text: &'a str) -> Result<Self, Vec<ServerError>> {
        let options = ParseOptions { graphql_ruby_compatibility: false, max_depth: DEPTH, max_tokens: None };
        let document = executable::ExecutableDocument::parse_with_options(text, options).result;
        let document = document.map_err(|errors| {
            errors.into_iter().take(MOST_ERRORS).map(|error| told(text, error)).collect::<Vec<_>>()
        })?;
        Ok(Self { text, document })
    }

    /// It as it can be carried out.
    pub fn document(&self) -> ExecutableDocument {
        parse::document(self.text, &self.document)
    }

    /// Looks whether it fits the graph.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn check(&self) -> Result<(), Vec<ServerError>> {
        let cache = Cache::new(&self.document, &*GRAPH);
        let errors = BuiltinRulesValidator::validate(&self.document, &*GRAPH, &cache);
        // Whether a subscription has one field is looked at where that field is taken.
        let errors =
            errors.filter(|error| !matches!(error, document::Error::SubscriptionRootNotSingleField { .. }));
        let errors = errors.take(MOST_ERRORS).map(|error| {
            let own = match &error {
                document::Error::InvalidConstValue(error) => Some(sentence("", error)),
                document::Error::InvalidVariableValue(error) => Some(sentence("", error)),
                _ => None,
            };
            let told = told(self.text, Described::from(error));
            ServerError { message: own.unwrap_or(told.message), ..told }
        });
        let errors: Vec<_> = errors.collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// Looks whether the arguments of fields of the root are right with these variables: one that is null may
/// stand where its default would be right, and null is not.
///
/// # Errors
/// All that is wrong with them.
pub(super) fn check_arguments(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<(), Vec<ServerError>> {
    let root = match operation.ty {
        OperationType::Query => Some(GRAPH.query()),
        OperationType::Mutation => GRAPH.mutation(),
        OperationType::Subscription => GRAPH.subscription(),
    };
    let Some(root) = root else { return Ok(()) };
    let mut errors = Vec::new();
    for selection in &merged(document, operation, variables).operation.selection_set.node.items {
        let Selection::Field(field) = &selection.node else { continue };
        let definition = root.fields_definition().get(field.node.name.node.as_str());
        let definitions = definition.and_then(FieldDefinition::arguments_definition);
        for (name, value) in &field.node.arguments {
            let name = name.node.as_str();
            let definition = definitions.and_then(|all| all.iter().find(|one| one.name() == name));
            let given = |variable: async_graphql::Name| {
                Ok::<_, ()>(variables.get(&variable).cloned().unwrap_or_default())
            };
            let value =
                value.node.clone().into_const_with(given).ok().and_then(|value| value.into_json().ok());
            let (Some(definition), Some(value)) = (definition, value) else { continue };
            if let Err(wrong) = GRAPH.coerce_const_value(definition.r#type(), &value, Path::new(name)) {
                let place = Some(field.pos);
                errors.extend(wrong.iter().map(|error| ServerError::new(sentence("", error), place)));
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// What is wrong, with where it is.
fn told(text: &str, error: Described) -> ServerError {
    let mut told = ServerError::new(error.message(), None);
    let places = Described::into_graphql_errors(text, [error]).into_iter().flat_map(|place| place.locations);
    told.locations = places.map(|place| Pos { line: place.line, column: place.col }).collect();
    told
}

/// Looks whether variables are what an operation says of them.
///
/// # Errors
/// All that is wrong with them.
pub(super) fn check_variables(
    operation: &OperationDefinition,
    values: &Map<String, serde_json::Value>,
) -> Result<(), Vec<ServerError>> {
    if operation.variable_definitions.is_empty() {
        return Ok(());
    }
    let mut header = String::from("query(");
    for definition in &operation.variable_definitions {
        let definition = &definition.node;
        let _ = write!(header, "${}: {}", definition.name.node, definition.var_type.node);
        header.push_str(if definition.default_value.is_some() { " = null " } else { " " });
    }
    header.push_str(") { __typename }");
    // One that cannot be read is wrong in the document, too.
    let Ok(document) = executable::ExecutableDocument::parse(&header).result else { return Ok(()) };
    let cache = Cache::new(&document, &*GRAPH);
    let errors = Orchestrator::<_, _, _, VariableValuesAreValid<_, _, _>>::analyze(
        &document,
        &*GRAPH,
        None,
        values,
        &cache,
        (),
    );
    let mut texts = Vec::new();
    for error in errors.into_iter().flatten() {
        match error {
            VariableValueError::MissingValue { variable_definition } => {
                texts.push(format!("${} is required.", variable_definition.variable().name()));
            }
            VariableValueError::InvalidValue { variable_definition, errors, .. } => {
                let root = format!("${}", variable_definition.variable().name());
                texts.extend(errors.iter().map(|error| sentence(&root, error)));
            }
            // The specification lets clients send more than is asked for.
            VariableValueError::UnusedValue { .. } => {}
        }
    }
    texts.truncate(MOST_ERRORS);
    if texts.is_empty() {
        return Ok(());
    }
    Err(texts.into_iter().map(|text| ServerError::new(text, None)).collect())
}

/// What is wrong with a value, in a sentence; `root` is what the whole value is called.
fn sentence<const CONST: bool, V: Value<CONST>>(
    root: &str,
    error: &input_coercion::Error<'_, CONST, V>,
) -> String {
    use input_coercion::Error;
    let at = |path: &Path<'_>| {
        let mut at = root.to_owned();
        for element in path.to_vec::<PathElement<'_>>() {
            match element {
                PathElement::Key(key) => {
                    at.push_str(if at.is_empty() { "" } else { "." });
                    at.extend(key.chars().take(NAME_BYTES));
                }
                PathElement::Index(index) => {
                    let _ = write!(at, "[{index}]");
                }
            }
        }
        if at.is_empty() { "The value".to_owned() } else { at }
    };
    match error {
        Error::NullValueForRequiredType { path, .. } => format!("{} must not be null.", at(path)),
        Error::NoImplicitConversion { path, input_type_name, .. } => {
            format!("{} must be of type {input_type_name}.", at(path))
        }
        Error::IntegerOutOfRange { path, .. } => {
            format!("{} must be a whole number between {} and {}.", at(path), i32::MIN, i32::MAX)
        }
        Error::NoEnumMemberWithName { path, enum_type_name, .. } => {
            format!("{} must be one of {}.", at(path), members(enum_type_name))
        }
        Error::NoValueForRequiredFields { path, field_names, .. } => {
            let names: Vec<String> = field_names.iter().map(|name| at(&path.push(*name))).collect();
            let verb = if names.len() == 1 { "is" } else { "are" };
            format!("{} {verb} required.", names.join(", "))
        }
        Error::NoInputFieldWithName { path, input_object_type_name, .. } => {
            format!("{} is no member of {input_object_type_name}.", at(path))
        }
        Error::CustomScalarInvalidValue { path, message, .. } => format!("{} {message}", at(path)),
        Error::NonUniqueFieldNames { path, field_name, .. } => {
            format!("{} is there more than once.", at(&path.push(*field_name)))
        }
        Error::NonFiniteFloat { path, .. } => format!("{} must be a finite number.", at(path)),
    }
}

/// The members of an enumeration.
fn members(name: &str) -> String {
    let Some(TypeDefinitionReference::Enum(definition)) = GRAPH.get_type_definition(name) else {
        return name.to_owned();
    };
    let names: Vec<&str> =
        definition.enum_value_definitions().iter().map(EnumValueDefinition::name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is said about a document.
    fn said(text: &str) -> Vec<String> {
        let errors = Read::new(text).and_then(|read| read.check()).err().unwrap_or_default();
        errors.into_iter().map(|error| error.message).collect()
    }

    #[test]
    fn documents_that_fit_are_right() {
        for text in [
            "{ __typename limits { endUserSearch { maxPartyFilterValues } } }",
            "query a($id: UUID!) { dialogById(dialogId: $id) { dialog { id } } }",
            "query a($id: UUID! = \"01923ab1-8eb9-7ae6-9c80-5d8ebd4a3bf1\") { dialogById(dialogId: $id) { dialog { id } } }",
            "query a($limit: Int) { searchDialogs(input: {limit: $limit, status: DRAFT}) { items { id id } } }",
            "query a($party: [String!]) { searchDialogs(input: {party: $party}) { items { ...a } } } fragment a on SearchDialog { id ... on SearchDialog { org } }",
            "query a($all: Boolean! = true) { dialogById(dialogId: \"01923ab18eb97ae69c805d8ebd4a3bf1\") { errors { __typename ... on DialogByIdExpired { expiredAt } } dialog @skip(if: $all) { id } } }",
            "{ __schema { types { fields(includeDeprecated: true) { name } } } __type(name: \"Dialog\") { name } }",
            "query a { limits { __typename } } query b { limits { __typename } }",
            "mutation { a: setSystemLabel(input: {dialogId: \"01923ab1-8eb9-7ae6-9c80-5d8ebd4a3bf1\", addLabels: [BIN], removeLabels: []}) { success } }",
            "subscription { dialogEvents(dialogId: \"01923ab1-8eb9-7ae6-9c80-5d8ebd4a3bf1\") { id type } }",
            "subscription { dialogEvents(dialogId: \"01923ab1-8eb9-7ae6-9c80-5d8ebd4a3bf1\") { id } dialogEvents(dialogId: \"01923ab1-8eb9-7ae6-9c80-5d8ebd4a3bf1\") { type } }",
        ] {
            assert_eq!(said(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn documents_that_do_not_fit_are_refused_with_all_that_is_wrong() {
        const SEARCH: &str = "{ items { id } }";
        for (text, expected) in [
            ("{ nothing limits { nothing } }".to_owned(), 2),
            ("{ limits }".to_owned(), 1),
            ("{ limits { endUserSearch { maxPartyFilterValues { id } } } }".to_owned(), 1),
            ("{ dialogById { dialog { id } } }".to_owned(), 1),
            ("{ limits(a: 1) { __typename } }".to_owned(), 1),
            ("{ limits @nothing { __typename } }".to_owned(), 1),
            ("query @skip(if: true) { limits { __typename } }".to_owned(), 1),
            ("query a { limits { __typename } } { limits { __typename } }".to_owned(), 1),
            ("query a { limits { __typename } } query a { limits { __typename } }".to_owned(), 1),
            ("{ ...a }".to_owned(), 1),
            ("{ limits { ...a } } fragment a on Limits { ...a }".to_owned(), 1),
            ("{ limits { __typename } } fragment a on Limits { __typename }".to_owned(), 1),
            ("{ limits { ... on Dialog { id } } }".to_owned(), 1),
            ("{ limits { ... on Nothing { id } } }".to_owned(), 1),
            ("query a($a: Int) { limits { __typename } }".to_owned(), 1),
            ("query a($a: Dialog) { limits { __typename } }".to_owned(), 2),
            (format!("{{ searchDialogs(input: {{limit: $a}}) {SEARCH} }}"), 1),
            // A variable where its type does not fit.
            (format!("query a($a: String) {{ searchDialogs(input: {{limit: $a}}) {SEARCH} }}"), 1),
            (format!("query a($a: [String]) {{ searchDialogs(input: {{party: $a}}) {SEARCH} }}"), 1),
            ("query a($a: UUID) { dialogById(dialogId: $a) { dialog { id } } }".to_owned(), 1),
            ("query a($a: Boolean) { limits @skip(if: $a) { __typename } }".to_owned(), 1),
            (format!("query a($a: Int = \"1\") {{ searchDialogs(input: {{limit: $a}}) {SEARCH} }}"), 1),
            // Values that are none of their type.
            (
                format!(
                    "{{ searchDialogs(input: {{limit: \"1\", org: 1, search: null, status: \"DRAFT\"}}) {SEARCH} }}"
                ),
                3,
            ),
            (
                format!(
                    "{{ searchDialogs(input: {{limit: 3000000000, dueAfter: \"now\", a: 1, limit: 1}}) {SEARCH} }}"
                ),
                4,
            ),
            ("{ dialogById(dialogId: \"1\") { dialog { id } } }".to_owned(), 1),
            // Fields that have one key, and are not one.
            (
                "{ limits { a: endUserSearch { __typename } a: serviceOwnerSearch { __typename } } }"
                    .to_owned(),
                1,
            ),
            (
                format!(
                    "{{ a: searchDialogs(input: {{limit: 1}}) {SEARCH} ...b }} fragment b on Queries {{ a: searchDialogs(input: {{limit: 2}}) {SEARCH} }}"
                ),
                1,
            ),
            (
                "{ searchDialogs(input: {}) { ...a ...b } } \
                 fragment a on SearchDialogsPayload { items { a: id } } \
                 fragment b on SearchDialogsPayload { items { a: org } }"
                    .to_owned(),
                2,
            ),
        ] {
            let said = said(&text);
            assert_eq!(said.len(), expected, "{text}: {said:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let errors = Read::new("{\n  limits { none }\n}").and_then(|read| read.check()).unwrap_err();
        let [error] = &errors[..] else { panic!("{errors:?}") };
        assert_eq!(error.locations, [Pos { line: 2, column: 12 }]);
        for (text, expected) in [
            ("{ dialogById(dialogId: \"1\") { errors { message } } }", "The value must be a UUID."),
            (
                "{ searchDialogs(input: {orderBy: [{dueAt: UP}]}) { hasNextPage } }",
                "orderBy[0].dueAt must be one of ASC, DESC.",
            ),
            (
                "mutation { setSystemLabel(input: {}) { success } }",
                "dialogId, addLabels, removeLabels are required.",
            ),
        ] {
            assert_eq!(said(text), [expected]);
        }
    }

    #[test]
    fn variables_are_what_the_operation_says() {
        const OF_SEARCH: &str =
            "query a($input: SearchDialogInput!) { searchDialogs(input: $input) { hasNextPage } }";
        const OF_DIALOG: &str = "query a($id: UUID!) { dialogById(dialogId: $id) { errors { message } } }";
        const WITH_DEFAULT: &str =
            "query a($skip: Boolean! = true) { limits @skip(if: $skip) { __typename } }";
        for (text, values, expected) in [
            (OF_DIALOG, json!({"id": "01923ab1-8eb9-7ae6-9c80-5d8ebd4a3bf1", "more": 1}), &[][..]),
            (OF_DIALOG, json!({}), &["$id is required."]),
            (OF_DIALOG, json!({"id": null}), &["$id must not be null."]),
            (OF_DIALOG, json!({"id": "1"}), &["$id must be a UUID."]),
            (OF_DIALOG, json!({"id": 1}), &["$id must be a text."]),
            (WITH_DEFAULT, json!({}), &[]),
            (WITH_DEFAULT, json!({"skip": null}), &["$skip must not be null."]),
            (
                OF_SEARCH,
                json!({"input": {"party": "a", "status": ["DRAFT"], "limit": 1, "dueAfter": "2030-01-31T12:00:00Z"}}),
                &[],
            ),
            (OF_SEARCH, json!({"input": []}), &["$input must be of type SearchDialogInput!."]),
            (
                OF_SEARCH,
                json!({"input": {"limit": "1", "party": ["a", null], "status": "NEW", "dueAfter": "x", "none": 1}}),
                &[
                    "$input.none is no member of SearchDialogInput.",
                    "$input.party[1] must not be null.",
                    "$input.status must be one of IN_PROGRESS, DRAFT, AWAITING, REQUIRES_ATTENTION, COMPLETED, NOT_APPLICABLE.",
                    "$input.limit must be of type Int.",
                    "$input.dueAfter must be a moment, such as 2030-01-31T12:00:00Z.",
                ],
            ),
            (
                OF_SEARCH,
                json!({"input": {"limit": 3_000_000_000_u32}}),
                &["$input.limit must be a whole number between -2147483648 and 2147483647."],
            ),
        ] {
            let document = Read::new(text).unwrap().document();
            let (_, operation) = document.operations.iter().next().unwrap();
            let errors =
                check_variables(&operation.node, values.as_object().unwrap()).err().unwrap_or_default();
            let mut said: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
            let mut expected = expected.to_vec();
            said.sort_unstable();
            expected.sort_unstable();
            assert_eq!(said, expected, "{text} {values}");
        }
    }
}
