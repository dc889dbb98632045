-- Search: streams of dialogs in order of their content's last change, and free text.

-- Deleted dialogs are in the lists of service owners, so the streams have them all. Ascending, because
-- new entries then go to the end of their party's or resource's run and pages stay full; lists read
-- them backwards.
drop index dialog_party;
drop index dialog_resource;
drop index dialog_org;
create index dialog_party on dialog (party_key, content_updated_at, id);
create index dialog_resource on dialog (resource_key, content_updated_at, id);
create index dialog_org on dialog (org, content_updated_at, id);

-- The folders of users (archive, bin, sent, marked as unopened) are small beside a large inbox.
create index dialog_labelled on dialog (party_key, content_updated_at, id) where system_labels & 30 <> 0;

-- What only service owners ask for: their deleted dialogs.
create index dialog_deleted on dialog (org, content_updated_at, id) where deleted_at is not null;

-- The words of a dialog: rows for the dialog's own texts and rows for each transmission or activity
-- with texts, so that adding to a long thread costs no more than adding to a short one. Weight A is
-- what lists show to everybody, D what takes the level of login that the service demands. A source
-- with very much text has several chunks, so that no limit of PostgreSQL is reached and nothing is
-- left out.
create table dialog_text (
    dialog_id uuid not null,
    -- The dialog itself, or a transmission or an activity.
    source_id uuid not null,
    chunk smallint not null,
    lexemes tsvector not null,
    primary key (dialog_id, source_id, chunk)
);

create index dialog_text_lexemes on dialog_text using gin (lexemes) with (gin_pending_list_limit = 512);

-- The words of several texts together.
create aggregate tsvector_all (tsvector) (sfunc = tsvector_concat, stype = tsvector, initcond = '');
