//! What shapes are called in the documents.
//!
//! Clients are generated from the documents, so the names are part of the contract. One Rust shape
//! has many: the attachments of a dialog are `CreateDialogAttachment` where it is created and
//! `DialogAttachment` where it is read; the combined document has longer names, so that those of the
//! two APIs differ. A name follows from the operation ([`Operation::long_id`]) and from the place in
//! its body or answer:
//!
//! - the outermost shape has the name that the operation's [`Family`] gives it;
//! - the shapes in it have the family's pattern, with the Rust name, without `Input` or `View`, in
//!   place of `*`; in a transmission that is part of a dialog, with `Transmission` before it;
//! - shapes that are the same everywhere are in [`COMMON`];
//! - the few that follow no rule are in [`EXCEPTIONS`].
//!
//! An operation of no family calls its shapes as they are called in Rust.

use crate::api::http::operation::{Group, Operation};

/// Which names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Those of the documents of one API.
    Short,
    /// Those of the combined document.
    Long,
}

/// How the shapes of some operations are called.
struct Family {
    /// What [`Operation::namespace`] ends with.
    of: &'static str,
    /// Short name of the outermost shape, and pattern of those within.
    short: (&'static str, &'static str),
    /// Likewise the long ones. Without `_` they follow the operation's own namespace. `@` stands for
    /// the group.
    long: (&'static str, &'static str),
}

const fn family(
    of: &'static str,
    short: (&'static str, &'static str),
    long: (&'static str, &'static str),
) -> Family {
    Family { of, short, long }
}

/// A family of one shape, or of shapes that are called as in Rust.
const fn plain(of: &'static str, short: &'static str, long: &'static str) -> Family {
    Family { of, short: (short, "*"), long: (long, "*") }
}

const FAMILIES: &[Family] = &[
    family("DialogsCommandsCreate", ("CreateDialog", "CreateDialog*"), ("Dialog", "*")),
    family("DialogsCommandsUpdate", ("UpdateDialog", "UpdateDialog*"), ("Dialog", "*")),
    family("DialogsQueriesGet", ("Dialog", "Dialog*"), ("Dialog", "Dialog*")),
    family("DialogsQueriesSearch", ("DialogListItem", "Dialog*ListItem"), ("Dialog", "Dialog*")),
    family(
        "CommandsCreateTransmission",
        ("CreateTransmissionRequest", "CreateTransmission*"),
        ("TransmissionRequest", "Transmission*"),
    ),
    family(
        "CommandsUpdateTransmission",
        ("UpdateTransmissionRequest", "UpdateTransmission*"),
        ("TransmissionRequest", "Transmission*"),
    ),
    family(
        "QueriesGetTransmission",
        ("DialogTransmissionDetails", "DialogTransmission*Details"),
        ("Transmission", "*"),
    ),
    family(
        "QueriesSearchTransmissions",
        ("DialogTransmissionSearchItem", "DialogTransmissionSearch*"),
        ("Transmission", "*"),
    ),
    plain("CommandsCreateActivity", "CreateDialogActivityRequest", "ActivityRequest"),
    plain("QueriesGetActivity", "DialogActivityDetails", "Activity"),
    plain("QueriesSearchActivities", "DialogActivitySearchItem", "Activity"),
    plain("QueriesGetSeenLog", "DialogSeenLogDetails", "SeenLog"),
    plain("QueriesSearchSeenLogs", "DialogSeenLogSearchItem", "SeenLog"),
    plain("QueriesSearchEndUserContext", "DialogEndUserContextItem", "DialogEndUserContextItem"),
    plain("QueriesNotificationCondition", "NotificationCondition", "NotificationCondition"),
    plain("CommandsSetSystemLabel", "SetDialogSystemLabelRequest", "SetDialogSystemLabelRequest"),
    plain("CommandsBulkSetSystemLabels", "BulkSetSystemLabel", "BulkSetSystemLabel"),
    plain("CommandsCreateServiceOwnerLabel", "CreateServiceOwnerLabel", "Label"),
    plain(
        "QueriesGetServiceOwnerLabel",
        "ServiceOwnerLabel",
        "V1ServiceOwnerServiceOwnerContextQueriesGetServiceOwnerLabels_ServiceOwnerLabel",
    ),
    plain(
        "QueriesSearchLabelAssignmentLogs",
        "LabelAssignmentLog",
        "V1EndUserEndUserContextQueriesSearchLabelAssignmentLog_LabelAssignmentLog",
    ),
    family(
        "DialogLookupQueriesGet",
        ("@IdentifierLookup", "*"),
        ("V1CommonIdentifierLookup_@IdentifierLookup", "V1CommonIdentifierLookup_*"),
    ),
    family(
        "QueriesGetParties",
        ("Parties", "*"),
        ("V1AccessManagementQueriesGetParties_Parties", "V1AccessManagementQueriesGetParties_*"),
    ),
    plain(
        "EndUserServiceResourcesSearch",
        "AuthorizedServiceResourceList",
        "V1EndUserServiceResourcesQueriesSearch_AuthorizedServiceResources",
    ),
    plain(
        "MetadataServiceResourcesGet",
        "ServiceResourceMetadataList",
        "V1MetadataServiceResourcesQueriesGet_ServiceResourceMetadata",
    ),
    family(
        "MetadataLimitsGet",
        ("Limits", "*"),
        ("V1MetadataLimitsQueriesGet_Limits", "V1MetadataLimitsQueriesGet_*"),
    ),
    family(
        "WellKnownJwksGet",
        ("Jwks", "*"),
        ("V1WellKnownJwksQueriesGet_Jwks", "V1WellKnownJwksQueriesGet_*"),
    ),
    plain(
        "WellKnownOauthAuthorizationServerGet",
        "OauthAuthorizationServer",
        "V1WellKnownOauthAuthorizationServerQueriesGet_OauthAuthorizationServer",
    ),
];

/// Shapes that follow no rule: the end of the namespace, the Rust name, the short name, the long one.
const EXCEPTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "DialogsCommandsCreate",
        "ServiceOwnerContext",
        "CreateDialogServiceOwnerContext",
        "DialogServiceOwnerContext",
    ),
    ("DialogsQueriesGet", "Content", "Content", "Content"),
    ("DialogsQueriesGet", "Tag", "DialogTag", "Tag"),
    ("DialogsQueriesSearch", "ContentSummary", "DialogContentSummary", "Content"),
    (
        "ServiceOwnerDialogsQueriesSearch",
        "EndUserContext",
        "DialogListItemEndUserContext",
        "DialogEndUserContext",
    ),
    ("DialogsQueriesSearch", "ServiceOwnerLabel", "DialogServiceOwnerLabelListItem", "ServiceOwnerLabel"),
];

/// Shapes that are the same in all operations: the short name, the long one. `@` stands for the
/// group.
const COMMON: &[(&str, &str)] = &[
    ("Localization", "V1CommonLocalizations_Localization"),
    ("ContentValue", "V1CommonContent_ContentValue"),
    ("Actor", "V1@CommonActors_Actor"),
    ("ActorType", "Actors_ActorType"),
    ("AttachmentUrlConsumerType", "Attachments_AttachmentUrlConsumerType"),
    ("DeletedFilter", "V1Common_DeletedFilter"),
    ("DialogActivityType", "DialogsEntitiesActivities_DialogActivityType"),
    ("DialogGuiActionPriority", "DialogsEntitiesActions_DialogGuiActionPriority"),
    ("DialogStatus", "DialogsEntities_DialogStatus"),
    ("DialogStatusInput", "V1ServiceOwnerCommonDialogStatuses_DialogStatusInput"),
    ("DialogTransmissionType", "DialogsEntitiesTransmissions_DialogTransmissionType"),
    ("HttpVerb", "Http_HttpVerb"),
    ("JsonPatchOperation", "JsonPatchOperations_Operation"),
    ("Links", "DigdirDomainDialogportenApplicationCommon_Link"),
    (
        "NotificationConditionType",
        "V1ServiceOwnerDialogsQueriesNotificationCondition_NotificationConditionType",
    ),
    ("ProblemDetails", "ProblemDetails"),
    ("ProblemDetails_Error", "ProblemDetails_Error"),
    ("ServiceResource", "V1CommonServiceResourceMetadata_ServiceResourceMetadataServiceResource"),
    ("ServiceResourceAccessPackage", "V1CommonServiceResourceMetadata_ServiceResourceMetadataAccessPackage"),
    ("ServiceResourceMetadata", "V1CommonServiceResourceMetadata_ServiceResourceMetadataItem"),
    ("ServiceResourceOwner", "V1CommonServiceResourceMetadata_ServiceResourceMetadataServiceOwner"),
    ("ServiceResourceRole", "V1CommonServiceResourceMetadata_ServiceResourceMetadataRole"),
    ("SystemLabel", "DialogEndUserContextsEntities_SystemLabel"),
];

/// The published name of the Rust shape `shape` in an operation, within the shapes `within`, the
/// outermost first.
#[must_use]
pub fn published(style: Style, operation: &Operation, shape: &str, within: &[String]) -> String {
    // Pages get the names of their items, which are published names already.
    if is_page(shape) {
        return shape.to_owned();
    }
    let within: Vec<&str> = within.iter().map(String::as_str).filter(|outer| !is_page(outer)).collect();
    let namespace = operation.namespace();
    let family = FAMILIES.iter().find(|family| namespace.ends_with(family.of));
    let name = common(style, shape)
        .or_else(|| common(style, without_direction(shape)))
        .unwrap_or_else(|| own(style, namespace, family, shape, &within));
    let group = match operation.group() {
        Group::ServiceOwner => "ServiceOwner",
        Group::EndUser => "EndUser",
        Group::Metadata | Group::WellKnown => "",
    };
    name.replace('@', group)
}

fn is_page(shape: &str) -> bool {
    shape.starts_with("PaginatedListOf")
}

fn common(style: Style, shape: &str) -> Option<String> {
    let (short, long) = COMMON.iter().find(|(short, _)| *short == shape)?;
    Some(match style {
        Style::Short => (*short).to_owned(),
        Style::Long => (*long).to_owned(),
    })
}

fn own(style: Style, namespace: &str, family: Option<&Family>, shape: &str, within: &[&str]) -> String {
    let part = part(shape, within);
    let exception = EXCEPTIONS
        .iter()
        .find(|(of, name, ..)| namespace.ends_with(of) && *name == part && !within.is_empty());
    let (short, long) = match (exception, family) {
        (Some((_, _, short, long)), _) => (*short, *long),
        (None, Some(family)) if within.is_empty() => (family.short.0, family.long.0),
        (None, Some(family)) => (family.short.1, family.long.1),
        (None, None) => ("*", "*"),
    };
    match style {
        Style::Short => short.replace('*', &part),
        Style::Long if long.contains('_') => long.replace('*', &part),
        Style::Long => format!("{namespace}_{}", long.replace('*', &part)),
    }
}

/// The shape's name as part of the outermost one.
fn part(shape: &str, within: &[&str]) -> String {
    const OUTER: &str = "Transmission";
    let name = match without_direction(shape) {
        "Seen" => "SeenLog",
        name => name,
    };
    let bare = name.strip_prefix(OUTER).unwrap_or(name);
    match within.iter().position(|outer| outer.contains(OUTER)) {
        Some(0) => bare.to_owned(),
        Some(_) => format!("{OUTER}{bare}"),
        None => name.to_owned(),
    }
}

fn without_direction(shape: &str) -> &str {
    shape.strip_suffix("Input").or_else(|| shape.strip_suffix("View")).unwrap_or(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::policy::Policy;
    use crate::api::http::operation::{Answer, BodyKind, Verb};

    /// The short and the long name of a shape in the operation of this long id.
    fn names(long_id: &'static str, shape: &str, within: &[&str]) -> (String, String) {
        let group = if long_id.starts_with("V1EndUser") {
            "enduser"
        } else if long_id.starts_with("V1ServiceOwner") {
            "serviceowner"
        } else {
            "metadata"
        };
        let operation = Operation {
            id: "",
            long_id,
            verb: Verb::Get,
            path: format!("/api/v1/{group}/x").leak(),
            policy: Policy::Anonymous,
            parameters: &[],
            body: BodyKind::None,
            answer: Answer::NO_CONTENT,
            refusals: &[],
            summary: "",
        };
        let within: Vec<String> = within.iter().map(|&outer| outer.to_owned()).collect();
        (
            published(Style::Short, &operation, shape, &within),
            published(Style::Long, &operation, shape, &within),
        )
    }

    /// Short and long names of shapes in one operation; `#` stands for its namespace.
    fn check(long_id: &'static str, expected: &[(&str, &[&str], &str, &str)]) {
        let namespace = long_id.split('_').next().unwrap();
        for (shape, within, short, long) in expected {
            let long = long.replace('#', namespace);
            assert_eq!(names(long_id, shape, within), ((*short).to_owned(), long), "{long_id} {shape}");
        }
    }

    #[test]
    fn shapes_of_a_dialog() {
        const TRANSMISSION: &[&str] = &["DialogView", "TransmissionView"];
        const LISTED: &[&str] = &["PaginatedListOfX", "DialogListView"];
        check(
            "V1ServiceOwnerDialogsCommandsCreate_Dialog",
            &[
                ("CreateDialog", &[], "CreateDialog", "#_Dialog"),
                ("TagInput", &["CreateDialog"], "CreateDialogTag", "#_Tag"),
                (
                    "ServiceOwnerContextInput",
                    &["CreateDialog"],
                    "CreateDialogServiceOwnerContext",
                    "#_DialogServiceOwnerContext",
                ),
                (
                    "TransmissionAttachmentUrlInput",
                    &["CreateDialog", "TransmissionInput", "TransmissionAttachmentInput"],
                    "CreateDialogTransmissionAttachmentUrl",
                    "#_TransmissionAttachmentUrl",
                ),
                ("ActorInput", &["CreateDialog", "X"], "Actor", "V1ServiceOwnerCommonActors_Actor"),
                ("ContentValueInput", &["CreateDialog"], "ContentValue", "V1CommonContent_ContentValue"),
            ],
        );
        check(
            "V1EndUserDialogsQueriesGet_Dialog",
            &[
                ("DialogView", &[], "Dialog", "#_Dialog"),
                ("ContentView", &["DialogView"], "Content", "#_Content"),
                ("SeenView", &["DialogView"], "DialogSeenLog", "#_DialogSeenLog"),
                ("Attachment", &["DialogView"], "DialogAttachment", "#_DialogAttachment"),
                (
                    "Attachment",
                    TRANSMISSION,
                    "DialogTransmissionAttachment",
                    "#_DialogTransmissionAttachment",
                ),
                ("Actor", &["DialogView", "SeenView"], "Actor", "V1EndUserCommonActors_Actor"),
            ],
        );
        check(
            "V1EndUserDialogsQueriesSearch_Dialog",
            &[
                ("DialogListView", &["PaginatedListOfX"], "DialogListItem", "#_Dialog"),
                ("PaginatedListOfX", &[], "PaginatedListOfX", "PaginatedListOfX"),
                ("ActivityView", LISTED, "DialogActivityListItem", "#_DialogActivity"),
                ("EndUserContextView", LISTED, "DialogEndUserContextListItem", "#_DialogEndUserContext"),
                ("DialogStatus", &[], "DialogStatus", "DialogsEntities_DialogStatus"),
            ],
        );
        check(
            "V1ServiceOwnerDialogsQueriesSearch_Dialog",
            &[("EndUserContextView", LISTED, "DialogListItemEndUserContext", "#_DialogEndUserContext")],
        );
    }

    #[test]
    fn shapes_of_a_transmission() {
        check(
            "V1ServiceOwnerDialogsCommandsCreateTransmission_DialogTransmission",
            &[
                ("TransmissionInput", &[], "CreateTransmissionRequest", "#_TransmissionRequest"),
                (
                    "NavigationalActionInput",
                    &["TransmissionInput"],
                    "CreateTransmissionNavigationalAction",
                    "#_TransmissionNavigationalAction",
                ),
            ],
        );
        check(
            "V1EndUserDialogsQueriesGetTransmission_DialogTransmission",
            &[
                ("TransmissionView", &[], "DialogTransmissionDetails", "#_Transmission"),
                (
                    "TransmissionContentView",
                    &["TransmissionView"],
                    "DialogTransmissionContentDetails",
                    "#_Content",
                ),
            ],
        );
        check(
            "V1EndUserDialogsQueriesSearchTransmissions_DialogTransmission",
            &[
                ("TransmissionView", &[], "DialogTransmissionSearchItem", "#_Transmission"),
                (
                    "AttachmentUrl",
                    &["TransmissionView", "Attachment"],
                    "DialogTransmissionSearchAttachmentUrl",
                    "#_AttachmentUrl",
                ),
            ],
        );
    }

    #[test]
    fn other_shapes() {
        check(
            "V1ServiceOwnerEndUserContextCommandsBulkSetSystemLabels_BulkSetDialogSystemLabels",
            &[
                ("BulkSetSystemLabels", &[], "BulkSetSystemLabel", "#_BulkSetSystemLabel"),
                ("DialogRevision", &["BulkSetSystemLabels"], "DialogRevision", "#_DialogRevision"),
            ],
        );
        check(
            "V1EndUserEndUserContextQueriesSearchLabelAssignmentLogs_DialogLabelAssignmentLog",
            &[(
                "EntryView",
                &[],
                "LabelAssignmentLog",
                "V1EndUserEndUserContextQueriesSearchLabelAssignmentLog_LabelAssignmentLog",
            )],
        );
        check(
            "V1EndUserAccessManagementQueriesGetParties_Parties",
            &[(
                "AuthorizedParty",
                &["Parties"],
                "AuthorizedParty",
                "V1AccessManagementQueriesGetParties_AuthorizedParty",
            )],
        );
        check(
            "V1EndUserDialogLookupQueriesGet_DialogLookup",
            &[(
                "LookupView",
                &[],
                "EndUserIdentifierLookup",
                "V1CommonIdentifierLookup_EndUserIdentifierLookup",
            )],
        );
        check(
            "V1MetadataLimitsGet_Limits",
            &[
                ("Limits", &[], "Limits", "V1MetadataLimitsQueriesGet_Limits"),
                (
                    "EndUserSearchLimits",
                    &["Limits"],
                    "EndUserSearchLimits",
                    "V1MetadataLimitsQueriesGet_EndUserSearchLimits",
                ),
            ],
        );
        check("V1MetadataNew_Thing", &[("ThingView", &[], "Thing", "#_Thing")]);
    }
}
