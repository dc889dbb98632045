//! Single dialogs: create, load, change. One statement each.

use std::collections::{BTreeSet, HashMap};

use sqlx::Row;
use sqlx::types::Json;
use uuid::Uuid;

use super::outbox::{ToldColumns, tell};
use super::repetition::{KeptColumns, keep_outcome};
use super::rows::{
    ActivityRow, TransmissionRow, activity, activity_row, dialog, dialog_columns, key_of, split_documents,
    transmission, transmission_row,
};
use super::seen::{SeenEntry, SeenRow, seen_entry, seen_row};
use super::words::{WordColumns, insert_words};
use super::{Store, StoreFailure};
use crate::access::DialogScope;
use crate::dialog::hierarchy::StoredParent;
use crate::dialog::lifecycle::Purge;
use crate::dialog::model::{Activity, ActivityBody, Actor, Dialog, Transmission, TransmissionBody};
use crate::dialog::vocabulary::{DialogActivityType, DialogTransmissionType, SystemLabel};
use crate::dialog::write::{
    AddedTransmission, Change, ClaimedPart, Corrected, Correction, Creation, Known, KnownPart,
    KnownTransmission,
};
use crate::search::words;
use crate::timestamp::Timestamp;

/// Ids and keys of a request that may be those of stored parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Ids.
    pub ids: Vec<Uuid>,
    /// Idempotency keys of transmissions.
    pub transmission_keys: Vec<String>,
}

/// A dialog as it is before a change.
#[derive(Debug)]
pub struct Loaded {
    /// The dialog.
    pub dialog: Dialog,
    /// What is known of the parts that the request names.
    pub known: Known,
}

/// A dialog with everything that belongs to it.
#[derive(Debug)]
pub struct DialogDetail {
    /// The dialog.
    pub dialog: Dialog,
    /// In order of creation.
    pub transmissions: Vec<Transmission>,
    /// In order of creation.
    pub activities: Vec<Activity>,
    /// The authorization attributes of its transmissions, where they are needed and these are not.
    pub attributes: Vec<String>,
    /// In byte order.
    pub service_owner_labels: Vec<String>,
    /// Entries since the content last changed, oldest first.
    pub seen: Vec<SeenEntry>,
}

// Everything else comes from the dialog's own row, so that it is stored first: of all that may be
// taken, its id and its key are what is reported.
const CREATE: &str = concat!(
    "with new_dialog as (
    insert into dialog (
        id, revision, party_key, resource_key, created_at, updated_at, content_updated_at, visible_from, due_at,
        expires_at, end_user_context_revision, service_owner_context_revision, from_service_owner, from_party,
        unopened_transmissions, contentless_transmissions, status, system_labels, progress, is_api_only, is_seen,
        frozen, correspondence_opened, org, idempotent_key, extended_status, external_reference, process,
        expiry_told_for)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $63,
        false, $21, $22, $23, $24, $25, $26, case when $10 <= $49::timestamptz then $10 end)
    returning id
), new_document as (
    insert into dialog_document (dialog_id, party, service_resource, service_resource_type, preceding_process,
        list, detail)
    select id, $27, $28, $29, $30, $31, $32 from new_dialog
), new_transmissions as (
    insert into transmission (id, dialog_id, created_at, related_id, type, depth, idempotent_key, body)
    select u.id, d.id, u.created_at, u.related_id, u.type, u.depth, u.idempotent_key, u.body
    from new_dialog d, unnest($33::uuid[], $34::timestamptz[], $35::uuid[], $36::smallint[], $37::smallint[], $38::text[],
        $39::jsonb[]) as u (id, created_at, related_id, type, depth, idempotent_key, body)
), new_activities as (
    insert into activity (id, dialog_id, created_at, transmission_id, type, body)
    select u.id, d.id, u.created_at, u.transmission_id, u.type, u.body
    from new_dialog d, unnest($40::uuid[], $41::timestamptz[], $42::uuid[], $43::smallint[], $44::jsonb[])
        as u (id, created_at, transmission_id, type, body)
), new_parts as (
    insert into dialog_part (id, dialog_id, kind, of_transmission)
    select u.id, d.id, u.kind, u.of_transmission
    from new_dialog d, unnest($45::uuid[], $46::smallint[], $47::boolean[]) as u (id, kind, of_transmission)
), new_labels as (
    insert into service_owner_label (dialog_id, value) select d.id, value from new_dialog d, unnest($48::text[]) as u (value)
), new_label_log as (
    insert into label_log (dialog_id, created_at, label, is_set, performed_by)
    select d.id, $49, label, true, $50 from new_dialog d, unnest($51::smallint[]) as u (label)
), new_words as (
    ",
    insert_words!("new_dialog", "$58", "$59", "$60", "$61", "$62"),
    keep_outcome!("new_dialog", "$54", "$55", "$56", "$57", "$49"),
    "), held as (
    insert into outbox_held (dialog_id, party_key, occurred_at, available_at, tells_creation, payload)
    select id, $3, $49, $52, true, $53 from new_dialog where $52::timestamptz is not null
)
insert into outbox (dialog_id, party_key, occurred_at, payload)
select id, $3, $49, $53 from new_dialog where $52::timestamptz is null"
);

// The labels and the seen flag are changed in place: end users change them without a new revision. An
// expiry that is set to a time in the past is not told, as if it had been told already.
//
// Here and below, parts that are found by their ids are compared with their dialog by "is not distinct
// from", which no index serves: otherwise the planner may read the index of all parts of the dialog too.
const CHANGE: &str = concat!(
    "with previous as (
    select system_labels, (system_labels & ~$20::smallint) | $21::smallint as new_labels
    from dialog where id = $1 and revision = $2 for update
), changed as (
    update dialog set
        revision = $3, updated_at = $4, content_updated_at = $5, due_at = $6, expires_at = $7, deleted_at = $8,
        status = $9, progress = $10, is_api_only = $11, frozen = $12, extended_status = $13,
        external_reference = $14, process = $15, from_service_owner = $16, from_party = $17,
        unopened_transmissions = $18, contentless_transmissions = $19, correspondence_opened = $22,
        is_seen = is_seen and not $23::boolean,
        expiry_told_for = case
            when $7 <= $43::timestamptz and expires_at is distinct from $7 then $7 else expiry_told_for end,
        system_labels = previous.new_labels,
        end_user_context_revision = case
            when previous.new_labels <> previous.system_labels then $24 else end_user_context_revision end
    from previous where dialog.id = $1
    returning dialog.id, dialog.party_key, dialog.visible_from, dialog.deleted_at
), new_document as (
    update dialog_document set preceding_process = $25, list = coalesce($26, list), detail = coalesce($27, detail)
    from changed where dialog_id = changed.id and ($26::jsonb is not null or preceding_process is distinct from $25)
), new_transmissions as (
    insert into transmission (id, dialog_id, created_at, related_id, type, depth, idempotent_key, body)
    select u.id, changed.id, u.created_at, u.related_id, u.type, u.depth, u.idempotent_key, u.body
    from changed, unnest($28::uuid[], $29::timestamptz[], $30::uuid[], $31::smallint[], $32::smallint[],
        $33::text[], $34::jsonb[]) as u (id, created_at, related_id, type, depth, idempotent_key, body)
), new_activities as (
    insert into activity (id, dialog_id, created_at, transmission_id, type, body)
    select u.id, changed.id, u.created_at, u.transmission_id, u.type, u.body
    from changed, unnest($35::uuid[], $36::timestamptz[], $37::uuid[], $38::smallint[], $39::jsonb[])
        as u (id, created_at, transmission_id, type, body)
), released as (
    delete from dialog_part p using changed where p.dialog_id = changed.id
        and (p.id, p.kind) in (select * from unnest($61::uuid[], $62::smallint[]))
), new_parts as (
    insert into dialog_part (id, dialog_id, kind, of_transmission)
    select u.id, changed.id, u.kind, u.of_transmission
    from changed, unnest($40::uuid[], $41::smallint[], $42::boolean[]) as u (id, kind, of_transmission)
), retimed as (
    update activity set created_at = $47 from changed
    where activity.id = $48 and activity.dialog_id = changed.id and $48::uuid is not null
), corrected as (
    update transmission t set
        depth = t.depth + $49::smallint,
        created_at = case when t.id = $50 then $51 else t.created_at end,
        related_id = case when t.id = $50 then $52 else t.related_id end,
        type = case when t.id = $50 then $53 else t.type end,
        idempotent_key = case when t.id = $50 then $54 else t.idempotent_key end,
        body = case when t.id = $50 then $55 else t.body end
    from changed where t.dialog_id is not distinct from changed.id and t.id = any($56)
), new_label_log as (
    insert into label_log (dialog_id, created_at, label, is_set, performed_by)
    select $1, $43, label, (previous.new_labels & bit) <> 0, $44
    from previous, (values (2::smallint, 2), (3::smallint, 4), (4::smallint, 8), (5::smallint, 16)) as l (label, bit)
    where ((previous.new_labels # previous.system_labels) & bit) <> 0
), held as (
    insert into outbox_held (dialog_id, party_key, occurred_at, available_at, tells_creation, payload)
    select id, party_key, $43, $45, false, payload
    from (select *, case when exists (
            select 1 from outbox_held h where h.dialog_id = changed.id and h.tells_creation
            and ((h.payload -> 'silent')::boolean <= ($46::jsonb -> 'silent')::boolean))
        then $69 else $46 end as payload from changed where $45::timestamptz is not null) c
    where payload is not null
), old_words as (
    delete from dialog_text t using changed where t.dialog_id = changed.id and t.source_id = any($68::uuid[])
        and (t.source_id, t.chunk) not in (select * from unnest($63::uuid[], $64::smallint[]))
), new_words as (
    ",
    insert_words!("changed", "$63", "$64", "$65", "$66", "$67"),
    " on conflict (dialog_id, source_id, chunk) do update set lexemes = excluded.lexemes
        where dialog_text.lexemes is distinct from excluded.lexemes
",
    tell!("changed", "$43", "$45::timestamptz is null and $46::jsonb is not null", "$46::jsonb"),
    keep_outcome!("changed", "$57", "$58", "$59", "$60", "$43"),
    ")
select count(*) from changed"
);

const CORRECTED: &str = concat!(
    "with recursive related as (
        select id, depth from transmission where id = $2 and dialog_id = $1
        union
        select t.id, t.depth from transmission t join related r on t.related_id = r.id
        where t.dialog_id is not distinct from $1
    )
    select ",
    transmission_row!(),
    " as stored, t.depth,
        exists (select 1 from activity o where o.transmission_id = t.id and o.type = 4) as is_opened,
        array(select id from related) as subtree, (select max(depth) from related) as deepest
    from transmission t where t.id = $2 and t.dialog_id = $1",
);

const PURGE: &str = concat!(
    "with purged as (
    delete from dialog where id = $1 and revision = $2 returning id, party_key, visible_from, deleted_at
), documents as (
    delete from dialog_document using purged where dialog_id = purged.id
), transmissions as (
    delete from transmission using purged where dialog_id = purged.id
), activities as (
    delete from activity using purged where dialog_id = purged.id
), parts as (
    delete from dialog_part using purged where dialog_id = purged.id
), words as (
    delete from dialog_text using purged where dialog_id = purged.id
), never_told as (
    delete from outbox_held using purged where dialog_id = purged.id and (visible_from > $3 or deleted_at is not null)
",
    tell!(
        "purged",
        "$3",
        "$4::jsonb is not null",
        // By these labels some users may know of the dialog; when this is told they are gone.
        "jsonb_set($4::jsonb, '{labels}', coalesce((select jsonb_agg(value) from service_owner_label
            where dialog_id = purged.id), '[]'))"
    ),
    keep_outcome!("purged", "$5", "$6", "$7", "$8", "$3"),
    ")
select count(*) from purged"
);

const LOAD: &str = concat!(
    "select ",
    dialog_columns!(),
    ", doc.detail,
        (select json_agg(json_build_array(t.id, t.depth, t.type,
                (select count(*) from (select 1 from transmission c where c.related_id = t.id limit 101) c),
                exists (select 1 from activity o where o.transmission_id = t.id and o.type = 4)))
            from transmission t where t.id = any($1) and t.dialog_id is not distinct from d.id) as known_transmissions,
        (select json_agg(json_build_array(a.id, a.type))
            from activity a where a.id = any($1) and a.dialog_id is not distinct from d.id) as known_activities,
        (select json_agg(json_build_array(t.idempotent_key, t.id))
            from transmission t where t.dialog_id = d.id and t.idempotent_key = any($2)) as known_keys,
        (select json_agg(json_build_array(p.id, p.kind, p.dialog_id, p.of_transmission))
            from dialog_part p where p.id = any($1)) as known_parts
    from dialog d join dialog_document doc on doc.dialog_id = d.id
    where d.id = $3 and ($4 or d.org = $5 or d.resource_key = any($6))",
);

/// What is wanted of a dialog beside itself. What is not wanted is not read, and is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetailParts {
    /// Its transmissions.
    pub transmissions: bool,
    /// Its activities.
    pub activities: bool,
    /// A dialog token, and with it what it tells about.
    pub token: bool,
}

impl DialogDetail {
    /// The authorization attributes of its transmissions.
    #[must_use]
    pub fn transmission_attributes(&self) -> BTreeSet<&str> {
        let attributes = self.attributes.iter().map(String::as_str);
        attributes.chain(Transmission::attributes(&self.transmissions)).collect()
    }
}

impl DetailParts {
    /// Everything.
    pub const ALL: Self = Self { transmissions: true, activities: true, token: true };
    /// Nothing more than the dialog.
    pub const NONE: Self = Self { transmissions: false, activities: false, token: false };
}

/// The authorization attributes of the transmissions of `d`, as an array. From each the next one is looked
/// up in the index, so that it costs as much as there are different ones.
macro_rules! transmission_attributes {
    () => {
        "array(with recursive attribute (value) as (
                (select (t.body ->> 'authorizationAttribute') collate \"C\" from transmission t
                where t.dialog_id = d.id and t.body ? 'authorizationAttribute' order by 1 limit 1)
                union all
                select (select (t.body ->> 'authorizationAttribute') collate \"C\" from transmission t
                    where t.dialog_id = d.id and t.body ? 'authorizationAttribute'
                    and (t.body ->> 'authorizationAttribute') collate \"C\" > a.value order by 1 limit 1)
                from attribute a where a.value is not null
            ) select value from attribute where value is not null)"
    };
}

const DETAIL: &str = concat!(
    "select ",
    dialog_columns!(),
    ", doc.detail,
        case when $5 then (select json_agg(",
    transmission_row!(),
    " order by t.created_at, t.id)
            from transmission t where t.dialog_id = d.id) end as transmissions,
        case when $6 then (select json_agg(",
    activity_row!(),
    " order by a.created_at, a.id)
            from activity a where a.dialog_id = d.id) end as activities,
        case when $7 then ",
    transmission_attributes!(),
    " end as attributes,
        array(select value from service_owner_label l where l.dialog_id = d.id order by value) as labels,
        (select json_agg(",
    seen_row!(),
    " order by s.seen_at, s.id)
            from seen_log s where s.dialog_id = d.id and s.seen_at >= d.content_updated_at) as seen
    from dialog d join dialog_document doc on doc.dialog_id = d.id
    where d.id = $1 and ($2 or d.org = $3 or d.resource_key = any($4))",
);

/// Id, kind, dialog and whether of a transmission, of a part with an id that a request names.
type PartRow = (Uuid, i16, Uuid, bool);

/// Id, depth, type, children and whether opened, of a transmission that a request names.
type KnownRow = (Uuid, i16, i16, i64, bool);

/// Transmissions as one array for each column.
#[derive(Default)]
struct TransmissionColumns {
    ids: Vec<Uuid>,
    created: Vec<chrono::DateTime<chrono::Utc>>,
    related: Vec<Option<Uuid>>,
    types: Vec<i16>,
    depths: Vec<i16>,
    keys: Vec<Option<String>>,
    bodies: Vec<Json<TransmissionBody>>,
}

impl TransmissionColumns {
    fn of(transmissions: Vec<AddedTransmission>) -> Self {
        let mut columns = Self::default();
        for AddedTransmission { transmission, depth } in transmissions {
            columns.ids.push(transmission.id);
            columns.created.push(transmission.created_at.utc());
            columns.related.push(transmission.related_transmission_id);
            columns.types.push(transmission.r#type.code());
            columns.depths.push(depth);
            columns.keys.push(transmission.idempotent_key);
            columns.bodies.push(Json(transmission.body));
        }
        columns
    }
}

/// Activities as one array for each column.
#[derive(Default)]
struct ActivityColumns {
    ids: Vec<Uuid>,
    created: Vec<chrono::DateTime<chrono::Utc>>,
    transmissions: Vec<Option<Uuid>>,
    types: Vec<i16>,
    bodies: Vec<Json<ActivityBody>>,
}

impl ActivityColumns {
    fn of(activities: Vec<Activity>) -> Self {
        let mut columns = Self::default();
        for activity in activities {
            columns.ids.push(activity.id);
            columns.created.push(activity.created_at.utc());
            columns.transmissions.push(activity.transmission_id);
            columns.types.push(activity.r#type.code());
            columns.bodies.push(Json(activity.body));
        }
        columns
    }
}

fn part_columns(claims: &[ClaimedPart]) -> (Vec<Uuid>, Vec<i16>, Vec<bool>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for claim in claims {
        columns.0.push(claim.id);
        columns.1.push(claim.kind as i16);
        columns.2.push(claim.of_transmission);
    }
    columns
}

/// The words that a change adds, and the sources whose words it writes anew.
fn changed_words(change: &Change) -> (WordColumns, Vec<Uuid>) {
    let mut columns = WordColumns::default();
    let mut rewritten = Vec::new();
    if change.documents_changed {
        rewritten.push(change.dialog.id);
        columns.add(words::of_dialog(change.dialog.id, &change.dialog.documents));
    }
    if let Some(Correction::Transmission { transmission, .. }) = &change.correction {
        rewritten.push(transmission.id);
        columns.add(words::of_transmission(transmission));
    }
    let transmissions = change.transmissions.iter().map(|added| &added.transmission);
    columns.add_children(transmissions, change.activities.iter());
    (columns, rewritten)
}

fn utc(moment: Option<Timestamp>) -> Option<chrono::DateTime<chrono::Utc>> {
    moment.map(Timestamp::utc)
}

fn small(number: i32) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

impl Store {
    /// Stores a new dialog with everything that belongs to it and what is told about it.
    ///
    /// # Errors
    /// [`StoreFailure::Taken`] when an id or an idempotency key is in use.
    pub async fn create(&self, creation: Creation) -> Result<(), StoreFailure> {
        let Creation {
            dialog: d,
            transmissions,
            activities,
            service_owner_labels,
            claims,
            events,
            now,
            kept,
        } = creation;
        let kept = KeptColumns::of(kept);
        let told = ToldColumns::of(Some(events), self.hold_events);
        let (list, detail) = split_documents(&d.documents);
        let mut w = WordColumns::default();
        w.add(words::of_dialog(d.id, &d.documents));
        w.add_children(transmissions.iter().map(|added| &added.transmission), activities.iter());
        let t = TransmissionColumns::of(transmissions);
        let a = ActivityColumns::of(activities);
        let (part_ids, part_kinds, part_places) = part_columns(&claims);
        let labels: Vec<i16> = d
            .system_labels
            .list()
            .into_iter()
            .filter(|l| *l != SystemLabel::Default)
            .map(SystemLabel::code)
            .collect();
        let query = sqlx::query(CREATE)
            .bind(d.id)
            .bind(d.revision)
            .bind(key_of(d.party.as_str()))
            .bind(key_of(&d.service_resource))
            .bind(d.created_at.utc())
            .bind(d.updated_at.utc())
            .bind(d.content_updated_at.utc())
            .bind(utc(d.visible_from))
            .bind(utc(d.due_at))
            .bind(utc(d.expires_at))
            .bind(d.end_user_context_revision)
            .bind(d.service_owner_context_revision)
            .bind(d.from_service_owner)
            .bind(d.from_party)
            .bind(d.unopened_transmissions)
            .bind(d.contentless_transmissions)
            .bind(d.status.code())
            .bind(d.system_labels.0)
            .bind(d.progress.map(small))
            .bind(d.is_api_only)
            .bind(d.correspondence_opened)
            .bind(&d.org)
            .bind(&d.idempotent_key)
            .bind(&d.extended_status)
            .bind(&d.external_reference)
            .bind(&d.process)
            .bind(d.party.as_str())
            .bind(&d.service_resource)
            .bind(&d.service_resource_type)
            .bind(&d.preceding_process)
            .bind(list)
            .bind(detail)
            .bind(t.ids)
            .bind(t.created)
            .bind(t.related)
            .bind(t.types)
            .bind(t.depths)
            .bind(t.keys)
            .bind(t.bodies)
            .bind(a.ids)
            .bind(a.created)
            .bind(a.transmissions)
            .bind(a.types)
            .bind(a.bodies)
            .bind(part_ids)
            .bind(part_kinds)
            .bind(part_places)
            .bind(service_owner_labels)
            .bind(now.utc())
            .bind(Json(Actor::service_owner()))
            .bind(labels)
            .bind(told.until)
            .bind(told.payload)
            .bind(kept.caller)
            .bind(kept.key)
            .bind(kept.fingerprint)
            .bind(kept.outcome)
            .bind(w.sources)
            .bind(w.chunks)
            .bind(w.rules)
            .bind(w.weights)
            .bind(w.texts)
            .bind(d.is_seen);
        self.connections.execute(query).await?;
        self.told.notify_one();
        Ok(())
    }

    /// Makes a change, if the dialog still has the revision that was read. Tells whether it had.
    ///
    /// # Errors
    /// [`StoreFailure::Taken`] when an id or an idempotency key is in use.
    pub async fn change(&self, change: Change) -> Result<bool, StoreFailure> {
        let d = &change.dialog;
        let documents = change.documents_changed.then(|| split_documents(&d.documents));
        let (list, detail) = documents.map_or((None, None), |(list, detail)| (Some(list), Some(detail)));
        let (w, rewritten) = changed_words(&change);
        let t = TransmissionColumns::of(change.transmissions);
        let a = ActivityColumns::of(change.activities);
        let (part_ids, part_kinds, part_places) = part_columns(&change.claims);
        let told = ToldColumns::of(change.events, self.hold_events);
        let (retimed, corrected, subtree, deeper_by) = match change.correction {
            None => (None, None, Vec::new(), 0),
            Some(Correction::FormSavedAt(id, moment)) => (Some((id, moment)), None, Vec::new(), 0),
            Some(Correction::Transmission { transmission, subtree, deeper_by }) => {
                (None, Some(transmission), subtree, deeper_by)
            }
        };
        let kept = KeptColumns::of(change.kept);
        let query = sqlx::query(CHANGE)
            .bind(d.id)
            .bind(change.expected_revision)
            .bind(d.revision)
            .bind(d.updated_at.utc())
            .bind(d.content_updated_at.utc())
            .bind(utc(d.due_at))
            .bind(utc(d.expires_at))
            .bind(utc(d.deleted_at))
            .bind(d.status.code())
            .bind(d.progress.map(small))
            .bind(d.is_api_only)
            .bind(d.frozen)
            .bind(&d.extended_status)
            .bind(&d.external_reference)
            .bind(&d.process)
            .bind(d.from_service_owner)
            .bind(d.from_party)
            .bind(d.unopened_transmissions)
            .bind(d.contentless_transmissions)
            .bind(change.labels.clear)
            .bind(change.labels.set)
            .bind(d.correspondence_opened)
            .bind(change.reset_seen)
            .bind(change.end_user_context_revision)
            .bind(&d.preceding_process)
            .bind(list)
            .bind(detail)
            .bind(t.ids)
            .bind(t.created)
            .bind(t.related)
            .bind(t.types)
            .bind(t.depths)
            .bind(t.keys)
            .bind(t.bodies)
            .bind(a.ids)
            .bind(a.created)
            .bind(a.transmissions)
            .bind(a.types)
            .bind(a.bodies)
            .bind(part_ids)
            .bind(part_kinds)
            .bind(part_places)
            .bind(change.now.utc())
            .bind(Json(Actor::service_owner()))
            .bind(told.until)
            .bind(told.payload)
            .bind(retimed.map(|(_, moment)| moment.utc()))
            .bind(retimed.map(|(id, _)| id))
            .bind(deeper_by)
            .bind(corrected.as_ref().map(|t| t.id))
            .bind(corrected.as_ref().map(|t| t.created_at.utc()))
            .bind(corrected.as_ref().and_then(|t| t.related_transmission_id))
            .bind(corrected.as_ref().map(|t| t.r#type.code()))
            .bind(corrected.as_ref().and_then(|t| t.idempotent_key.clone()))
            .bind(corrected.map(|t| Json(t.body)))
            .bind(subtree)
            .bind(kept.caller)
            .bind(kept.key)
            .bind(kept.fingerprint)
            .bind(kept.outcome)
            .bind(change.released.iter().map(|(_, id)| *id).collect::<Vec<_>>())
            .bind(change.released.iter().map(|(kind, _)| *kind as i16).collect::<Vec<_>>())
            .bind(w.sources)
            .bind(w.chunks)
            .bind(w.rules)
            .bind(w.weights)
            .bind(w.texts)
            .bind(rewritten)
            .bind(told.after_creation);
        let row = self.connections.fetch_one(query).await?;
        self.told.notify_one();
        Ok(row.try_get::<i64, _>(0)? == 1)
    }

    /// Loads a transmission that is to be corrected, with all that relate to it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn corrected(&self, dialog: Uuid, id: Uuid) -> Result<Option<Corrected>, StoreFailure> {
        let query = sqlx::query(CORRECTED).bind(dialog).bind(id);
        let Some(row) = self.connections.fetch_optional(query).await? else { return Ok(None) };
        let Json(stored): Json<TransmissionRow> = row.try_get("stored")?;
        Ok(Some(Corrected {
            transmission: transmission(stored)?,
            depth: row.try_get("depth")?,
            is_opened: row.try_get("is_opened")?,
            subtree: row.try_get("subtree")?,
            deepest: row.try_get("deepest")?,
        }))
    }

    /// Removes a dialog with everything that belongs to it, if it still has the revision that was
    /// read. Tells whether it had.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn purge(&self, purge: Purge) -> Result<bool, StoreFailure> {
        let told = ToldColumns::of(purge.events, self.hold_events);
        let kept = KeptColumns::of(purge.kept);
        let query = sqlx::query(PURGE)
            .bind(purge.dialog)
            .bind(purge.expected_revision)
            .bind(purge.now.utc())
            .bind(told.payload)
            .bind(kept.caller)
            .bind(kept.key)
            .bind(kept.fingerprint)
            .bind(kept.outcome);
        let row = self.connections.fetch_one(query).await?;
        self.told.notify_one();
        Ok(row.try_get::<i64, _>(0)? == 1)
    }

    /// Loads a dialog for a change, with what is known of the parts that the request names.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(
        &self,
        scope: &DialogScope,
        id: Uuid,
        references: &References,
    ) -> Result<Option<Loaded>, StoreFailure> {
        let (all, org, resources) = scope.conditions();
        let query = sqlx::query(LOAD)
            .bind(&references.ids)
            .bind(&references.transmission_keys)
            .bind(id)
            .bind(all)
            .bind(org)
            .bind(resources);
        let row = self.connections.fetch_optional(query).await?;
        let Some(row) = row else { return Ok(None) };
        let transmissions: Option<Json<Vec<KnownRow>>> = row.try_get("known_transmissions")?;
        let keys: Option<Json<HashMap<String, Uuid>>> = row
            .try_get::<Option<Json<Vec<(String, Uuid)>>>, _>("known_keys")?
            .map(|Json(keys)| Json(keys.into_iter().collect()));
        let parts: Option<Json<Vec<PartRow>>> = row.try_get("known_parts")?;
        let activities: Option<Json<Vec<(Uuid, i16)>>> = row.try_get("known_activities")?;
        let known = Known {
            transmissions: transmissions
                .map_or_else(Vec::new, |Json(t)| t)
                .into_iter()
                .map(|(id, depth, kind, children, is_opened)| {
                    let is_from_party = DialogTransmissionType::from_code(kind)
                        .is_some_and(DialogTransmissionType::is_from_party);
                    let parent = StoredParent { depth, children };
                    (id, KnownTransmission { parent, is_from_party, is_opened })
                })
                .collect(),
            activities: activities
                .map_or_else(Vec::new, |Json(activities)| activities)
                .into_iter()
                .filter_map(|(id, kind)| Some((id, DialogActivityType::from_code(kind)?)))
                .collect(),
            transmission_keys: keys.map_or_else(HashMap::new, |Json(keys)| keys),
            parts: parts
                .map_or_else(Vec::new, |Json(parts)| parts)
                .into_iter()
                .map(|(id, kind, dialog, of_transmission)| {
                    ((kind, id), KnownPart { dialog, of_transmission })
                })
                .collect(),
        };
        Ok(Some(Loaded { dialog: dialog(&row)?, known }))
    }

    /// Loads a dialog with what is wanted of all that belongs to it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn detail(
        &self,
        scope: &DialogScope,
        id: Uuid,
        parts: DetailParts,
    ) -> Result<Option<DialogDetail>, StoreFailure> {
        let (all, org, resources) = scope.conditions();
        let DetailParts { transmissions, activities, token } = parts;
        let query = sqlx::query(DETAIL).bind(id).bind(all).bind(org).bind(resources);
        let query = query.bind(transmissions).bind(activities).bind(token && !transmissions);
        let row = self.connections.fetch_optional(query).await?;
        let Some(row) = row else { return Ok(None) };
        let transmissions: Option<Json<Vec<TransmissionRow>>> = row.try_get("transmissions")?;
        let activities: Option<Json<Vec<ActivityRow>>> = row.try_get("activities")?;
        let seen: Option<Json<Vec<SeenRow>>> = row.try_get("seen")?;
        Ok(Some(DialogDetail {
            dialog: dialog(&row)?,
            transmissions: transmissions
                .map_or_else(Vec::new, |Json(rows)| rows)
                .into_iter()
                .map(transmission)
                .collect::<Result<_, _>>()?,
            activities: activities
                .map_or_else(Vec::new, |Json(rows)| rows)
                .into_iter()
                .map(activity)
                .collect::<Result<_, _>>()?,
            attributes: row.try_get::<Option<_>, _>("attributes")?.unwrap_or_default(),
            service_owner_labels: row.try_get("labels")?,
            seen: seen.map_or_else(Vec::new, |Json(rows)| rows).into_iter().map(seen_entry).collect(),
        }))
    }

    /// The dialog that has this idempotency key at this service owner, deleted ones included.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dialog_with_key(&self, org: &str, key: &str) -> Result<Option<Uuid>, StoreFailure> {
        let query =
            sqlx::query("select id from dialog where org = $1 and idempotent_key = $2").bind(org).bind(key);
        let row = self.connections.fetch_optional(query).await?;
        Ok(row.map(|row| row.try_get("id")).transpose()?)
    }
}
