-- no-transaction
-- Which services the dialogs of a party are about: the list of a user's services jumps through it from
-- one service to the next, however many dialogs the party has.
create index concurrently dialog_party_resource on dialog (party_key, resource_key);
