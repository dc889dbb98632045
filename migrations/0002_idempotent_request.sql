-- What POST requests with the header Idempotency-Key have brought about, so that sending one again
-- repeats the answer and not the deed. Written by the statement that does the deed.
create table idempotent_request (
    -- Who asked; a key means something to its caller alone.
    caller text collate "C" not null,
    key text collate "C" not null,
    -- SHA-256 of what was asked.
    fingerprint bytea not null,
    outcome jsonb not null,
    created_at timestamptz not null,
    primary key (caller, key)
);

create index idempotent_request_age on idempotent_request (created_at);
