-- The outbox becomes a log that any number of readers follow, each from a position of its own: rows are
-- appended by the statement that makes the change, never updated, and deleted when they are too old.
--
-- Order: transactions get their number when they first write, sequences when a row is made, and neither
-- says when a transaction commits. Readers take only rows of transactions below the oldest one that still
-- runs (pg_snapshot_xmin), in the order of (xid, sequence): of these none can appear later, so that no
-- reader ever passes by a row. Of two changes of one dialog the later one begins after the earlier one has
-- committed, or waits for its lock before it gets a number: they are told in their order.

-- Instances of the version before leave the new columns out.
alter table outbox
    add column xid bigint not null default (pg_current_xact_id()::text::bigint),
    -- Key of the dialog's party, as in the table dialog.
    add column party_key bigint not null default 0,
    -- From here on: when the row was written, by the database's own clock, for the clean-up.
    alter column available_at set default now(),
    drop constraint outbox_pkey,
    add primary key (xid, sequence);

-- What changed for a party, in order. There is none on dialog_id: the party leads to its dialogs.
drop index outbox_dialog;
create index outbox_party on outbox (party_key, xid, sequence);

-- Rows only come at one end and go at the other.
alter table outbox set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);

-- Up to where the log has been cleaned up: who has read less far has missed something.
create table outbox_floor (
    only_row boolean primary key default true check (only_row),
    xid bigint not null,
    sequence bigint not null
);
insert into outbox_floor (xid, sequence) values (0, 0);

-- What is not told before the dialog is visible. It moves to the outbox then, and goes without a trace
-- when the dialog is deleted or purged before.
create table outbox_held (
    sequence bigint generated always as identity primary key,
    dialog_id uuid not null,
    party_key bigint not null,
    occurred_at timestamptz not null,
    available_at timestamptz not null,
    -- Whether it tells that the dialog was created: that covers later updates.
    tells_creation boolean not null,
    payload jsonb not null
);

create index outbox_held_dialog on outbox_held (dialog_id);
create index outbox_held_due on outbox_held (available_at);

-- However visible_from is moved, what is held moves with it. Costs nothing where it is not in the list of
-- what an update sets.
create function reschedule_held() returns trigger language plpgsql as $$
begin
    update outbox_held set available_at = coalesce(new.visible_from, '-infinity') where dialog_id = new.id;
    return null;
end $$;

create trigger dialog_visible_from_moved after update of visible_from on dialog
    for each row when (old.visible_from is distinct from new.visible_from) execute function reschedule_held();

-- How far each sink has come. Every sink has some lanes, so that several instances share its work; a
-- dialog is always in the same lane. Who works on a lane holds it for some seconds at a time.
create table event_lane (
    sink text collate "C" not null,
    lane smallint not null,
    xid bigint not null,
    sequence bigint not null,
    holder uuid,
    lease_until timestamptz not null default '-infinity',
    -- Failures in a row of the sink as a whole, and how long it is left alone because of them.
    failures integer not null default 0,
    not_before timestamptz not null default '-infinity',
    primary key (sink, lane)
) with (fillfactor = 50);

-- Single events that a sink did not take, and those of the same dialog that wait behind them; and those
-- that were given up.
create table event_delivery (
    sink text collate "C" not null,
    xid bigint not null,
    sequence bigint not null,
    -- Which event of the row of the outbox.
    position smallint not null,
    lane smallint not null,
    dialog_id uuid not null,
    since timestamptz not null default now(),
    attempts integer not null default 0,
    -- When to try again; null while another event of the dialog is before it.
    next_attempt_at timestamptz,
    dead boolean not null default false,
    -- Why it failed the last time.
    reason text,
    primary key (sink, xid, sequence, position)
);

create index event_delivery_due on event_delivery (sink, lane, next_attempt_at) where not dead;
create index event_delivery_dialog on event_delivery (dialog_id, sink) where not dead;
