//! What a request may ask for, measured before it is carried out.

use std::collections::HashMap;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, FragmentDefinition, OperationDefinition, Selection,
    SelectionSet,
};
use async_graphql::{Name, Positioned, Value, Variables};
use serde_json::Map;

use super::error::Code;
use crate::api::http::paging;
use crate::app::MOST_COUNTED;

/// Deepest nesting of fields.
pub(super) const DEPTH: usize = 12;
/// Most bytes of a document.
pub(super) const DOCUMENT_BYTES: usize = 100_000;
/// Deepest nesting of braces, brackets and parentheses.
pub(super) const NESTING: usize = 60;
/// Most tokens of a document.
pub(super) const TOKENS: usize = 5_000;
/// Most bytes of a name.
pub(super) const NAME_BYTES: usize = 200;
/// Most bytes of the values of variables, counted wherever these are used.
pub(super) const VALUE_BYTES: usize = 2_000_000;
/// Most lists within lists when it is asked about the schema: what types have leads to other types.
pub(super) const SCHEMA_LISTS: usize = 2;
/// Most values of the variables, with those within lists and objects.
pub(super) const VALUES: usize = 10_000;
/// Most fields of the roots.
pub(super) const ROOT_FIELDS: usize = 10;
/// Most fields that are given another name.
pub(super) const ALIASES: usize = 15;
/// Most fields, with those of fragments as often as they are spread.
pub(super) const FIELDS: usize = 2_000;
/// The same for all operations and fragments of a document together, used or not: so much validation has
/// to look at.
pub(super) const DOCUMENT_FIELDS: usize = 10_000;
/// Most fields of the answer; those of a list of dialogs count for each dialog that is asked for.
pub(super) const ANSWER_FIELDS: usize = 250_000;

/// Refuses variables that have more values than they may, each item of a list and each member counted.
///
/// # Errors
/// They have.
pub(super) fn check_values(variables: &Map<String, serde_json::Value>) -> Result<(), (Code, String)> {
    fn count(value: &serde_json::Value, left: &mut usize) -> Option<()> {
        *left = left.checked_sub(1)?;
        match value {
            serde_json::Value::Array(items) => items.iter().try_for_each(|item| count(item, left)),
            serde_json::Value::Object(members) => members.values().try_for_each(|value| count(value, left)),
            _ => Some(()),
        }
    }
    let mut left = VALUES;
    let counted = variables.values().try_for_each(|value| count(value, &mut left));
    counted.ok_or_else(|| {
        (Code::ComplexityLimit, format!("The variables of a request may have at most {VALUES} values."))
    })
}

/// Refuses a document that is longer, has more tokens or longer names, or nests deeper, than it may, before
/// it is parsed.
///
/// # Errors
/// It is.
pub(super) fn check_text(document: &str) -> Result<(), (Code, String)> {
    if document.len() > DOCUMENT_BYTES {
        let text =
            format!("A document may have at most {DOCUMENT_BYTES} bytes; values are sent in variables.");
        return Err((Code::ComplexityLimit, text));
    }
    let mut nesting = 0_usize;
    for (index, token) in tokens(document).enumerate() {
        if index == TOKENS {
            let text = format!("A document may have at most {TOKENS} tokens.");
            return Err((Code::ComplexityLimit, text));
        }
        // Errors repeat names.
        if token.len() > NAME_BYTES && !token.starts_with('"') {
            let text = format!("A name may have at most {NAME_BYTES} bytes.");
            return Err((Code::ComplexityLimit, text));
        }
        match token {
            "{" | "[" | "(" => nesting += 1,
            "}" | "]" | ")" => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        if nesting > NESTING {
            let text = format!("Braces, brackets and parentheses may be nested at most {NESTING} deep.");
            return Err((Code::DepthLimit, text));
        }
    }
    Ok(())
}

/// The tokens of a document (GraphQL specification, section 2.1). What is none is taken for one.
fn tokens(document: &str) -> impl Iterator<Item = &str> {
    let mut rest = document;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',', '\u{feff}']);
            match rest.strip_prefix('#') {
                Some(comment) => rest = &comment[comment.find(['\r', '\n']).unwrap_or(comment.len())..],
                None => break,
            }
        }
        let is_word = |other: char| other == '_' || other.is_ascii_alphanumeric();
        let length = match rest.chars().next()? {
            '"' => text_length(rest),
            '.' if rest.starts_with("...") => 3,
            '-' | '0'..='9' => rest[1..]
                .find(|other| !is_word(other) && !matches!(other, '.' | '+' | '-'))
                .map_or(rest.len(), |end| end + 1),
            first if is_word(first) => rest.find(|other| !is_word(other)).unwrap_or(rest.len()),
            first => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
}

/// The length of the text in quotes with which `rest` begins.
fn text_length(rest: &str) -> usize {
    const BLOCK: &str = "\"\"\"";
    let quotes = if rest.starts_with(BLOCK) { BLOCK } else { "\"" };
    let mut at = quotes.len();
    while let Some(found) = rest[at..].find(['"', '\\']) {
        at += found;
        if rest[at..].starts_with(quotes) {
            return at + quotes.len();
        }
        let is_escape = rest[at..].starts_with('\\');
        at += 1;
        if is_escape && (quotes != BLOCK || rest[at..].starts_with(BLOCK)) {
            at += rest[at..].chars().take(quotes.len()).map(char::len_utf8).sum::<usize>();
        }
    }
    rest.len()
}

/// Refuses a document that is more work to validate than it may be.
///
/// # Errors
/// It is.
pub(super) fn check_document(document: &ExecutableDocument) -> Result<(), (Code, String)> {
    fn count<'a>(
        document: &'a ExecutableDocument,
        set: &'a SelectionSet,
        within: &mut Vec<&'a Name>,
        left: &mut usize,
    ) -> Option<()> {
        set.items.iter().try_for_each(|selection| {
            *left = left.checked_sub(1)?;
            match &selection.node {
                Selection::Field(field) => count(document, &field.node.selection_set.node, within, left),
                Selection::InlineFragment(fragment) => {
                    count(document, &fragment.node.selection_set.node, within, left)
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let fragment = document.fragments.get(name).filter(|_| !within.contains(&name));
                    let Some(fragment) = fragment else { return Some(()) };
                    within.push(name);
                    let counted = count(document, &fragment.node.selection_set.node, within, left);
                    within.pop();
                    counted
                }
            }
        })
    }
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
    let mut left = DOCUMENT_FIELDS;
    let counted =
        operations.chain(fragments).try_for_each(|set| count(document, set, &mut Vec::new(), &mut left));
    counted.ok_or_else(|| {
        let text = format!(
            "The operations and fragments of a document may have at most {DOCUMENT_FIELDS} fields together, \
             those of fragments counted wherever they are spread."
        );
        (Code::ComplexityLimit, text)
    })
}

/// The operation that is to be carried out.
///
/// # Errors
/// There is none, or it is not clear which one.
pub(super) fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, String> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(&operation.node),
        (DocumentOperations::Single(_), Some(name)) => {
            // The parser keeps no name of a single operation that has none.
            Err(format!("There is no operation {name}."))
        }
        (DocumentOperations::Multiple(operations), Some(name)) => {
            let operation = operations.get(name).ok_or_else(|| format!("There is no operation {name}."))?;
            Ok(&operation.node)
        }
        (DocumentOperations::Multiple(operations), None) => {
            let mut operations = operations.values();
            match (operations.next(), operations.next()) {
                (Some(operation), None) => Ok(&operation.node),
                _ => Err("operationName must say which of the operations is meant.".to_owned()),
            }
        }
    }
}

/// Refuses an operation that asks for more than one request may, or about the graph itself where
/// `introspection` is off.
///
/// # Errors
/// The limit that is exceeded, and by what.
pub(super) fn check(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
    introspection: bool,
) -> Result<(), (Code, String)> {
    let mut count = Count {
        fragments: &document.fragments,
        variables,
        introspection,
        roots: 0,
        aliases: 0,
        fields: 0,
        answer: 0,
        weights: variables.iter().map(|(name, value)| (name, weight(value))).collect(),
        values: 0,
        is_about_schema: false,
        schema_lists: 0,
        operation,
    };
    count.selection(&operation.selection_set.node, 1, 1, &mut Vec::new())?;
    let most = |what: &str, most: usize, found: usize| {
        let text = format!("A request may have at most {most} {what}; this one has {found}.");
        Err((Code::ComplexityLimit, text))
    };
    if count.roots > ROOT_FIELDS {
        return most("root fields", ROOT_FIELDS, count.roots);
    }
    if count.aliases > ALIASES {
        return most("aliases", ALIASES, count.aliases);
    }
    if count.values > VALUE_BYTES {
        let text = format!(
            "The values of variables may have at most {VALUE_BYTES} bytes, counted wherever they are used."
        );
        return Err((Code::ComplexityLimit, text));
    }
    if count.answer > ANSWER_FIELDS {
        let text = format!(
            "A request may ask for at most {ANSWER_FIELDS} fields, those of a list of dialogs counted for each \
             of `limit` dialogs; this one asks for {}.",
            count.answer
        );
        return Err((Code::ComplexityLimit, text));
    }
    Ok(())
}

/// About how many bytes a value has.
fn weight(value: &Value) -> usize {
    const EACH: usize = 8;
    EACH + match value {
        Value::String(text) => text.len(),
        Value::List(items) => items.iter().map(weight).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + weight(value)).sum(),
        _ => 0,
    }
}

struct Count<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    variables: &'a Variables,
    introspection: bool,
    roots: usize,
    aliases: usize,
    fields: usize,
    answer: usize,
    /// How many bytes the variables have.
    weights: HashMap<&'a Name, usize>,
    values: usize,
    /// Whether the root field asks about the schema.
    is_about_schema: bool,
    /// How many lists of it are within each other here.
    schema_lists: usize,
    operation: &'a OperationDefinition,
}

impl<'a> Count<'a> {
    /// Counts fields at this depth, each of which occurs `times` times in the answer. `within` are the
    /// fragments on the way: one that contains itself is left to validation.
    fn selection(
        &mut self,
        set: &'a SelectionSet,
        depth: usize,
        times: usize,
        within: &mut Vec<&'a Name>,
    ) -> Result<(), (Code, String)> {
        for selection in &set.items {
            // Fragments without fields of their own cost time, too.
            self.fields += 1;
            if self.fields > FIELDS {
                let text =
                    format!("A request may have at most {FIELDS} fields, those of fragments included.");
                return Err((Code::ComplexityLimit, text));
            }
            match &selection.node {
                Selection::Field(field) => self.field(&field.node, depth, times, within)?,
                Selection::InlineFragment(fragment) => {
                    self.selection(&fragment.node.selection_set.node, depth, times, within)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some((name, fragment)) = self.fragments.get_key_value(name)
                        && !within.contains(&name)
                    {
                        within.push(name);
                        self.selection(&fragment.node.selection_set.node, depth, times, within)?;
                        within.pop();
                    }
                }
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        field: &'a Field,
        depth: usize,
        times: usize,
        within: &mut Vec<&'a Name>,
    ) -> Result<(), (Code, String)> {
        if depth > DEPTH && !self.is_about_schema {
            let text = format!("Fields may be nested at most {DEPTH} deep.");
            return Err((Code::DepthLimit, text));
        }
        let is_root = depth == 1;
        self.roots += usize::from(is_root);
        self.aliases += usize::from(field.alias.is_some());
        self.answer = self.answer.saturating_add(times);
        for (_, value) in &field.arguments {
            self.value(&value.node);
        }
        let name = field.name.node.as_str();
        if is_root && name == "dialogCounts" {
            // So many dialogs are looked at.
            self.answer = self.answer.saturating_add(times.saturating_mul(usize::from(MOST_COUNTED)));
        }
        if is_root {
            // What the schema says about itself nests deeper.
            self.is_about_schema = name.starts_with("__");
            if self.is_about_schema && !self.introspection && name != "__typename" {
                return Err((Code::BadRequest, "The graph does not tell about itself here.".to_owned()));
            }
        }
        let times = match name {
            "searchDialogs" if is_root => times.saturating_mul(self.limit(field)),
            _ => times,
        };
        let is_list =
            self.is_about_schema && matches!(name, "fields" | "interfaces" | "possibleTypes" | "inputFields");
        self.schema_lists += usize::from(is_list);
        if self.schema_lists > SCHEMA_LISTS {
            let text = format!("What types have may be nested at most {SCHEMA_LISTS} deep.");
            return Err((Code::DepthLimit, text));
        }
        self.selection(&field.selection_set.node, depth + 1, times, within)?;
        self.schema_lists -= usize::from(is_list);
        Ok(())
    }

    /// Counts the variables in a value.
    fn value(&mut self, value: &async_graphql_value::Value) {
        use async_graphql_value::Value;
        match value {
            Value::Variable(name) => {
                let weight = self.weights.get(name).copied().unwrap_or_default();
                self.values = self.values.saturating_add(weight);
            }
            Value::List(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(members) => members.values().for_each(|member| self.value(member)),
            _ => {}
        }
    }

    /// The size of the page that is asked for.
    fn limit(&self, field: &Field) -> usize {
        use async_graphql_value::Value as Written;
        let given = |name: &Name| {
            let definition =
                self.operation.variable_definitions.iter().find(|one| one.node.name.node == *name);
            let default = definition.and_then(|one| one.node.default_value.as_ref()).map(|value| &value.node);
            self.variables.get(name).or(default)
        };
        let number = |value: Option<&Value>| match value {
            Some(Value::Number(limit)) => limit.as_u64(),
            _ => None,
        };
        let limit = match field.get_argument("input").map(|input| &input.node) {
            Some(Written::Variable(name)) => match given(name) {
                Some(Value::Object(members)) => number(members.get("limit")),
                _ => None,
            },
            Some(Written::Object(members)) => match members.get("limit") {
                Some(Written::Variable(name)) => number(given(name)),
                Some(Written::Number(limit)) => limit.as_u64(),
                _ => None,
            },
            _ => None,
        };
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        limit.unwrap_or(usize::from(paging::DEFAULT_LIMIT))
    }
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn tokens_are_those_of_the_specification() {
        for (document, expected) in [
            ("", &[][..]),
            (" ,\u{feff}\n# \"{ a }\n", &[]),
            ("{a,b}#c", &["{", "a", "b", "}"]),
            (
                "query A($a:[ID!]!=-1.5e+3)@b",
                &["query", "A", "(", "$", "a", ":", "[", "ID", "!", "]", "!", "=", "-1.5e+3", ")", "@", "b"],
            ),
            ("{a...B ... on C}", &["{", "a", "...", "B", "...", "on", "C", "}"]),
            (r#"a:"",b:"x \" { }"c"#, &["a", ":", r#""""#, "b", ":", r#""x \" { }""#, "c"]),
            (r#""""x " \""" y\""" a"#, &[r#""""x " \""" y\""" a"#]),
            (r#""""x " \""" y""" a"#, &[r#""""x " \""" y""""#, "a"]),
            (r#""never ends \"#, &[r#""never ends \"#]),
            ("æ|&", &["æ", "|", "&"]),
        ] {
            assert_eq!(tokens(document).collect::<Vec<_>>(), expected, "{document}");
        }
    }
}
