//! Documents as the library that carries them out has them, made of what the library that validates them has
//! read: what is carried out is what was validated.

use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use async_graphql::parser::types::{
    BaseType, Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, FragmentSpread,
    InlineFragment, OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeCondition,
    VariableDefinition,
};
use async_graphql::{Name, Number, Pos, Positioned};
use async_graphql_value::Value;
use bluejay_core::executable::{
    Field as _, FragmentDefinition as _, FragmentSpread as _, InlineFragment as _, OperationDefinition as _,
    SelectionReference, VariableType, VariableTypeReference,
};
use bluejay_core::{
    Argument, AsIter, Directive as _, ObjectValue, OperationType as Kind, ValueReference, Variable,
};
use bluejay_parser::HasSpan;
use bluejay_parser::ast::{VariableDirectives, executable};

/// The document with this text that was read.
pub(super) fn document(text: &str, read: &executable::ExecutableDocument<'_>) -> ExecutableDocument {
    let making = Making { text, reached: Cell::new(START) };
    let operations = read.operation_definitions();
    let operations = match operations {
        [operation] if operation.as_ref().name().is_none() => {
            DocumentOperations::Single(making.operation(operation))
        }
        _ => {
            let mut named = HashMap::new();
            for operation in operations {
                insert(
                    &mut named,
                    operation.as_ref().name().unwrap_or_default(),
                    making.operation(operation),
                );
            }
            DocumentOperations::Multiple(named)
        }
    };
    let mut fragments = HashMap::new();
    for fragment in read.fragment_definitions() {
        insert(&mut fragments, fragment.name().as_ref(), making.fragment(fragment));
    }
    ExecutableDocument { operations, fragments }
}

/// Adds what has a name. Where that is taken, which validation refuses, it gets another one, so that what it
/// costs is still counted.
fn insert<T>(named: &mut HashMap<Name, T>, name: &str, value: T) {
    let count = named.len();
    match named.entry(Name::new(name)) {
        Entry::Vacant(entry) => drop(entry.insert(value)),
        Entry::Occupied(_) => drop(named.insert(Name::new(format!("{name} {count}")), value)),
    }
}

/// Where a text begins: bytes before it, line and column.
const START: (usize, Pos) = (0, Pos { line: 1, column: 1 });

struct Making<'a> {
    text: &'a str,
    /// The place that was looked for last: most are asked for in their order.
    reached: Cell<(usize, Pos)>,
}

impl Making<'_> {
    /// Line and column of a byte (GraphQL specification, section 2.1.2).
    fn place(&self, byte: usize) -> Pos {
        let (from, mut pos) = Some(self.reached.get()).filter(|(from, _)| *from <= byte).unwrap_or(START);
        let mut before = self.text[..from].chars().next_back();
        for next in self.text[from..byte].chars() {
            match next {
                '\n' if before == Some('\r') => {}
                '\n' | '\r' => pos = Pos { line: pos.line + 1, column: 1 },
                _ => pos.column += 1,
            }
            before = Some(next);
        }
        self.reached.set((byte, pos));
        pos
    }

    fn place_of(&self, what: &impl HasSpan) -> Pos {
        self.place(what.span().byte_range().start)
    }

    fn operation(&self, read: &executable::OperationDefinition<'_>) -> Positioned<OperationDefinition> {
        let place = self.place_of(read);
        let read = read.as_ref();
        let ty = match read.operation_type() {
            Kind::Query => OperationType::Query,
            Kind::Mutation => OperationType::Mutation,
            Kind::Subscription => OperationType::Subscription,
        };
        let mut variable_definitions = Vec::new();
        for read in each(read.variable_definitions()) {
            let default = read.default_value().and_then(|value| made(value).into_const());
            let variable = VariableDefinition {
                name: Positioned::new(Name::new(read.variable().name()), place),
                var_type: Positioned::new(made_type(read.r#type()), place),
                directives: Vec::new(),
                default_value: default.map(|value| Positioned::new(value, place)),
            };
            variable_definitions.push(Positioned::new(variable, place));
        }
        let operation = OperationDefinition {
            ty,
            variable_definitions,
            directives: directives(read.directives(), place),
            selection_set: self.selection_set(Some(read.selection_set()), place),
        };
        Positioned::new(operation, place)
    }

    fn fragment(&self, read: &executable::FragmentDefinition<'_>) -> Positioned<FragmentDefinition> {
        let place = self.place_of(read);
        let fragment = FragmentDefinition {
            type_condition: condition(
                bluejay_core::executable::FragmentDefinition::type_condition(read),
                place,
            ),
            directives: directives(read.directives(), place),
            selection_set: self.selection_set(Some(read.selection_set()), place),
        };
        Positioned::new(fragment, place)
    }

    fn selection_set(
        &self,
        read: Option<&executable::SelectionSet<'_>>,
        place: Pos,
    ) -> Positioned<SelectionSet> {
        let mut items = Vec::new();
        for selection in each(read) {
            items.push(self.selection(selection));
        }
        Positioned::new(SelectionSet { items }, place)
    }

    fn selection(&self, read: &executable::Selection<'_>) -> Positioned<Selection> {
        match bluejay_core::executable::Selection::as_ref(read) {
            SelectionReference::Field(read) => {
                let place = self.place_of(read);
                let field = Field {
                    alias: read.alias().map(|alias| Positioned::new(Name::new(alias), place)),
                    name: Positioned::new(Name::new(bluejay_core::executable::Field::name(read)), place),
                    arguments: arguments(bluejay_core::executable::Field::arguments(read), place),
                    directives: directives(read.directives(), place),
                    selection_set: self.selection_set(read.selection_set(), place),
                };
                Positioned::new(Selection::Field(Positioned::new(field, place)), place)
            }
            SelectionReference::FragmentSpread(read) => {
                let place = self.place_of(read);
                let name = bluejay_core::executable::FragmentSpread::name(read);
                let spread = FragmentSpread {
                    fragment_name: Positioned::new(Name::new(name), place),
                    directives: directives(read.directives(), place),
                };
                Positioned::new(Selection::FragmentSpread(Positioned::new(spread, place)), place)
            }
            SelectionReference::InlineFragment(read) => {
                let place = self.place_of(read);
                let on = bluejay_core::executable::InlineFragment::type_condition(read);
                let fragment = InlineFragment {
                    type_condition: on.map(|on| condition(on, place)),
                    directives: directives(read.directives(), place),
                    selection_set: self.selection_set(Some(read.selection_set()), place),
                };
                Positioned::new(Selection::InlineFragment(Positioned::new(fragment, place)), place)
            }
        }
    }
}

fn condition(on: &str, place: Pos) -> Positioned<TypeCondition> {
    Positioned::new(TypeCondition { on: Positioned::new(Name::new(on), place) }, place)
}

fn directives(read: Option<&VariableDirectives<'_>>, place: Pos) -> Vec<Positioned<Directive>> {
    let mut directives = Vec::new();
    for read in each(read) {
        let name = Positioned::new(Name::new(read.name()), place);
        let arguments = arguments(read.arguments(), place);
        directives.push(Positioned::new(Directive { name, arguments }, place));
    }
    directives
}

/// All of what may be there.
fn each<A: AsIter>(all: Option<&A>) -> impl Iterator<Item = &A::Item> {
    all.into_iter().flat_map(AsIter::iter)
}

fn arguments<'a, A>(read: Option<&'a A>, place: Pos) -> Vec<(Positioned<Name>, Positioned<Value>)>
where
    A: AsIter,
    A::Item: Argument<false> + 'a,
{
    each(read)
        .map(|read| {
            (Positioned::new(Name::new(read.name()), place), Positioned::new(made(read.value()), place))
        })
        .collect()
}

fn made<const CONST: bool, V: bluejay_core::Value<CONST>>(read: &V) -> Value {
    match read.as_ref() {
        ValueReference::Variable(variable) => Value::Variable(Name::new(variable.name())),
        ValueReference::Integer(number) => {
            let number = number.as_i64().map(Number::from).or_else(|| number.as_u64().map(Number::from));
            // One that is larger is of no type that there is.
            number.map_or(Value::Null, Value::Number)
        }
        ValueReference::Float(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        ValueReference::String(text) => Value::String(text.to_owned()),
        ValueReference::Boolean(value) => Value::Boolean(value),
        ValueReference::Null => Value::Null,
        ValueReference::Enum(name) => Value::Enum(Name::new(name)),
        ValueReference::List(items) => Value::List(items.iter().map(made).collect()),
        ValueReference::Object(members) => Value::Object(
            members.iter().map(|(name, value)| (Name::new(name.as_ref()), made(value))).collect(),
        ),
    }
}

fn made_type(read: &impl VariableType) -> Type {
    match read.as_ref() {
        VariableTypeReference::Named(name, is_required) => {
            Type { base: BaseType::Named(Name::new(name)), nullable: !is_required }
        }
        VariableTypeReference::List(items, is_required) => {
            Type { base: BaseType::List(Box::new(made_type(items))), nullable: !is_required }
        }
    }
}
