-- That a dialog has expired is told once for each expiry.

-- The expiry that was told last, or that lay in the past when it was set and so is not told at all.
alter table dialog add column expiry_told_for timestamptz;

-- What expired before is not told. No row is changed for that: whoever looks for dialogs that have expired
-- looks from here on.
alter table outbox_floor add column expiry timestamptz not null default now();
