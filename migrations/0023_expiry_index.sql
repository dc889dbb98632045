-- no-transaction
-- Expiries that are still to be told. Dialogs without one are not in it; of others it costs an entry when
-- they are created, and with every change that gives a row new entries in the other indexes anyway.
-- If this is interrupted, drop the index and migrate again.
create index concurrently dialog_expiry on dialog (expires_at)
    where expires_at is not null and deleted_at is null and expiry_told_for is distinct from expires_at;
