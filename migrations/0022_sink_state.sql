-- Sinks that have said that they are gone for good. No instance sends them anything until they are enabled
-- again; how far they have come, and what they have not taken, stays where it is.
create table disabled_sink (
    sink text collate "C" primary key,
    since timestamptz not null default now(),
    reason text not null
);

-- Why the sink as a whole has failed the last time, while it does.
alter table event_lane add column reason text;
