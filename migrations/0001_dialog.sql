-- secrets only for now
create table secret (
    name text primary key,
    value bytea not null
);
