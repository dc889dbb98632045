-- The store of dialogs: narrow typed rows for what is filtered and sorted, documents for what
-- travels whole, append-only children, an outbox, and the secrets that all instances share.
--
-- Transmissions, activities and parts have no foreign keys on purpose: they are only ever written by
-- a statement that also inserts the dialog or changes it under its row lock and revision, and deleted
-- by the one that deletes it. The checks of foreign keys would cost a lookup and a lock for every
-- child. What is written without a new revision, labels and logs, has them.

-- What searches filter and sort on. Parties and resources are 64-bit keys, the first eight bytes of
-- the SHA-256 of their URN and id: no lookup, no race, no round trip to number them, and narrow
-- indexes. The texts themselves are in dialog_document.
create table dialog (
    id uuid primary key,
    revision uuid not null,
    party_key bigint not null,
    resource_key bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    content_updated_at timestamptz not null,
    visible_from timestamptz,
    due_at timestamptz,
    expires_at timestamptz,
    deleted_at timestamptz,
    end_user_context_revision uuid not null,
    service_owner_context_revision uuid not null,
    from_service_owner integer not null,
    from_party integer not null,
    -- Transmissions of the service owner's types without a TransmissionOpened activity.
    unopened_transmissions integer not null,
    contentless_transmissions integer not null,
    status smallint not null,
    -- One bit for each system label.
    system_labels smallint not null,
    progress smallint,
    is_api_only boolean not null,
    -- Whether somebody has opened the dialog since its content last changed.
    is_seen boolean not null,
    frozen boolean not null,
    correspondence_opened boolean not null,
    org text collate "C" not null,
    idempotent_key text collate "C",
    extended_status text collate "C",
    external_reference text collate "C",
    process text collate "C"
) with (fillfactor = 90);

create unique index dialog_idempotent_key on dialog (org, idempotent_key) where idempotent_key is not null;
create index dialog_party on dialog (party_key, content_updated_at desc, id desc) where deleted_at is null;
create index dialog_resource on dialog (resource_key, content_updated_at desc, id desc) where deleted_at is null;
create index dialog_org on dialog (org, content_updated_at desc, id desc);

-- What is only read and written as a whole. The content that lists show is a document of its own,
-- so that a list does not read attachments and actions.
create table dialog_document (
    dialog_id uuid primary key,
    party text not null,
    service_resource text not null,
    service_resource_type text not null,
    preceding_process text,
    list jsonb not null,
    detail jsonb not null
);

create table transmission (
    id uuid primary key,
    dialog_id uuid not null,
    created_at timestamptz not null,
    related_id uuid,
    type smallint not null,
    -- Distance from the root of its chain of related transmissions; a root has 1.
    depth smallint not null,
    idempotent_key text collate "C",
    body jsonb not null
);

create index transmission_dialog on transmission (dialog_id, created_at, id);
create index transmission_related on transmission (related_id) where related_id is not null;
create unique index transmission_idempotent_key on transmission (dialog_id, idempotent_key)
    where idempotent_key is not null;

create table activity (
    id uuid primary key,
    dialog_id uuid not null,
    created_at timestamptz not null,
    transmission_id uuid,
    type smallint not null,
    body jsonb not null
);

create index activity_dialog on activity (dialog_id, created_at, id);
-- Type 4 is TransmissionOpened.
create index activity_opened on activity (transmission_id) where type = 4;

-- Ids that clients have chosen for parts of documents, to keep them unique among all dialogs. Ids
-- that the service makes are unique by themselves.
create table dialog_part (
    id uuid not null,
    dialog_id uuid not null,
    kind smallint not null,
    of_transmission boolean not null,
    primary key (id, kind)
);

create index dialog_part_dialog on dialog_part (dialog_id);

create table service_owner_label (
    dialog_id uuid not null references dialog on delete cascade,
    value text collate "C" not null,
    primary key (dialog_id, value)
);

create index service_owner_label_value on service_owner_label (value, dialog_id);

-- Who opened a dialog; one entry for each user and state of the dialog.
create table seen_log (
    id uuid primary key,
    dialog_id uuid not null references dialog on delete cascade,
    seen_at timestamptz not null,
    user_kind smallint not null,
    via_service_owner boolean not null,
    user_id text not null,
    user_name text
);

create index seen_log_dialog on seen_log (dialog_id, seen_at, id);

create table label_log (
    id bigint generated always as identity primary key,
    dialog_id uuid not null references dialog on delete cascade,
    created_at timestamptz not null,
    label smallint not null,
    is_set boolean not null,
    performed_by jsonb not null
);

create index label_log_dialog on label_log (dialog_id, id);

-- The events of one change in one row, written by the statement that makes the change. Payloads say
-- all that has to be told, so that nothing is read again and a dialog may be purged meanwhile.
create table outbox (
    sequence bigint generated always as identity primary key,
    dialog_id uuid not null,
    occurred_at timestamptz not null,
    -- Not before the dialog is visible.
    available_at timestamptz not null,
    payload jsonb not null
);

create index outbox_dialog on outbox (dialog_id);

-- Secrets that all instances on one database share, such as the sandbox's signing keys.
create table secret (
    name text primary key,
    value bytea not null
);
