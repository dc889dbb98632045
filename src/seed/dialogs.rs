//! One dialog after the other, each from its place alone.

use uuid::Uuid;

use super::profile::{BIGGEST, Profile, RARE_EXTENDED_STATUS, RARE_LABEL, RARE_STATUS, Service, Special};
use super::random::Random;
use super::texts::{self, Subject, localized};
use crate::access::caller::UserKind;
use crate::app::seen_id;
use crate::dialog::model::{
    Activity, ActivityBody, Actor, ApiAction, ApiActionEndpoint, Attachment, AttachmentUrl, Content,
    ContentValue, Dialog, Documents, GuiAction, Localization, SystemLabels, Transmission, TransmissionBody,
    TransmissionContent,
};
use crate::dialog::party::{PartyKind, PartyUrn};
use crate::dialog::validate::PartKind;
use crate::dialog::vocabulary::{
    ActorType, AttachmentUrlConsumerType, DialogActivityType, DialogGuiActionPriority, DialogStatus,
    DialogTransmissionType, HttpVerb, SystemLabel,
};
use crate::dialog::write::{AddedTransmission, ClaimedPart};
use crate::store::{Relabelled, SeededDialog, SeenEntry};
use crate::timestamp::Timestamp;

/// The first and the last moment of the data set: three years, the end of 2023 to that of 2026.
const BEGIN: i64 = 1_698_796_800_000_000;
const END: i64 = 1_793_491_200_000_000;
/// When what is hidden begins to be seen: the year 2036.
const UNVEILING: i64 = 2_082_758_400_000_000;
const DAY: u64 = 86_400_000_000;

/// Statuses as often as they are drawn; [`RARE_STATUS`] is not among them.
const STATUSES: [DialogStatus; 10] = [
    DialogStatus::NotApplicable,
    DialogStatus::NotApplicable,
    DialogStatus::NotApplicable,
    DialogStatus::InProgress,
    DialogStatus::InProgress,
    DialogStatus::RequiresAttention,
    DialogStatus::RequiresAttention,
    DialogStatus::Completed,
    DialogStatus::Completed,
    DialogStatus::Awaiting,
];

const EXTENDED_STATUSES: [&str; 4] = ["waiting", "processing", "signing", "done"];

const LABELS: [&str; 6] = [
    "seed:archive-1",
    "seed:archive-2",
    "seed:case-type-a",
    "seed:case-type-b",
    "seed:office-north",
    "seed:office-south",
];

/// The dialog at this place.
#[must_use]
pub fn dialog(profile: &Profile, place: usize) -> SeededDialog {
    Maker::new(profile, place).make()
}

/// Its id, without the rest of it.
pub(super) fn id(profile: &Profile, place: usize) -> Uuid {
    Maker::new(profile, place).id
}

/// What the parts of one dialog are made with.
struct Maker<'a> {
    profile: &'a Profile,
    place: usize,
    special: Special,
    random: Random,
    id: Uuid,
    /// When it was created.
    created: Timestamp,
    /// When its content last changed.
    changed: Timestamp,
    /// Until when users do not see it.
    hidden_until: Option<Timestamp>,
    service: &'a Service,
    party: &'a PartyUrn,
    subject: Subject,
    languages: &'static [usize],
    /// Whether ids of parts are chosen by the client.
    claims_ids: bool,
    claims: Vec<ClaimedPart>,
}

fn moment(microseconds: i64) -> Timestamp {
    Timestamp::from_unix_microseconds(microseconds)
        .unwrap_or_else(|| Timestamp::new(chrono::DateTime::UNIX_EPOCH))
}

/// Up to so many days later, but within the data set.
fn later(random: &mut Random, than: Timestamp, days: u64) -> Timestamp {
    let than = than.unix_microseconds();
    moment((than + 1 + random.below(days * DAY).cast_signed()).min(END.max(than + 1)))
}

fn plain(value: Vec<Localization>) -> ContentValue {
    ContentValue { value, media_type: "text/plain".into() }
}

impl<'a> Maker<'a> {
    fn new(profile: &'a Profile, place: usize) -> Self {
        let mut random = Random::new(profile.seed, place as u64);
        let special = profile.special(place);
        // As many in each part of the time, and each after those before.
        let pace = (END - BEGIN).cast_unsigned() / profile.dialogs.max(1) as u64;
        let created = moment(BEGIN + (pace * place as u64 + random.below(pace.max(1))).cast_signed());
        let id = uuid_v7(created, &mut random);
        let hidden_until = (random.chance(50) && special == Special::Nothing)
            .then(|| moment(UNVEILING + random.below(365 * DAY).cast_signed()));
        let changed = match hidden_until {
            Some(visible) => visible,
            None if special == Special::Biggest || random.chance(400) => later(&mut random, created, 60),
            None => created,
        };
        let party = profile.party(place, special, &mut random);
        let service = profile.service(special, &mut random);
        Self {
            profile,
            place,
            special,
            id,
            created,
            changed,
            hidden_until,
            service: &profile.services[service],
            party: &profile.parties[party],
            subject: Subject::draw(&mut random),
            languages: texts::languages(&mut random),
            claims_ids: random.chance(100),
            claims: Vec::new(),
            random,
        }
    }

    fn make(mut self) -> SeededDialog {
        let documents = self.documents();
        // What comes with the dialog itself is dated when it is first seen.
        let first = self.hidden_until.unwrap_or(self.created);
        let mut dialog = Dialog {
            id: self.id,
            revision: self.uuid_v4(),
            org: self.service.owner_code.to_owned(),
            service_resource: self.service.id.clone(),
            service_resource_type: self.service.resource_type.to_owned(),
            party: self.party.clone(),
            idempotent_key: self
                .random
                .chance(200)
                .then(|| format!("seed-{}-{}", self.profile.seed % 100_000, self.place)),
            status: self.random.pick(&STATUSES),
            extended_status: None,
            external_reference: self.random.chance(300).then(|| format!("sak-{}", 100_000 + self.place)),
            progress: self
                .random
                .chance(200)
                .then(|| i32::try_from(self.random.below(11) * 10).unwrap_or_default()),
            process: self.random.chance(100).then(|| format!("urn:seed:process:{}", self.place / 7)),
            preceding_process: None,
            visible_from: self.hidden_until,
            due_at: None,
            expires_at: None,
            created_at: first,
            updated_at: first,
            content_updated_at: first,
            deleted_at: None,
            frozen: false,
            is_api_only: self.random.chance(20),
            is_seen: false,
            system_labels: SystemLabels::DEFAULT,
            end_user_context_revision: self.uuid_v4(),
            service_owner_context_revision: self.uuid_v4(),
            from_service_owner: 0,
            from_party: 0,
            unopened_transmissions: 0,
            contentless_transmissions: 0,
            correspondence_opened: false,
            documents,
        };
        if dialog.documents.content.extended_status.is_some() {
            dialog.extended_status = Some(self.random.pick(&EXTENDED_STATUSES).to_owned());
        }
        if Profile::is_rare(self.place, 0) {
            dialog.status = RARE_STATUS;
        }
        if Profile::is_rare(self.place, 1) {
            dialog.extended_status = Some(RARE_EXTENDED_STATUS.to_owned());
        }
        let mut seen = Vec::new();
        let is_viewed = self.hidden_until.is_none() && self.random.chance(526);
        if is_viewed && self.changed > self.created && self.random.chance(300) {
            // Before the content changed: this does not count any more.
            let between =
                (self.changed.unix_microseconds() - self.created.unix_microseconds()).cast_unsigned();
            let at = moment(self.created.unix_microseconds() + self.random.below(between).cast_signed());
            seen.push(self.viewing(&dialog, at));
        }
        dialog.updated_at = self.changed;
        dialog.content_updated_at = self.changed;
        let transmissions = self.transmissions(&mut dialog);
        let activities = self.activities(&mut dialog, &transmissions);
        self.dates(&mut dialog);
        if is_viewed && seen.is_empty() {
            let at = later(&mut self.random, dialog.updated_at, 20);
            seen.push(self.viewing(&dialog, at));
            dialog.is_seen = true;
        }
        let relabelled = self.labels(&mut dialog, &transmissions);
        if self.hidden_until.is_none() && self.special == Special::Nothing && self.random.chance(32) {
            dialog.deleted_at = Some(later(&mut self.random, dialog.updated_at, 90));
        }
        let service_owner_labels = self.service_owner_labels();
        SeededDialog {
            dialog,
            transmissions,
            activities,
            service_owner_labels,
            claims: self.claims,
            seen,
            relabelled,
        }
    }

    fn uuid_v4(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    fn uuid_v7(&mut self, at: Timestamp) -> Uuid {
        uuid_v7(at, &mut self.random)
    }

    fn bytes(&mut self) -> [u8; 16] {
        ((u128::from(self.random.bits()) << 64) | u128::from(self.random.bits())).to_be_bytes()
    }

    /// An id of a part, which may be one that the client has chosen.
    fn part(&mut self, kind: PartKind, of_transmission: bool, at: Timestamp) -> Uuid {
        let id = self.uuid_v7(at);
        if self.claims_ids {
            self.claims.push(ClaimedPart { kind, id, of_transmission });
        }
        id
    }

    fn documents(&mut self) -> Documents {
        let (subject, languages) = (self.subject, self.languages);
        let is_common = self.random.chance(400);
        let in_summary = is_common && self.random.chance(750);
        let case = self.random.chance(250).then(|| 2_026_000_000_000 + self.place as u64);
        let rare = match self.special {
            Special::RareWord(number) => Some((number, texts::rare_word(number))),
            _ => None,
        };
        let in_text = |number: usize| number.is_multiple_of(2);
        let summary = |language| {
            let mut text = subject.summary(language);
            if let Some(number) = case {
                text.push_str(&texts::case_number(language, number));
            }
            if let Some((_, word)) = rare.as_ref().filter(|(number, _)| in_text(*number)) {
                text.push_str(&texts::reference(language, word));
            }
            if in_summary {
                text.push_str(&texts::read_more(language));
            }
            text
        };
        let is_sensitive = self.random.chance(100);
        let has_info = is_common && !in_summary || self.random.chance(150);
        let is_markdown = !is_common && self.random.chance(500);
        let info = |language| {
            let mut text = subject.sentence(language, 1);
            if is_common && !in_summary {
                text.push_str(&texts::read_more(language));
            }
            text
        };
        let content = Content {
            title: Some(plain(localized(languages, |language| subject.title(language)))),
            non_sensitive_title: is_sensitive
                .then(|| plain(localized(languages, |language| subject.opening(language)))),
            summary: Some(plain(localized(languages, summary))),
            non_sensitive_summary: (is_sensitive && self.random.chance(500))
                .then(|| plain(localized(languages, |language| subject.sentence(language, 1)))),
            sender_name: self
                .random
                .chance(100)
                .then(|| plain(localized(languages, |language| texts::SENDERS[language].into()))),
            additional_info: has_info.then(|| ContentValue {
                media_type: if is_markdown { "text/markdown" } else { "text/plain" }.into(),
                value: localized(languages, info),
            }),
            extended_status: self.random.chance(200).then(|| {
                let status = self.random.index(4);
                plain(localized(languages, |language| texts::STATUSES[language][status].into()))
            }),
            main_content_reference: None,
        };
        let mut search_tags = Vec::new();
        if self.random.chance(300) {
            search_tags.push(subject.noun(languages[0]));
        }
        if let Some((_, word)) = rare.as_ref().filter(|(number, _)| !in_text(*number)) {
            search_tags.push(word.clone());
        }
        let at = self.created;
        let attachments = if self.random.chance(300) { vec![self.attachment(false, at)] } else { Vec::new() };
        let gui_actions = self.gui_actions();
        let api_actions = if self.random.chance(100) { vec![self.api_action()] } else { Vec::new() };
        Documents { content, search_tags, attachments, gui_actions, api_actions }
    }

    fn attachment(&mut self, of_transmission: bool, at: Timestamp) -> Attachment {
        let id = self.part(PartKind::Attachment, of_transmission, at);
        let consumer_type = if self.random.chance(800) {
            AttachmentUrlConsumerType::Gui
        } else {
            AttachmentUrlConsumerType::Api
        };
        let urls = vec![AttachmentUrl {
            id: self.part(PartKind::AttachmentUrl, of_transmission, at),
            url: format!("https://example.com/{}/{}.pdf", self.service.id, self.place),
            media_type: Some("application/pdf".into()),
            consumer_type,
        }];
        let subject = self.subject;
        let display_name = localized(&self.languages[..1], |language| subject.noun(language));
        Attachment { id, display_name, name: None, urls, expires_at: None }
    }

    fn gui_actions(&mut self) -> Vec<GuiAction> {
        let count = if self.random.chance(500) { 1 + self.random.index(2) } else { 0 };
        let priorities = [DialogGuiActionPriority::Primary, DialogGuiActionPriority::Secondary];
        let subject = self.subject;
        priorities[..count]
            .iter()
            .map(|priority| GuiAction {
                id: self.part(PartKind::GuiAction, false, self.created),
                action: if *priority == DialogGuiActionPriority::Primary { "write" } else { "read" }.into(),
                url: format!("https://example.com/{}/{}", self.service.id, self.place),
                authorization_attribute: None,
                is_delete_dialog_action: false,
                http_method: HttpVerb::GET,
                priority: *priority,
                title: localized(self.languages, |language| subject.title(language)),
                prompt: Vec::new(),
            })
            .collect()
    }

    fn api_action(&mut self) -> ApiAction {
        ApiAction {
            id: self.part(PartKind::ApiAction, false, self.created),
            action: "read".into(),
            authorization_attribute: None,
            name: None,
            endpoints: vec![ApiActionEndpoint {
                id: self.part(PartKind::ApiActionEndpoint, false, self.created),
                version: Some("v1".into()),
                url: format!("https://example.com/api/{}/{}", self.service.id, self.place),
                http_method: HttpVerb::GET,
                documentation_url: None,
                request_schema: None,
                response_schema: None,
                deprecated: false,
                sunset_at: None,
            }],
        }
    }

    fn transmissions(&mut self, dialog: &mut Dialog) -> Vec<AddedTransmission> {
        let count = match (self.special, self.random.below(100)) {
            (Special::Biggest, _) => BIGGEST,
            (_, 0..35) => 0,
            (_, 35..65) => 1,
            (_, 65..85) => 2,
            _ => 3,
        };
        let (first, last) = (dialog.created_at.unix_microseconds(), self.changed.unix_microseconds());
        let mut added: Vec<AddedTransmission> = Vec::with_capacity(count);
        for number in 1..=count {
            // The last one is the change of the content.
            let created_at = moment(if number == count {
                last
            } else {
                first + (last - first) / count.cast_signed() as i64 * number.cast_signed() as i64
            });
            let is_from_party = self.random.chance(150);
            let kind = if is_from_party {
                dialog.from_party += 1;
                DialogTransmissionType::Submission
            } else {
                dialog.from_service_owner += 1;
                self.random.pick(&[
                    DialogTransmissionType::Information,
                    DialogTransmissionType::Request,
                    DialogTransmissionType::Decision,
                    DialogTransmissionType::Acceptance,
                ])
            };
            // Each third answers the one before; its answers are not answered.
            let parent = added.last().filter(|before| before.depth == 1 && number % 3 == 2);
            let parent = parent.map(|before| before.transmission.id);
            let id = self.transmission_id(created_at);
            let body = self.transmission_body(is_from_party, created_at);
            let depth = if parent.is_some() { 2 } else { 1 };
            let transmission = Transmission {
                id,
                created_at,
                r#type: kind,
                idempotent_key: None,
                related_transmission_id: parent,
                body,
            };
            added.push(AddedTransmission { transmission, depth });
        }
        dialog.unopened_transmissions = dialog.from_service_owner;
        added
    }

    /// Ids are of the time of writing, not of the time when the dialog becomes visible.
    fn transmission_id(&mut self, at: Timestamp) -> Uuid {
        let at = if self.hidden_until.is_some() { self.created } else { at };
        self.uuid_v7(at)
    }

    fn transmission_body(&mut self, is_from_party: bool, at: Timestamp) -> TransmissionBody {
        let subject = Subject::draw(&mut self.random);
        let content = TransmissionContent {
            title: plain(localized(self.languages, |language| subject.title(language))),
            summary: self
                .random
                .chance(500)
                .then(|| plain(localized(self.languages, |language| subject.sentence(language, 0)))),
            content_reference: None,
        };
        let attachments = if self.random.chance(100) { vec![self.attachment(true, at)] } else { Vec::new() };
        TransmissionBody {
            authorization_attribute: None,
            extended_type: None,
            external_reference: None,
            sender: if is_from_party { self.representative() } else { Actor::service_owner() },
            content: Some(content),
            attachments,
            navigational_actions: Vec::new(),
        }
    }

    fn activities(&mut self, dialog: &mut Dialog, transmissions: &[AddedTransmission]) -> Vec<Activity> {
        let count = self.random.index(4);
        let mut activities: Vec<Activity> = Vec::with_capacity(count);
        let opened =
            transmissions.last().map(|added| &added.transmission).filter(|last| !last.r#type.is_from_party());
        for number in 0..count {
            let is_hidden = self.hidden_until.is_some();
            let (kind, created_at, transmission_id, description) = match (number, opened) {
                (0, _) => (DialogActivityType::DialogCreated, self.created, None, Vec::new()),
                (1, _) => {
                    let subject = self.subject;
                    let text = localized(self.languages, |language| subject.sentence(language, 1));
                    (DialogActivityType::Information, self.created, None, text)
                }
                (2, Some(opened)) if !is_hidden => {
                    // Reported after the content has changed.
                    let at = later(&mut self.random, dialog.content_updated_at, 10);
                    dialog.updated_at = at;
                    dialog.unopened_transmissions -= 1;
                    (DialogActivityType::TransmissionOpened, at, Some(opened.id), Vec::new())
                }
                _ => (DialogActivityType::FormSaved, self.created, None, Vec::new()),
            };
            let performed_by =
                if number == 2 && !is_hidden { self.representative() } else { Actor::service_owner() };
            activities.push(Activity {
                id: self.uuid_v7(created_at),
                created_at,
                r#type: kind,
                transmission_id,
                body: ActivityBody { extended_type: None, performed_by, description },
            });
        }
        activities
    }

    fn dates(&mut self, dialog: &mut Dialog) {
        let base = dialog.content_updated_at;
        let mut days = |from: u64, to: u64| {
            let days = from + self.random.below(to - from);
            base.plus_seconds((days * 86_400).cast_signed())
        };
        let (due, expires) = (days(5, 90), days(90, 900));
        if self.random.chance(300) {
            dialog.due_at = Some(due);
        }
        if self.special == Special::Nothing && self.random.chance(40) {
            dialog.expires_at = Some(expires);
        }
    }

    /// Somebody for the party: the person, or somebody of the company.
    fn user(&mut self) -> &'a PartyUrn {
        if self.party.kind() == PartyKind::Person {
            return self.party;
        }
        let people = &self.profile.parties[self.profile.parties.len() / 2 + 1..];
        &people[self.random.index(people.len())]
    }

    fn representative(&mut self) -> Actor {
        let user = self.user();
        Actor {
            actor_type: ActorType::PartyRepresentative,
            actor_id: Some(user.as_str().to_owned()),
            actor_name: Some(name(user)),
        }
    }

    fn viewing(&mut self, dialog: &Dialog, seen_at: Timestamp) -> (SeenEntry, i16) {
        let user = self.user();
        let entry = SeenEntry {
            id: seen_id(dialog, user.as_str()),
            seen_at,
            user_id: user.as_str().to_owned(),
            user_name: Some(name(user)),
            via_service_owner: false,
        };
        (entry, UserKind::Person.code())
    }

    fn labels(&mut self, dialog: &mut Dialog, transmissions: &[AddedTransmission]) -> Vec<Relabelled> {
        let mut relabelled = Vec::new();
        let mut set = |label, created_at, performed_by| {
            dialog.system_labels = dialog.system_labels.with(label);
            relabelled.push(Relabelled { created_at, label, performed_by });
        };
        let sent = transmissions.iter().map(|added| &added.transmission).find(|t| t.r#type.is_from_party());
        if let Some(sent) = sent {
            set(SystemLabel::Sent, sent.created_at, Actor::service_owner());
        }
        if self.hidden_until.is_some() {
            return relabelled;
        }
        let moved = later(&mut self.random, self.changed, 60);
        let by = self.representative();
        match self.random.below(1_000) {
            0..52 => set(SystemLabel::Bin, moved, by),
            52..105 => set(SystemLabel::Archive, moved, by),
            105..115 => set(SystemLabel::MarkedAsUnopened, moved, by),
            _ => {}
        }
        relabelled
    }

    fn service_owner_labels(&mut self) -> Vec<String> {
        let mut labels: Vec<String> = Vec::new();
        if self.random.chance(250) {
            labels.push(self.random.pick(&LABELS).to_owned());
        }
        if Profile::is_rare(self.place, 2) {
            labels.push(RARE_LABEL.to_owned());
        }
        labels.sort_unstable();
        labels
    }
}

fn uuid_v7(at: Timestamp, random: &mut Random) -> Uuid {
    let milliseconds = at.unix_milliseconds().max(0).unsigned_abs();
    let bits = (u128::from(random.bits()) << 64) | u128::from(random.bits());
    let mut counter_and_random = [0; 10];
    counter_and_random.copy_from_slice(&bits.to_be_bytes()[..10]);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &counter_and_random).into_uuid()
}

/// A made-up name, the same for the same person.
fn name(user: &PartyUrn) -> String {
    const FIRST: [&str; 8] = ["VENNLIG", "MODIG", "STILLE", "RASK", "LUN", "SPENSTIG", "TREVEN", "LYSTIG"];
    const LAST: [&str; 8] = ["ELG", "BJØRK", "FJORD", "LOMME", "KATT", "GRYTE", "STEIN", "HATT"];
    let number = user.id().bytes().fold(0_usize, |sum, byte| sum * 7 + usize::from(byte)) % 1_000;
    format!("{} {}", LAST[number % 8], FIRST[number / 8 % 8])
}
