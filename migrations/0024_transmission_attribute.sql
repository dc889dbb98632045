-- no-transaction
-- What a dialog token has to tell of a dialog's transmissions: their authorization attributes, each once, of
-- however many transmissions. A transmission without one is not in it. An attribute has at most 255
-- characters, which an entry of an index has room for.
-- If this is interrupted, drop the index and migrate again.
create index concurrently transmission_attribute
    on transmission (dialog_id, ((body ->> 'authorizationAttribute') collate "C"))
    where body ? 'authorizationAttribute';
