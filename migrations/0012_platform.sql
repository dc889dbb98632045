-- What the service keeps of the platform, so that all instances know the same, and know it still when
-- the platform does not answer.

-- The catalogue of services, with the least level of login that each demands.
create table registry_resource (
    id text collate "C" primary key,
    document jsonb not null,
    -- When its policy was last read.
    level_read_at timestamptz not null
);

-- Which roles and access packages give access to which resources.
create table registry_subject (
    subject text collate "C" not null,
    resource text collate "C" not null,
    primary key (subject, resource)
);

-- One row: how far the instances have come with reading the registry.
create table registry_state (
    only_row boolean primary key default true check (only_row),
    -- Grows with every change; an instance that knows an older one reads anew.
    version bigint not null default 0,
    -- When the newest change that has been read was made, by the registry's clock.
    changed_until timestamptz,
    read_at timestamptz,
    -- When everything was read, not only what has changed.
    all_read_at timestamptz,
    -- The instance that reads has until then, so that only one does.
    leased_until timestamptz
);

insert into registry_state default values;

-- The last good copy of what issuers of access tokens say of themselves.
create table token_issuer (
    url text primary key,
    issuer text not null,
    keys jsonb not null,
    fetched_at timestamptz not null
);
