//! The rules that a request must keep whatever is stored: every failure is collected with its path,
//! and what comes out is ready to be stored.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::html;
use super::input::{
    ActivityInput, ActorInput, ApiActionEndpointInput, ApiActionInput, AttachmentInput, AttachmentUrlInput,
    ContentInput, ContentValueInput, CorrectTransmission, GuiActionInput, LocalizationInput,
    NavigationalActionInput, ServiceOwnerLabelInput, TagInput, TransmissionAttachmentInput,
    TransmissionContentInput, TransmissionInput,
};
use super::limits;
use super::model::{
    Activity, ActivityBody, Actor, ApiAction, ApiActionEndpoint, Attachment, AttachmentUrl, Content,
    ContentValue, GuiAction, Localization, Localizations, NavigationalAction, RESOURCE_URN_PREFIX,
    Transmission, TransmissionBody, TransmissionContent,
};
use super::party::PartyUrn;
use super::vocabulary::{
    ActorType, AttachmentUrlConsumerType, DialogActivityType, DialogGuiActionPriority,
    DialogTransmissionType, HttpVerb,
};
use crate::clock::Ids;
use crate::json::{Failures, Path, Required, UriReference};
use crate::timestamp::Timestamp;

/// What the caller of a write may do beyond the ordinary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writer {
    /// Acts across all service owners.
    pub is_admin: bool,
    /// Writes for Altinn Correspondence.
    pub is_correspondence: bool,
    /// May send HTML.
    pub may_write_html: bool,
}

/// The kinds of parts whose ids must be unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// An attachment of the dialog or of a transmission.
    Attachment = 1,
    /// A link of an attachment.
    AttachmentUrl = 2,
    /// A GUI action.
    GuiAction = 3,
    /// An API action.
    ApiAction = 4,
    /// An endpoint of an API action.
    ApiActionEndpoint = 5,
    /// A transmission.
    Transmission = 6,
    /// An activity.
    Activity = 7,
}

impl PartKind {
    /// The key under which a taken id is reported.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Attachment => "DialogAttachment",
            Self::AttachmentUrl => "DialogAttachmentUrl",
            Self::GuiAction => "DialogGuiAction",
            Self::ApiAction => "DialogApiAction",
            Self::ApiActionEndpoint => "DialogApiActionEndpoint",
            Self::Transmission => "DialogTransmission",
            Self::Activity => "DialogActivity",
        }
    }
}

/// When the links of an attachment may expire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AttachmentExpiry {
    /// Not before now.
    NotPast,
    /// Judged elsewhere.
    Unchecked,
}

/// Reads parts and collects what is wrong with them.
pub(super) struct Rules<'a> {
    pub now: Timestamp,
    pub writer: Writer,
    pub failures: &'a mut Failures,
    pub ids: &'a mut Ids,
    /// Ids that the dialog has already; they have been checked before.
    pub stored: HashSet<Uuid>,
    /// Where the attachments and transmissions stood in the request.
    pub positions: HashMap<Uuid, usize>,
    /// Every id that the client has chosen, in the order met.
    pub chosen: Vec<(PartKind, Uuid)>,
    seen: HashSet<(PartKind, Uuid)>,
}

enum MediaTypes {
    Plain,
    Rich,
    Embed,
}

/// Front channel embeds: what is accepted, whether it is HTML, and what is stored.
const EMBEDS: [(&str, bool, &str); 4] = [
    (
        "application/vnd.dialogporten.frontchannelembed-url;type=text/markdown",
        false,
        "application/vnd.dialogporten.frontchannelembed-url;type=text/markdown",
    ),
    (
        "application/vnd.dialogporten.frontchannelembed+json;type=markdown",
        false,
        "application/vnd.dialogporten.frontchannelembed-url;type=text/markdown",
    ),
    (
        "application/vnd.dialogporten.frontchannelembed-url;type=text/html",
        true,
        "application/vnd.dialogporten.frontchannelembed-url;type=text/html",
    ),
    (
        "application/vnd.dialogporten.frontchannelembed+json;type=html",
        true,
        "application/vnd.dialogporten.frontchannelembed-url;type=text/html",
    ),
];

/// ISO 639-1, without `no`.
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv \
    cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie \
    ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk \
    ml mn mr ms mt my na nb nd ne ng nl nn nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg \
    si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh \
    yi yo za zh zu";

/// Whether two letters are in [`LANGUAGES`]: every text of a dialog asks.
const IS_LANGUAGE: [[bool; 26]; 26] = {
    let mut table = [[false; 26]; 26];
    let codes = LANGUAGES.as_bytes();
    let mut at = 0;
    while at < codes.len() {
        table[(codes[at] - b'a') as usize][(codes[at + 1] - b'a') as usize] = true;
        at += 3;
    }
    table
};

/// `en_US` and ` EN-us ` are `en`.
#[must_use]
pub fn normalize_language(code: &str) -> String {
    code.trim().replace('_', "-").to_lowercase().split('-').next().unwrap_or_default().to_owned()
}

/// Whether `code`, normalised, is a language that texts can be in.
#[must_use]
pub fn is_language(code: &str) -> bool {
    let &[first, second] = code.as_bytes() else { return false };
    let letters = first.is_ascii_lowercase() && second.is_ascii_lowercase();
    letters && IS_LANGUAGE[usize::from(first - b'a')][usize::from(second - b'a')]
}

/// Length in UTF-16 code units, as the limits count.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Whether `text` is an absolute URI with scheme `https` and a host.
#[must_use]
pub fn is_https_url(text: &str) -> bool {
    iri_string::types::IriStr::new(text).is_ok_and(|iri| {
        iri.scheme_str().eq_ignore_ascii_case("https")
            && iri.authority_components().is_some_and(|authority| !authority.host().is_empty())
    })
}

/// `https://digdir.no` becomes `https://digdir.no/`; nothing else changes.
fn with_path(url: String) -> String {
    let Some(start) = url.find("://").map(|at| at + 3) else { return url };
    match url[start..].find(['/', '?', '#']) {
        None => url + "/",
        Some(at) if url.as_bytes()[start + at] == b'/' => url,
        Some(at) => format!("{}/{}", &url[..start + at], &url[start + at..]),
    }
}

/// The members that a new transmission and a correction have in common.
#[derive(Clone, Copy)]
struct SharedMembers<'i> {
    authorization_attribute: Option<&'i String>,
    extended_type: Option<&'i UriReference>,
    external_reference: Option<&'i String>,
    sender: Option<&'i ActorInput>,
    content: Option<&'i TransmissionContentInput>,
    navigational_actions: &'i [NavigationalActionInput],
}

/// [`SharedMembers`] of either shape.
macro_rules! shared_members {
    ($input:expr) => {
        SharedMembers {
            authorization_attribute: $input.authorization_attribute.as_ref(),
            extended_type: $input.extended_type.as_ref(),
            external_reference: $input.external_reference.as_ref(),
            sender: $input.sender.as_ref(),
            content: $input.content.as_ref(),
            navigational_actions: &$input.navigational_actions,
        }
    };
}

impl<'a> Rules<'a> {
    pub fn new(now: Timestamp, writer: Writer, failures: &'a mut Failures, ids: &'a mut Ids) -> Self {
        Self {
            now,
            writer,
            failures,
            ids,
            stored: HashSet::new(),
            positions: HashMap::new(),
            chosen: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// The latest moment that counts as passed.
    fn latest_past(&self) -> Timestamp {
        self.now.plus_seconds(limits::CLOCK_TOLERANCE_SECONDS)
    }

    pub fn fail(&mut self, path: &Path<'_>, text: impl Into<String>) {
        self.failures.add(path, text);
    }

    /// The client's id, checked, or a new one.
    pub fn id(&mut self, kind: PartKind, id: Option<Uuid>, list: &Path<'_>, path: &Path<'_>) -> Uuid {
        let Some(id) = id else { return self.ids.next_id() };
        if !self.stored.contains(&id) {
            self.check_id(id, &path.member("id"));
        }
        if !self.seen.insert((kind, id)) {
            self.fail(list, format!("Ids must be unique; {id} occurs more than once."));
        }
        self.chosen.push((kind, id));
        id
    }

    /// `UUIDv7` (RFC 9562), with a time that is not ahead of our clock.
    pub fn check_id(&mut self, id: Uuid, path: &Path<'_>) {
        let is_v7 = id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122;
        let milliseconds = i64::try_from(id.as_u128() >> 80).unwrap_or(i64::MAX);
        if !is_v7 {
            self.fail(path, format!("must be a UUIDv7 in network byte order; got {id}."));
        } else if milliseconds >= self.latest_past().unix_milliseconds() {
            self.fail(path, format!("must be a UUIDv7 whose time is not in the future; got {id}."));
        }
    }

    pub fn max_text(&mut self, text: Option<&String>, max: usize, path: &Path<'_>) {
        if let Some(text) = text
            && length(text) > max
        {
            self.fail(path, format!("must be at most {max} characters; got {}.", length(text)));
        }
    }

    pub fn bounded_text(&mut self, text: &str, range: std::ops::RangeInclusive<usize>, path: &Path<'_>) {
        let units = length(text);
        if !range.contains(&units) {
            let (min, max) = range.into_inner();
            self.fail(path, format!("must be {min} to {max} characters; got {units}."));
        }
    }

    fn name(&mut self, text: &Required<String>, path: &Path<'_>) -> String {
        let text = text.0.clone().unwrap_or_default();
        if text.trim().is_empty() {
            self.fail(path, "must not be empty.");
        }
        self.max_text(Some(&text), limits::TEXT, path);
        text
    }

    pub fn past(&mut self, moment: Option<Timestamp>, path: &Path<'_>) {
        if let Some(moment) = moment
            && moment > self.latest_past()
        {
            self.fail(path, format!("must not be in the future; got {moment}."));
        }
    }

    fn not_past(&mut self, moment: Option<Timestamp>, path: &Path<'_>) {
        if let Some(moment) = moment
            && moment < self.now
        {
            self.fail(path, format!("must not be in the past; got {moment}."));
        }
    }

    fn required<T: Copy>(&mut self, value: &Required<T>, path: &Path<'_>) -> Option<T> {
        if value.is_none() {
            self.fail(path, "is required.");
        }
        value.0
    }

    /// An absolute `https` link.
    fn https_url(&mut self, url: &Required<UriReference>, path: &Path<'_>) -> String {
        let Some(UriReference(url)) = url.0.clone() else {
            self.fail(path, "is required.");
            return String::new();
        };
        if !is_https_url(&url) {
            self.fail(path, "must be an absolute URL with https.");
            return url;
        }
        let url = with_path(url);
        self.max_text(Some(&url), limits::URI, path);
        url
    }

    pub fn uri_reference(&mut self, uri: Option<UriReference>, path: &Path<'_>) -> Option<String> {
        let UriReference(uri) = uri?;
        self.max_text(Some(&uri), limits::URI, path);
        Some(uri)
    }

    pub fn progress(&mut self, progress: Option<i32>, path: &Path<'_>) {
        if let Some(progress) = progress
            && !limits::PROGRESS.contains(&progress)
        {
            self.fail(path, format!("must be from 0 to 100; got {progress}."));
        }
    }

    /// `process` and `precedingProcess`.
    pub fn processes(&mut self, process: Option<&String>, preceding: Option<&String>, dto: &Path<'_>) {
        for (uri, name) in [(process, "process"), (preceding, "precedingProcess")] {
            if let Some(uri) = uri {
                if !UriReference::is_well_formed(uri) {
                    self.fail(&dto.member(name), "must be a well-formed URI (RFC 3986).");
                }
                self.max_text(Some(uri), limits::URI, &dto.member(name));
            }
        }
        if preceding.is_some() && process.is_none_or(String::is_empty) {
            self.fail(&dto.member("process"), "is required when precedingProcess is given.");
        }
    }

    /// The resource's id without the URN prefix, in lower case.
    pub fn service_resource(&mut self, urn: &Required<String>, path: &Path<'_>) -> String {
        let Some(urn) = urn.0.as_deref() else {
            self.fail(path, "is required.");
            return String::new();
        };
        self.max_text(Some(&urn.to_owned()), limits::URI, path);
        match urn.strip_prefix(RESOURCE_URN_PREFIX) {
            Some(id) if !id.is_empty() && UriReference::is_well_formed(urn) => id.to_lowercase(),
            _ => {
                self.fail(path, format!("must be {RESOURCE_URN_PREFIX} and the id of a resource."));
                String::new()
            }
        }
    }

    pub fn party(&mut self, urn: &Required<String>, path: &Path<'_>) -> Option<PartyUrn> {
        let party = urn.0.as_deref().and_then(PartyUrn::parse_dialog_party);
        match &party {
            None => self.fail(
                path,
                "must be a valid party: urn:altinn:person:identifier-no: and 11 digits, \
                 urn:altinn:organization:identifier-no: and 9 digits, \
                 urn:altinn:person:idporten-email: and an e-mail address, or \
                 urn:altinn:person:legacy-selfidentified: and a user name.",
            ),
            Some(party) => self.max_text(Some(&party.as_str().to_owned()), limits::TEXT, path),
        }
        party
    }

    /// A part of the service, or another service, in one of the forms that the policy knows.
    fn authorization_attribute(&mut self, attribute: Option<String>, path: &Path<'_>) -> Option<String> {
        let attribute = attribute?;
        self.max_text(Some(&attribute), limits::TEXT, path);
        if !is_authorization_attribute(&attribute) {
            self.fail(
                path,
                "must be a name, or urn:altinn:<namespace>:<name>, of letters, digits, _ and -, \
                 that does not name an app, an organisation or a party.",
            );
        }
        Some(attribute)
    }

    /// Texts by language: normalised, each language once, in order of language.
    fn localizations(
        &mut self,
        inputs: &[LocalizationInput],
        max: usize,
        required: bool,
        list: &Path<'_>,
    ) -> Localizations {
        if required && inputs.is_empty() {
            self.fail(list, "must hold at least one item.");
        }
        let mut texts: Localizations = Vec::with_capacity(inputs.len());
        let mut languages = HashSet::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            let path = list.item(index);
            let language_code = match input.language_code.0.as_deref() {
                None => {
                    self.fail(&path.member("languageCode"), "is required.");
                    String::new()
                }
                Some(code) => {
                    let code = normalize_language(code);
                    if !is_language(&code) {
                        let hint = if code == "no" { " Use nb or nn for Norwegian." } else { "" };
                        self.fail(
                            &path.member("languageCode"),
                            format!("must be a two-letter language code (ISO 639-1).{hint}"),
                        );
                    } else if !languages.insert(code.clone()) {
                        self.fail(
                            list,
                            format!("must hold each language once; {code} occurs more than once."),
                        );
                    }
                    code
                }
            };
            let value = match input.value.0.clone() {
                None => {
                    self.fail(&path.member("value"), "is required.");
                    String::new()
                }
                Some(value) => {
                    if value.trim().is_empty() {
                        self.fail(&path.member("value"), "must not be empty.");
                    }
                    self.max_text(Some(&value), max, &path.member("value"));
                    value
                }
            };
            texts.push(Localization { language_code, value });
        }
        texts.sort_by(|a, b| a.language_code.cmp(&b.language_code));
        texts
    }

    fn content_value(
        &mut self,
        input: &ContentValueInput,
        max: usize,
        media: &MediaTypes,
        path: &Path<'_>,
    ) -> ContentValue {
        let max = if max == limits::TEXT && self.writer.is_correspondence {
            limits::CORRESPONDENCE_CONTENT
        } else {
            max
        };
        let given = input.media_type.as_deref().unwrap_or("text/plain");
        let html = self.writer.may_write_html;
        let stored = match media {
            MediaTypes::Plain => (given == "text/plain").then_some(given),
            MediaTypes::Rich => {
                let allowed =
                    matches!(given, "text/plain" | "text/markdown") || (html && given == "text/html");
                allowed.then_some(given)
            }
            MediaTypes::Embed => EMBEDS
                .iter()
                .find(|(name, is_html, _)| *name == given && (html || !is_html))
                .map(|(_, _, stored)| *stored),
        };
        if stored.is_none() {
            let allowed = match media {
                MediaTypes::Plain => "text/plain",
                MediaTypes::Rich if html => "text/plain, text/markdown, text/html",
                MediaTypes::Rich => "text/plain, text/markdown",
                MediaTypes::Embed => EMBEDS[0].0,
            };
            self.fail(
                &path.member("mediaType"),
                format!("The media type {given} is not allowed here; allowed: {allowed}."),
            );
        }
        let list = path.member("value");
        for (index, text) in input.value.iter().enumerate() {
            let Some(text) = text.value.as_deref() else { continue };
            let path = list.item(index);
            if given == "text/html"
                && let Some(refused) = html::refused_markup(text)
            {
                self.fail(&path, refused);
            }
            if matches!(media, MediaTypes::Embed) && !is_https_url(text) {
                self.fail(&path.member("value"), "must be an absolute URL with https.");
            }
        }
        ContentValue {
            value: self.localizations(&input.value, max, true, &list),
            media_type: stored.unwrap_or(given).to_owned(),
        }
    }

    fn optional_content(
        &mut self,
        input: Option<&ContentValueInput>,
        max: usize,
        media: &MediaTypes,
        path: &Path<'_>,
    ) -> Option<ContentValue> {
        input.map(|input| self.content_value(input, max, media, path))
    }

    /// The content of a dialog; it may be missing only where `optional`.
    pub fn content(&mut self, input: Option<&ContentInput>, optional: bool, path: &Path<'_>) -> Content {
        let Some(input) = input else {
            if !optional {
                self.fail(path, "is required unless isApiOnly is true.");
            }
            return Content::default();
        };
        if input.title.is_none() {
            self.failures.add_missing(path, "must have a title.");
            self.fail(&path.member("title"), "is required.");
        }
        let (short, plain) = (limits::TEXT, MediaTypes::Plain);
        Content {
            title: self.optional_content(input.title.as_ref(), short, &plain, &path.member("title")),
            non_sensitive_title: self.optional_content(
                input.non_sensitive_title.as_ref(),
                short,
                &plain,
                &path.member("nonSensitiveTitle"),
            ),
            summary: self.optional_content(input.summary.as_ref(), short, &plain, &path.member("summary")),
            non_sensitive_summary: self.optional_content(
                input.non_sensitive_summary.as_ref(),
                short,
                &plain,
                &path.member("nonSensitiveSummary"),
            ),
            sender_name: self.optional_content(
                input.sender_name.as_ref(),
                short,
                &plain,
                &path.member("senderName"),
            ),
            additional_info: self.optional_content(
                input.additional_info.as_ref(),
                limits::LONG_CONTENT,
                &MediaTypes::Rich,
                &path.member("additionalInfo"),
            ),
            extended_status: self.optional_content(
                input.extended_status.as_ref(),
                limits::EXTENDED_STATUS_CONTENT,
                &plain,
                &path.member("extendedStatus"),
            ),
            main_content_reference: self.optional_content(
                input.main_content_reference.as_ref(),
                limits::LONG_CONTENT,
                &MediaTypes::Embed,
                &path.member("mainContentReference"),
            ),
        }
    }

    fn transmission_content(
        &mut self,
        input: Option<&TransmissionContentInput>,
        optional: bool,
        path: &Path<'_>,
    ) -> Option<TransmissionContent> {
        let Some(input) = input else {
            if !optional {
                self.fail(path, "is required unless the dialog is for systems only (isApiOnly).");
            }
            return None;
        };
        let (short, plain) = (limits::TEXT, MediaTypes::Plain);
        let title = self.optional_content(input.title.as_ref(), short, &plain, &path.member("title"));
        if title.is_none() {
            self.failures.add_missing(path, "must have a title.");
            self.fail(&path.member("title"), "is required.");
        }
        let summary = self.optional_content(input.summary.as_ref(), short, &plain, &path.member("summary"));
        let content_reference = self.optional_content(
            input.content_reference.as_ref(),
            limits::LONG_CONTENT,
            &MediaTypes::Embed,
            &path.member("contentReference"),
        );
        Some(TransmissionContent { title: title?, summary, content_reference })
    }

    /// Trimmed, lower-case tags.
    pub fn search_tags(&mut self, inputs: &[TagInput], list: &Path<'_>) -> Vec<String> {
        let mut tags = Vec::with_capacity(inputs.len());
        let mut seen = HashSet::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            let path = list.item(index);
            let path = path.member("value");
            let Some(value) = input.value.as_deref() else {
                self.fail(&path, "is required.");
                continue;
            };
            let value = value.trim().to_lowercase();
            self.bounded_text(&value, limits::SEARCH_TAG, &path);
            if seen.insert(value.clone()) {
                tags.push(value);
            } else {
                self.fail(list, format!("must hold each tag once; {value} occurs more than once."));
            }
        }
        tags
    }

    /// Trimmed, lower-case labels, sorted.
    pub fn service_owner_labels(
        &mut self,
        inputs: &[ServiceOwnerLabelInput],
        list: &Path<'_>,
    ) -> Vec<String> {
        if inputs.len() > limits::SERVICE_OWNER_LABELS {
            self.fail(
                list,
                format!("must hold at most {} labels; got {}.", limits::SERVICE_OWNER_LABELS, inputs.len()),
            );
        }
        let mut labels = Vec::new();
        for (index, input) in inputs.iter().take(limits::SERVICE_OWNER_LABELS + 1).enumerate() {
            let path = list.item(index);
            let path = path.member("value");
            let Some(value) = input.value.as_deref() else {
                self.fail(&path, "is required.");
                continue;
            };
            let value = value.trim().to_lowercase();
            self.bounded_text(&value, limits::SERVICE_OWNER_LABEL, &path);
            if labels.contains(&value) {
                self.fail(list, format!("must hold each label once; {value} occurs more than once."));
            } else {
                labels.push(value);
            }
        }
        labels.sort();
        labels
    }

    pub fn attachments(
        &mut self,
        inputs: &[AttachmentInput],
        expiry: AttachmentExpiry,
        list: &Path<'_>,
    ) -> Vec<Attachment> {
        let read = |(index, input): (usize, &AttachmentInput)| {
            let path = list.item(index);
            let urls = path.member("urls");
            let link = |rules: &mut Self, index: usize, input: &AttachmentUrlInput| {
                let path = urls.item(index);
                let id = rules.id(PartKind::AttachmentUrl, input.id, &urls, &path);
                rules.attachment_url(id, &input.url, input.media_type.as_ref(), &input.consumer_type, &path)
            };
            let id = self.id(PartKind::Attachment, input.id, list, &path);
            self.positions.insert(id, index);
            let links = input.urls.iter().enumerate().map(|(i, url)| link(self, i, url)).collect();
            self.attachment(
                id,
                &input.display_name,
                input.name.as_ref(),
                links,
                input.expires_at,
                expiry,
                &path,
            )
        };
        in_order(inputs.iter().enumerate().map(read), |attachment| attachment.id)
    }

    fn transmission_attachments(
        &mut self,
        inputs: &[TransmissionAttachmentInput],
        expiry: AttachmentExpiry,
        list: &Path<'_>,
    ) -> Vec<Attachment> {
        let read = |(index, input): (usize, &TransmissionAttachmentInput)| {
            let path = list.item(index);
            let urls = path.member("urls");
            let id = self.id(PartKind::Attachment, input.id, list, &path);
            self.positions.insert(id, index);
            let mut links = Vec::with_capacity(input.urls.len());
            for (index, url) in input.urls.iter().enumerate() {
                let link_id = self.ids.next_id();
                let path = urls.item(index);
                links.push(self.attachment_url(
                    link_id,
                    &url.url,
                    url.media_type.as_ref(),
                    &url.consumer_type,
                    &path,
                ));
            }
            self.attachment(
                id,
                &input.display_name,
                input.name.as_ref(),
                links,
                input.expires_at,
                expiry,
                &path,
            )
        };
        in_order(inputs.iter().enumerate().map(read), |attachment| attachment.id)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the members of the two input shapes, which differ in their links"
    )]
    fn attachment(
        &mut self,
        id: Uuid,
        display_name: &[LocalizationInput],
        name: Option<&String>,
        urls: Vec<AttachmentUrl>,
        expires_at: Option<Timestamp>,
        expiry: AttachmentExpiry,
        path: &Path<'_>,
    ) -> Attachment {
        if urls.is_empty() {
            self.fail(&path.member("urls"), "must hold at least one item.");
        }
        self.max_text(name, limits::TEXT, &path.member("name"));
        if expiry == AttachmentExpiry::NotPast {
            self.not_past(expires_at, &path.member("expiresAt"));
        }
        Attachment {
            id,
            display_name: self.localizations(display_name, limits::TEXT, false, &path.member("displayName")),
            name: name.cloned(),
            urls: in_order(urls.into_iter(), |url| url.id),
            expires_at,
        }
    }

    fn attachment_url(
        &mut self,
        id: Uuid,
        url: &Required<UriReference>,
        media_type: Option<&String>,
        consumer_type: &Required<AttachmentUrlConsumerType>,
        path: &Path<'_>,
    ) -> AttachmentUrl {
        self.max_text(media_type, limits::TEXT, &path.member("mediaType"));
        AttachmentUrl {
            id,
            url: self.https_url(url, &path.member("url")),
            media_type: media_type.cloned(),
            consumer_type: self
                .required(consumer_type, &path.member("consumerType"))
                .unwrap_or(AttachmentUrlConsumerType::Gui),
        }
    }

    /// What a policy calls an operation. Dialog tokens join actions with `;` and `,`.
    fn action_name(&mut self, action: &Required<String>, path: &Path<'_>) -> String {
        let action = self.name(action, path);
        if action.contains([';', ',']) {
            self.fail(path, "must not contain ; or ,.");
        }
        action
    }

    pub fn gui_actions(&mut self, inputs: &[GuiActionInput], list: &Path<'_>) -> Vec<GuiAction> {
        for (priority, most) in limits::GUI_ACTIONS {
            let count = inputs.iter().filter(|action| action.priority.0 == Some(priority)).count();
            if count > most {
                self.fail(
                    list,
                    format!("must hold at most {most} of priority {}; got {count}.", priority.name()),
                );
            }
        }
        let read = |(index, input): (usize, &GuiActionInput)| {
            let path = list.item(index);
            let http_method = input.http_method.unwrap_or(HttpVerb::GET);
            if !matches!(http_method, HttpVerb::GET | HttpVerb::POST | HttpVerb::DELETE) {
                self.fail(&path.member("httpMethod"), "must be one of GET, POST, DELETE.");
            }
            GuiAction {
                id: self.id(PartKind::GuiAction, input.id, list, &path),
                action: self.action_name(&input.action, &path.member("action")),
                url: self.https_url(&input.url, &path.member("url")),
                authorization_attribute: self.authorization_attribute(
                    input.authorization_attribute.clone(),
                    &path.member("authorizationAttribute"),
                ),
                is_delete_dialog_action: input.is_delete_dialog_action,
                http_method,
                priority: self
                    .required(&input.priority, &path.member("priority"))
                    .unwrap_or(DialogGuiActionPriority::Tertiary),
                title: self.localizations(&input.title, limits::TEXT, true, &path.member("title")),
                prompt: self.localizations(&input.prompt, limits::TEXT, false, &path.member("prompt")),
            }
        };
        in_order(inputs.iter().enumerate().map(read), |action| action.id)
    }

    pub fn api_actions(&mut self, inputs: &[ApiActionInput], list: &Path<'_>) -> Vec<ApiAction> {
        let read = |(index, input): (usize, &ApiActionInput)| {
            let path = list.item(index);
            let endpoints = path.member("endpoints");
            if input.endpoints.is_empty() {
                self.fail(&endpoints, "must hold at least one item.");
            }
            self.max_text(input.name.as_ref(), limits::TEXT, &path.member("name"));
            ApiAction {
                id: self.id(PartKind::ApiAction, input.id, list, &path),
                action: self.action_name(&input.action, &path.member("action")),
                authorization_attribute: self.authorization_attribute(
                    input.authorization_attribute.clone(),
                    &path.member("authorizationAttribute"),
                ),
                name: input.name.clone(),
                endpoints: in_order(
                    input
                        .endpoints
                        .iter()
                        .enumerate()
                        .map(|(i, e)| self.api_action_endpoint(e, &endpoints, i)),
                    |endpoint| endpoint.id,
                ),
            }
        };
        in_order(inputs.iter().enumerate().map(read), |action| action.id)
    }

    fn api_action_endpoint(
        &mut self,
        input: &ApiActionEndpointInput,
        list: &Path<'_>,
        index: usize,
    ) -> ApiActionEndpoint {
        let path = list.item(index);
        self.max_text(input.version.as_ref(), limits::TEXT, &path.member("version"));
        if input.sunset_at.is_some() && !input.deprecated {
            self.fail(&path.member("deprecated"), "must be true when sunsetAt is given.");
        }
        ApiActionEndpoint {
            id: self.id(PartKind::ApiActionEndpoint, input.id, list, &path),
            version: input.version.clone(),
            url: self.https_url(&input.url, &path.member("url")),
            http_method: self
                .required(&input.http_method, &path.member("httpMethod"))
                .unwrap_or(HttpVerb::GET),
            documentation_url: self
                .uri_reference(input.documentation_url.clone(), &path.member("documentationUrl")),
            request_schema: self.uri_reference(input.request_schema.clone(), &path.member("requestSchema")),
            response_schema: self
                .uri_reference(input.response_schema.clone(), &path.member("responseSchema")),
            deprecated: input.deprecated,
            sunset_at: input.sunset_at,
        }
    }

    pub fn actor(&mut self, input: Option<&ActorInput>, path: &Path<'_>) -> Actor {
        let Some(input) = input else {
            self.fail(path, "is required.");
            return Actor::service_owner();
        };
        let actor_type = self.required(&input.actor_type, &path.member("actorType"));
        let id = input.actor_id.as_deref();
        let name = input.actor_name.as_deref().filter(|name| !name.trim().is_empty());
        match actor_type {
            Some(ActorType::ServiceOwner) if id.is_some() || input.actor_name.is_some() => {
                self.failures.add_missing(path, "A service owner must have neither actorId nor actorName.");
            }
            Some(ActorType::PartyRepresentative)
                if id.is_some() == name.is_some() || (id.is_some() && input.actor_name.is_some()) =>
            {
                let text = "A party's representative must have either actorId or actorName, and not both.";
                self.failures.add_missing(path, text);
            }
            _ => {}
        }
        self.max_text(input.actor_name.as_ref(), limits::TEXT, &path.member("actorName"));
        let actor_id = id.map(|id| match PartyUrn::parse_dialog_party(id) {
            Some(actor) => {
                self.max_text(Some(&actor.as_str().to_owned()), limits::TEXT, &path.member("actorId"));
                actor.as_str().to_owned()
            }
            None => {
                self.fail(
                    &path.member("actorId"),
                    "must be the valid URN of a person, organisation or user.",
                );
                String::new()
            }
        });
        Actor {
            actor_type: actor_type.unwrap_or(ActorType::ServiceOwner),
            actor_id,
            actor_name: name.map(str::to_owned),
        }
    }

    /// One transmission of `list`. Times before visibility are the caller's business.
    pub fn transmission(
        &mut self,
        input: &TransmissionInput,
        content_optional: bool,
        expiry: AttachmentExpiry,
        list: &Path<'_>,
        path: &Path<'_>,
    ) -> Transmission {
        let created_at = input.created_at.0.filter(|moment| !moment.is_zero());
        self.past(created_at, &path.member("createdAt"));
        if let Some(key) = &input.idempotent_key {
            self.bounded_text(key, limits::IDEMPOTENT_KEY, &path.member("idempotentKey"));
        }
        if input.id.is_some() && input.related_transmission_id == input.id {
            self.fail(&path.member("relatedTransmissionId"), "A transmission must not relate to itself.");
        }
        let id = self.id(PartKind::Transmission, input.id, list, path);
        if let Path::Item(_, index) = path {
            self.positions.insert(id, *index);
        }
        let attachments =
            self.transmission_attachments(&input.attachments, expiry, &path.member("attachments"));
        Transmission {
            id,
            created_at: created_at.unwrap_or(self.now),
            r#type: self
                .required(&input.r#type, &path.member("type"))
                .unwrap_or(DialogTransmissionType::Information),
            idempotent_key: input.idempotent_key.clone(),
            related_transmission_id: input.related_transmission_id,
            body: self.transmission_body(shared_members!(input), attachments, content_optional, path),
        }
    }

    fn transmission_body(
        &mut self,
        input: SharedMembers<'_>,
        attachments: Vec<Attachment>,
        content_optional: bool,
        path: &Path<'_>,
    ) -> TransmissionBody {
        self.max_text(input.external_reference, limits::TEXT, &path.member("externalReference"));
        TransmissionBody {
            authorization_attribute: self.authorization_attribute(
                input.authorization_attribute.cloned(),
                &path.member("authorizationAttribute"),
            ),
            extended_type: self.uri_reference(input.extended_type.cloned(), &path.member("extendedType")),
            external_reference: input.external_reference.cloned(),
            sender: self.actor(input.sender, &path.member("sender")),
            content: self.transmission_content(input.content, content_optional, &path.member("content")),
            attachments,
            navigational_actions: self.navigational_actions(input.navigational_actions, path),
        }
    }

    /// The corrected state of the transmission `stored`, where there is one.
    pub fn correction(
        &mut self,
        input: &CorrectTransmission,
        stored: Option<&Transmission>,
        content_optional: bool,
        path: &Path<'_>,
    ) -> Transmission {
        if let Some(key) = &input.idempotent_key {
            self.bounded_text(key, limits::IDEMPOTENT_KEY, &path.member("idempotentKey"));
        }
        let attachments =
            self.attachments(&input.attachments, AttachmentExpiry::Unchecked, &path.member("attachments"));
        Transmission {
            id: stored.map_or(Uuid::nil(), |stored| stored.id),
            created_at: input
                .created_at
                .filter(|moment| !moment.is_zero())
                .or(stored.map(|stored| stored.created_at))
                .unwrap_or(self.now),
            r#type: self
                .required(&input.r#type, &path.member("type"))
                .unwrap_or(DialogTransmissionType::Information),
            idempotent_key: input.idempotent_key.clone(),
            related_transmission_id: input.related_transmission_id,
            body: self.transmission_body(shared_members!(input), attachments, content_optional, path),
        }
    }

    fn navigational_actions(
        &mut self,
        inputs: &[NavigationalActionInput],
        transmission: &Path<'_>,
    ) -> Vec<NavigationalAction> {
        let list = transmission.member("navigationalActions");
        let read = |(index, input)| self.navigational_action(input, &list.item(index));
        inputs.iter().enumerate().map(read).collect()
    }

    fn navigational_action(
        &mut self,
        input: &NavigationalActionInput,
        path: &Path<'_>,
    ) -> NavigationalAction {
        self.not_past(input.expires_at, &path.member("expiresAt"));
        NavigationalAction {
            title: self.localizations(&input.title, limits::TEXT, true, &path.member("title")),
            url: self.https_url(&input.url, &path.member("url")),
            expires_at: input.expires_at,
        }
    }

    /// One activity of `list`.
    pub fn activity(&mut self, input: &ActivityInput, list: &Path<'_>, path: &Path<'_>) -> Activity {
        let created_at = input.created_at.filter(|moment| !moment.is_zero());
        self.past(created_at, &path.member("createdAt"));
        let kind = self.required(&input.r#type, &path.member("type"));
        let opens = kind == Some(DialogActivityType::TransmissionOpened);
        if opens && input.transmission_id.is_none() {
            self.fail(&path.member("transmissionId"), "is required for TransmissionOpened.");
        } else if kind.is_some() && !opens && input.transmission_id.is_some() {
            self.fail(
                &path.member("transmissionId"),
                "must be absent for other types than TransmissionOpened.",
            );
        }
        let informs = kind == Some(DialogActivityType::Information);
        if kind.is_some() && !informs && !input.description.is_empty() {
            self.fail(&path.member("description"), "must be absent for other types than Information.");
        }
        let max =
            if self.writer.is_correspondence { limits::CORRESPONDENCE_DESCRIPTION } else { limits::TEXT };
        Activity {
            id: self.id(PartKind::Activity, input.id, list, path),
            created_at: created_at.unwrap_or(self.now),
            r#type: kind.unwrap_or(DialogActivityType::Information),
            transmission_id: input.transmission_id,
            body: ActivityBody {
                extended_type: self.uri_reference(input.extended_type.clone(), &path.member("extendedType")),
                performed_by: self.actor(input.performed_by.as_ref(), &path.member("performedBy")),
                description: self.localizations(
                    &input.description,
                    max,
                    informs,
                    &path.member("description"),
                ),
            },
        }
    }
}

/// Parts are read in the order of their ids; ids made by the service keep the order of input.
fn in_order<T>(parts: impl Iterator<Item = T>, id: impl Fn(&T) -> Uuid) -> Vec<T> {
    let mut parts: Vec<T> = parts.collect();
    parts.sort_by_key(id);
    parts
}

fn is_authorization_attribute(attribute: &str) -> bool {
    let is_name = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    let lower = attribute.to_ascii_lowercase();
    match lower.strip_prefix("urn:altinn:") {
        None => is_name(&lower),
        Some(rest) => rest.split_once(':').is_some_and(|(namespace, name)| {
            // These would replace the resource or the party in the question to the policy.
            let reserved =
                ["app", "org", "person", "organization", "systemuser", "party", "partyid", "userid", "ssn"];
            is_name(namespace) && is_name(name) && !reserved.contains(&namespace)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorization_attributes() {
        for ok in [
            "element1",
            "urn:altinn:subresource:x",
            "urn:altinn:task:Task_1",
            "urn:altinn:resource:other-service",
        ] {
            assert!(is_authorization_attribute(ok), "{ok}");
        }
        for bad in [
            "",
            " ",
            "urn:dialogporten:x",
            "a:b:c",
            "a.b.c",
            "1a",
            "urn:altinn:app:x",
            "urn:altinn:org:ttd",
            "urn:altinn:resource:",
        ] {
            assert!(!is_authorization_attribute(bad), "{bad}");
        }
    }

    #[test]
    fn languages() {
        for (input, code) in
            [("nb_NO", "nb"), ("en_US", "en"), (" EN-gb ", "en"), ("nb_ignore_region_code", "nb")]
        {
            assert_eq!(normalize_language(input), code);
            assert!(is_language(code));
        }
        for bad in ["no", "invalid", "", "nob", "n"] {
            assert!(!is_language(bad), "{bad}");
        }
        assert!(is_language("bh") && is_language("zu") && is_language("aa"));
    }

    #[test]
    fn links_get_a_path_and_nothing_else() {
        for (input, output) in [
            ("https://digdir.no", "https://digdir.no/"),
            ("https://digdir.no?a=b", "https://digdir.no/?a=b"),
            ("https://digdir.no#x", "https://digdir.no/#x"),
            ("https://Digdir.no:443/A%20b", "https://Digdir.no:443/A%20b"),
        ] {
            assert_eq!(with_path(input.into()), output);
        }
        for ok in ["https://digdir.no", "HTTPS://digdir.no/x", "https://user@digdir.no:8443/æ"] {
            assert!(is_https_url(ok), "{ok}");
        }
        for bad in
            ["http://digdir.no", "https://", "https:/x", "//digdir.no", "/x", "urn:a:b", "https://a b", ""]
        {
            assert!(!is_https_url(bad), "{bad}");
        }
    }
}
