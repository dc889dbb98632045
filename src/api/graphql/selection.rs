//! What is selected below a field, filled in at once.
//!
//! The library resolves every field of every object as a future of its own, and makes a tree of values
//! that is written when it is whole. Of dialogs, which are there as a whole, that would cost more than
//! everything else about an answer: so for each type a plan is made of what is selected, which then holds
//! for all objects of a list, and by which they are written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextBase, ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value,
};

use super::known::Known;
use super::shape::{Id, Of, Url};
use crate::timestamp::Timestamp;

/// Bytes of a dialog, or of a page of dialogs, as it is usually shown.
const USUAL_BYTES: usize = 8 * 1024;

/// Fragments by name.
type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// What is selected of objects of one type, by all fields with one key together.
pub(super) struct Selected<'a> {
    sets: Vec<&'a SelectionSet>,
    fragments: &'a Fragments,
    known: Option<&'a Known>,
}

impl<'a> Selected<'a> {
    /// Below the field that is resolved.
    pub fn of(ctx: &Context<'a>) -> Self {
        Self::new(known(ctx), &ctx.query_env.fragments, ctx.item)
    }

    fn new(known: Option<&'a Known>, fragments: &'a Fragments, field: &'a Positioned<Field>) -> Self {
        let fragments = known.map_or(fragments, Known::fragments);
        let mut selected = Self { sets: Vec::new(), fragments, known };
        selected.add(field);
        selected
    }

    fn add(&mut self, field: &'a Positioned<Field>) {
        // Of a document that is carried out in outline it is kept elsewhere.
        let kept = self.known.and_then(|known| known.left_out(field.pos));
        self.sets.push(kept.unwrap_or(&field.node.selection_set.node));
    }

    /// Whether a field is selected, under whatever key.
    pub fn asks_for(&self, name: &str) -> bool {
        !self.field(name).sets.is_empty()
    }

    /// What is selected below a field, under whatever key.
    pub fn field(&self, name: &str) -> Self {
        let mut below = Self { sets: Vec::new(), ..*self };
        self.for_each(None, &mut |field| {
            if field.node.name.node == name {
                below.add(field);
            }
        });
        below
    }

    /// The fields in order; of those with the same key the first, with what is selected below all.
    fn fields(&self, of: &str) -> Vec<(&'a Field, Self)> {
        let mut fields: Vec<(&Field, Self)> = Vec::new();
        self.for_each(Some(of), &mut |field| {
            let key = &field.node.response_key().node;
            let place = fields.iter().position(|(other, _)| other.response_key().node == *key);
            let place = place.unwrap_or_else(|| {
                fields.push((&field.node, Self { sets: Vec::new(), ..*self }));
                fields.len() - 1
            });
            fields[place].1.add(field);
        });
        fields
    }

    /// Visits the fields that are selected of objects of a type; of whatever type where that is `None`.
    fn for_each(&self, of: Option<&str>, visit: &mut impl FnMut(&'a Positioned<Field>)) {
        for set in self.sets.iter().copied() {
            self.visit(set, of, visit);
        }
    }

    fn visit(&self, set: &'a SelectionSet, of: Option<&str>, visit: &mut impl FnMut(&'a Positioned<Field>)) {
        for selection in &set.items {
            let (condition, set) = match &selection.node {
                Selection::Field(field) => {
                    visit(field);
                    continue;
                }
                Selection::InlineFragment(fragment) => {
                    (fragment.node.type_condition.as_ref(), &fragment.node.selection_set)
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.fragments.get(&spread.node.fragment_name.node) else {
                        continue;
                    };
                    (Some(&fragment.node.type_condition), &fragment.node.selection_set)
                }
            };
            let condition = condition.map(|condition| condition.node.on.node.as_str());
            if of.is_none() || condition.is_none() || condition == of {
                self.visit(&set.node, of, visit);
            }
        }
    }
}

/// The document, where it is carried out in outline.
fn known<'a, T>(ctx: &ContextBase<'a, T>) -> Option<&'a Known> {
    ctx.data_opt::<Arc<Known>>().map(AsRef::as_ref)
}

/// What can be shown as it is selected. None of its types is an interface.
pub(super) trait Show {
    /// What is to be shown of values of this type.
    type Plan: Send + Sync + 'static;

    /// Makes a plan of what is selected.
    fn plan(selected: &Selected<'_>) -> Self::Plan;

    /// Writes what is selected of this value, as JSON.
    fn show(&self, plan: &Self::Plan, to: &mut Vec<u8>);
}

macro_rules! leaf {
    ($($type:ty: |$value:ident, $to:ident| $shown:expr;)+) => { $(
        impl Show for $type {
            type Plan = ();

            fn plan(_: &Selected<'_>) {}

            fn show(&self, (): &(), $to: &mut Vec<u8>) {
                let $value = self;
                $shown;
            }
        }
    )+ };
}

leaf! {
    String: |text, to| write_text(text, to);
    bool: |value, to| to.extend_from_slice(if *value { b"true" } else { b"false" });
    i32: |number, to| write_plain(*number, to);
    Timestamp: |moment, to| write_quoted(moment, to);
    Id: |id, to| write_quoted(id.0, to);
    Url: |url, to| write_text(url.as_str(), to);
}

/// Writes a text, whatever is in it.
fn write_text(text: &str, to: &mut Vec<u8>) {
    // Only writing can fail, and not into memory.
    let _ = serde_json::to_writer(to, text);
}

fn write_plain(value: impl Display, to: &mut Vec<u8>) {
    let _ = write!(to, "{value}");
}

/// Writes what has no character that would have to be escaped.
pub(super) fn write_quoted(value: impl Display, to: &mut Vec<u8>) {
    let _ = write!(to, "\"{value}\"");
}

impl<T: Show> Show for Option<T> {
    type Plan = T::Plan;

    fn plan(selected: &Selected<'_>) -> T::Plan {
        T::plan(selected)
    }

    fn show(&self, plan: &T::Plan, to: &mut Vec<u8>) {
        match self {
            Some(value) => value.show(plan, to),
            None => to.extend_from_slice(b"null"),
        }
    }
}

impl<T: Show> Show for Vec<T> {
    type Plan = T::Plan;

    fn plan(selected: &Selected<'_>) -> T::Plan {
        T::plan(selected)
    }

    fn show(&self, plan: &T::Plan, to: &mut Vec<u8>) {
        to.push(b'[');
        for (index, value) in self.iter().enumerate() {
            if index > 0 {
                to.push(b',');
            }
            value.show(plan, to);
        }
        to.push(b']');
    }
}

/// Shows one field of an object.
pub(super) type Member<T> = Box<dyn Fn(&T, &mut Vec<u8>) + Send + Sync>;

/// What is to be shown of objects of one type: what is written before a field, and the field.
pub(super) struct ObjectPlan<T>(Vec<(Vec<u8>, Member<T>)>);

impl<T: OutputType + 'static> ObjectPlan<T> {
    /// `member` gives what a field, by its name, stands for, with what is selected below it.
    pub fn new(selected: &Selected<'_>, member: impl Fn(&str, &Selected<'_>) -> Option<Member<T>>) -> Self {
        let of = T::type_name();
        let fields = selected.fields(&of).into_iter().enumerate();
        let members = fields.map(|(index, (field, below))| {
            let shown = member(field.name.node.as_str(), &below).unwrap_or_else(|| {
                // The document is right, so it can be nothing but `__typename`.
                let name = of.clone().into_owned();
                Box::new(move |_, to| write_quoted(&name, to))
            });
            let begin = if index == 0 { '{' } else { ',' };
            (format!("{begin}\"{}\":", field.response_key().node).into_bytes(), shown)
        });
        Self(members.collect())
    }

    /// Writes what is selected of an object.
    pub fn show(&self, object: &T, to: &mut Vec<u8>) {
        for (before, shown) in &self.0 {
            to.extend_from_slice(before);
            shown(object, to);
        }
        to.extend_from_slice(if self.0.is_empty() { b"{}" } else { b"}" });
    }
}

/// What a field stands for.
pub(super) fn member<T: 'static, F: Show + 'static>(
    below: &Selected<'_>,
    get: for<'x> fn(&'x T) -> &'x F,
) -> Member<T> {
    let plan = F::plan(below);
    Box::new(move |object, to| get(object).show(&plan, to))
}

/// Whether a field of the graph is called like a member of an object: `dueAt` like `due_at`.
pub(super) fn is_called(field: &str, member: &str) -> bool {
    let member = member.strip_prefix("r#").unwrap_or(member);
    let mut field = field.bytes();
    let mut begins_word = false;
    for byte in member.bytes() {
        if byte == b'_' {
            begins_word = true;
            continue;
        }
        let expected = if begins_word { byte.to_ascii_uppercase() } else { byte };
        begins_word = false;
        if field.next() != Some(expected) {
            return false;
        }
    }
    field.next().is_none()
}

/// A value that is shown at once: to the library it is bytes, which are the JSON of what is selected.
#[derive(Clone, Debug)]
pub(super) struct Shown<T>(pub T);

impl<V, T: Of<V>> Of<V> for Shown<T> {
    fn of(value: V) -> Self {
        Self(T::of(value))
    }
}

impl<T: OutputType + Show> OutputType for Shown<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        T::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let known = known(ctx);
        let plan = || T::plan(&Selected::new(known, &ctx.query_env.fragments, field));
        let mut json = Vec::with_capacity(USUAL_BYTES);
        match known.and_then(|known| known.plan(field.pos, plan)) {
            Some(plan) => self.0.show(plan, &mut json),
            None => self.0.show(&plan(), &mut json),
        }
        Ok(Value::Binary(json.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_called_like_members_in_their_own_way() {
        for (field, member, expected) in [
            ("dueAt", "due_at", true),
            ("type", "r#type", true),
            ("isSeenByAll", "is_seen_by_all", true),
            ("due_at", "due_at", false),
            ("due", "due_at", false),
            ("dueAtAll", "due_at", false),
            ("dueat", "due_at", false),
        ] {
            assert_eq!(is_called(field, member), expected, "{field} {member}");
        }
    }
}
