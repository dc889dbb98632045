//! The graph's shape: what portals were promised, what is there beside that, and that things have the
//! names that they have in the API of end users.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{FieldDefinition, InputValueDefinition, TypeKind, TypeSystemDefinition};
use dialogporten::api::graphql::definition;
use serde_json::Value;

/// What was promised: types, fields, arguments, values and interfaces, one each line.
const PROMISED: &str = include_str!("graphql_schema.txt");

/// What is there beside that. A type stands for all that it has, a field for its arguments too.
const ADDED: [&str; 17] = [
    "BulkSetSystemLabelValidationError.field",
    "DialogCountsPayload",
    "DialogLabelCount",
    "DialogLookupValidationError.field",
    "DialogStatusCount",
    "Queries.dialogCounts",
    "Queries.getParties",
    "Queries.parties(after)",
    "Queries.parties(first)",
    "Queries.parties(includeDeleted)",
    "Queries.parties(partiesFilter)",
    "SearchDialogContinuationTokenParsingError.field",
    "SearchDialogOrderByParsingError.field",
    "SearchDialogValidationError.field",
    "SetSystemLabelInput.enduserContextRevision",
    "SetSystemLabelPayload.revision",
    "SetSystemLabelValidationError.field",
];

/// The schema as facts: what a fact is about, and the fact.
#[derive(Default)]
struct Facts(BTreeMap<String, String>);

impl Facts {
    fn of(definition: &str) -> Self {
        let mut facts = Self::default();
        for definition in parse_schema(definition).expect("a schema").definitions {
            match definition {
                TypeSystemDefinition::Schema(schema) => {
                    let schema = schema.node;
                    for (kind, name) in [
                        ("query", schema.query),
                        ("mutation", schema.mutation),
                        ("subscription", schema.subscription),
                    ] {
                        let name = name.expect(kind).node;
                        facts.add(format!("schema {kind}"), format!("schema {kind}: {name}"));
                    }
                }
                TypeSystemDefinition::Type(definition) => {
                    facts.add_type(&definition.node.name.node, definition.node.kind);
                }
                TypeSystemDefinition::Directive(_) => {}
            }
        }
        facts
    }

    fn add(&mut self, about: String, fact: String) {
        assert_eq!(self.0.insert(about, fact), None);
    }

    fn add_type(&mut self, name: &str, kind: TypeKind) {
        let called = match kind {
            TypeKind::Scalar => "scalar",
            TypeKind::Object(object) => {
                for interface in object.implements {
                    let fact = format!("{name} implements {}", interface.node);
                    self.add(fact.clone(), fact);
                }
                self.add_fields(name, object.fields.into_iter().map(|field| field.node));
                "type"
            }
            TypeKind::Interface(interface) => {
                self.add_fields(name, interface.fields.into_iter().map(|field| field.node));
                "interface"
            }
            TypeKind::Enum(values) => {
                for value in values.values {
                    let fact = format!("{name}.{}", value.node.value.node);
                    self.add(fact.clone(), fact);
                }
                "enum"
            }
            TypeKind::InputObject(input) => {
                for field in input.fields {
                    self.add_value(format!("{name}.{}", field.node.name.node), &field.node);
                }
                "input"
            }
            TypeKind::Union(_) => "union",
        };
        self.add(name.to_owned(), format!("{called} {name}"));
    }

    fn add_fields(&mut self, name: &str, fields: impl Iterator<Item = FieldDefinition>) {
        for field in fields {
            let about = format!("{name}.{}", field.name.node);
            for argument in &field.arguments {
                self.add_value(format!("{about}({})", argument.node.name.node), &argument.node);
            }
            let fact = format!("{about}: {}", field.ty.node);
            self.add(about, fact);
        }
    }

    fn add_value(&mut self, about: String, value: &InputValueDefinition) {
        let default = value.default_value.as_ref().map(|value| format!(" = {}", value.node));
        let fact = format!("{about}: {}{}", value.ty.node, default.unwrap_or_default());
        self.add(about, fact);
    }

    /// Removes what is added; gives whether there was anything.
    fn remove(&mut self, added: &str) -> bool {
        let count = self.0.len();
        self.0.retain(|about, _| {
            let rest = about.strip_prefix(added);
            rest.is_none_or(|rest| !(rest.is_empty() || rest.starts_with(['.', '(', ' '])))
        });
        self.0.len() < count
    }
}

#[test]
fn has_what_was_promised_and_beside_that_only_what_is_known() {
    let mut facts = Facts::of(&definition());
    for added in ADDED {
        assert!(facts.remove(added), "{added} is not there");
    }
    let found: BTreeSet<&str> = facts.0.values().map(String::as_str).collect();
    let promised: BTreeSet<&str> = PROMISED.lines().collect();
    let missing: Vec<_> = promised.difference(&found).collect();
    let more: Vec<_> = found.difference(&promised).collect();
    assert!(missing.is_empty() && more.is_empty(), "missing: {missing:#?}\nmore: {more:#?}");
}

/// Types of the API of end users (some have several names), the type of the graph, and which members only
/// one of them has.
const SAME: [(&str, &str, &[&str]); 46] = [
    ("Actor", "Actor", &[]),
    ("ActorType", "ActorType", &[]),
    ("AttachmentUrlConsumerType", "AttachmentUrlConsumer", &[]),
    ("AuthorizedParty", "AuthorizedParty", &[]),
    // One level of sub-units.
    ("AuthorizedParty", "AuthorizedSubParty", &["hasOnlyAccessToSubParties", "subParties"]),
    ("AuthorizedServiceResourceList", "ServiceResourceMetadata", &[]),
    ("BulkSetSystemLabel", "BulkSetSystemLabelInput", &["systemLabels"]),
    ("Content", "Content", &[]),
    ("ContentValue", "ContentValue", &[]),
    ("Dialog", "Dialog", &["systemLabel"]),
    ("DialogActivity,Details,ListItem,SearchItem", "Activity", &[]),
    ("DialogActivityType", "ActivityType", &[]),
    ("DialogApiAction", "ApiAction", &[]),
    ("DialogApiActionEndpoint", "ApiActionEndpoint", &[]),
    ("DialogAttachment", "Attachment", &[]),
    ("DialogAttachmentUrl", "AttachmentUrl", &[]),
    ("DialogContentSummary", "SearchContent", &[]),
    ("DialogEndUserContext,ListItem", "EndUserContext", &[]),
    ("DialogGuiAction", "GuiAction", &[]),
    ("DialogGuiActionPriority", "GuiActionPriority", &[]),
    ("DialogListItem", "SearchDialog", &["systemLabel"]),
    ("DialogRevision", "DialogRevisionInput", &[]),
    ("DialogSeenLog,Details,ListItem,SearchItem", "SeenLog", &[]),
    ("DialogStatus", "DialogStatus", &[]),
    // When it was removed: only where it is read by itself.
    ("DialogTransmission,Details,SearchItem", "Transmission", &["deletedAt"]),
    ("DialogTransmissionAttachment,Details", "Attachment", &[]),
    ("DialogTransmissionSearchAttachment", "Attachment", &[]),
    ("DialogTransmissionAttachmentUrl,Details", "AttachmentUrl", &[]),
    ("DialogTransmissionSearchAttachmentUrl", "AttachmentUrl", &[]),
    ("DialogTransmissionContent,Details", "TransmissionContent", &[]),
    ("DialogTransmissionSearchContent", "TransmissionContent", &[]),
    ("DialogTransmissionNavigationalAction,Details", "TransmissionNavigationalAction", &[]),
    ("DialogTransmissionSearchNavigationalAction", "TransmissionNavigationalAction", &[]),
    ("DialogTransmissionType", "TransmissionType", &[]),
    ("EndUserIdentifierLookup", "DialogLookup", &[]),
    ("EndUserSearchLimits", "EndUserSearchLimits", &[]),
    ("HttpVerb", "HttpVerb", &[]),
    ("IdentifierLookupAuthorizationEvidence", "DialogLookupAuthorizationEvidence", &[]),
    ("IdentifierLookupAuthorizationEvidenceItem", "DialogLookupAuthorizationEvidenceItem", &[]),
    ("IdentifierLookupGrantType", "DialogLookupGrantType", &[]),
    ("IdentifierLookupServiceOwner", "DialogLookupServiceOwner", &[]),
    ("IdentifierLookupServiceResource", "DialogLookupServiceResource", &[]),
    ("Limits", "Limits", &[]),
    ("Links", "ServiceResourceMetadataLinks", &[]),
    ("Links", "DialogLookupLinks", &[]),
    ("Localization", "Localization", &[]),
];
const SAME_TOO: [(&str, &str, &[&str]); 9] = [
    ("PaginatedListOfDialogListItem", "SearchDialogsPayload", &["errors"]),
    ("ServiceOwnerSearchLimits", "ServiceOwnerSearchLimits", &[]),
    ("ServiceResource", "ServiceResourceMetadataServiceResource", &[]),
    ("ServiceResourceAccessPackage", "ServiceResourceMetadataAccessPackage", &[]),
    ("ServiceResourceMetadata", "ServiceResourceMetadataItem", &[]),
    ("ServiceResourceOwner", "ServiceResourceMetadataServiceOwner", &[]),
    ("ServiceResourceRole", "ServiceResourceMetadataRole", &[]),
    // In REST the dialog is in the path.
    (
        "SetDialogSystemLabelRequest",
        "SetSystemLabelInput",
        &["dialogId", "enduserContextRevision", "systemLabels"],
    ),
    ("SystemLabel", "SystemLabel", &[]),
];
/// Types that only the API of end users has.
const ONLY_REST: [&str; 8] = [
    "ChangeKind",
    "DialogChange",
    "DialogChanges",
    "LabelAssignmentLog",
    // What the graph has as a list, or with what can be asked of the same list.
    "Parties",
    "ServiceResourceMetadataList",
    "ProblemDetails",
    "ProblemDetails_Error",
];

fn letters(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// Names without regard to case, which differs in enumerations.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    names.map(letters).collect()
}

fn api_of_end_users() -> Value {
    serde_json::from_str(include_str!("../../openapi/v1.enduser.json")).expect("a document")
}

/// The members of the types of the graph.
fn members() -> BTreeMap<String, BTreeSet<String>> {
    let mut members: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for about in Facts::of(&definition()).0.keys().filter(|about| !about.contains(['(', ' '])) {
        if let Some((name, member)) = about.split_once('.') {
            members.entry(name.to_owned()).or_default().insert(letters(member));
        }
    }
    members
}

#[test]
fn has_the_names_of_the_api_of_end_users() {
    let document = api_of_end_users();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let members = members();
    let mut compared = BTreeSet::new();
    for (rest, graph, except) in SAME.iter().chain(&SAME_TOO) {
        let except = names(except.iter().copied());
        let in_graph = members.get(*graph).unwrap_or_else(|| panic!("no {graph}"));
        let first = rest.split(',').next().unwrap();
        for name in
            rest.split(',').map(|name| if name == first { name.to_owned() } else { format!("{first}{name}") })
        {
            let schema = schemas.get(&name).unwrap_or_else(|| panic!("no {name}"));
            let properties = schema["properties"].as_object().into_iter().flat_map(|all| all.keys());
            let values = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let in_rest = names(properties.map(String::as_str).chain(values));
            let differ: BTreeSet<String> = in_rest.symmetric_difference(in_graph).cloned().collect();
            assert_eq!(differ, except, "{name} and {graph}");
            compared.insert(name);
        }
    }
    compared.extend(ONLY_REST.map(str::to_owned));
    let all: BTreeSet<String> = schemas.keys().cloned().collect();
    assert_eq!(compared, all, "every type of the API of end users is compared, or known to be its own");
}

#[test]
fn searches_for_what_the_api_of_end_users_searches_for() {
    let document = api_of_end_users();
    let parameters = document["paths"]["/api/v1/enduser/dialogs"]["get"]["parameters"].as_array().unwrap();
    let in_query = parameters.iter().filter(|parameter| parameter["in"] == "query");
    let in_rest = names(in_query.filter_map(|parameter| parameter["name"].as_str()));
    assert_eq!(members()["SearchDialogInput"], in_rest);
}
