//! The sandbox's catalogue with those of the data set.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::profile::{Profile, Service, User};
use crate::dialog::party::{PartyKind, PartyUrn};
use crate::sandbox::catalogue::builtin_where_everybody_exists;

/// The built-in catalogue, and what the data set adds to it: services, users, and for whom they act. All
/// other people of the data set act for themselves.
#[must_use]
pub fn catalogue(profile: &Profile) -> String {
    let mut out = builtin_where_everybody_exists();
    out.push_str("\n# The data set of `dialogporten seed`.\n");
    for service in &profile.services {
        push_service(&mut out, service);
    }
    // Whoever a grant names has to be there.
    let mut parties: BTreeSet<PartyUrn> =
        profile.parties[..profile.thousand.parties.end].iter().cloned().collect();
    for place in &profile.delegate.delegated {
        parties.insert(super::dialog(profile, *place).dialog.party);
    }
    for party in &parties {
        let (kind, id) = (kind(party), party.id());
        let name = if kind == "org" { "{ nb = \"EN AV MANGE AS\" }" } else { "\"EN AV MANGE\"" };
        let _ = writeln!(out, "[[{kind}]]\nnumber = \"{id}\"\nname = {name}");
    }
    for user in [&profile.ten_thousand, &profile.thousand, &profile.whale_manager, &profile.delegate] {
        push_user(&mut out, profile, user);
    }
    out
}

fn kind(party: &PartyUrn) -> &'static str {
    if party.kind() == PartyKind::Organization { "org" } else { "person" }
}

fn push_service(out: &mut String, service: &Service) {
    let Service { id, owner_number, resource_type, minimum_level, is_open, .. } = service;
    let kind = if *resource_type == "altinnapp" { "AltinnApp" } else { "GenericAccessResource" };
    let everybody = if *is_open { "\"role:priv\", \"role:dagl\", " } else { "" };
    let _ = writeln!(
        out,
        "[[resource]]\nid = \"{id}\"\nowner = \"{owner_number}\"\ntype = \"{kind}\"\nmin_level = {minimum_level}\n\
         title = {{ nb = \"Tjeneste {id}\", en = \"Service {id}\" }}\n  [[resource.rule]]\n  \
         subjects = [{everybody}\"delegated\", \"instance\"]\n  actions = [\"read\", \"write\", \"sign\"]\n  \
         attributes = [\"main\"]"
    );
}

fn push_user(out: &mut String, profile: &Profile, user: &User) {
    let User { number, name, parties, delegated } = user;
    let _ = writeln!(out, "[[person]]\nnumber = \"{number}\"\nname = \"{name}\"");
    for party in &profile.parties[parties.clone()] {
        let _ = writeln!(
            out,
            "[[grant]]\nuser = \"person:{number}\"\nparty = \"org:{}\"\nroles = [\"dagl\"]",
            party.id()
        );
    }
    for place in delegated {
        let dialog = super::dialog(profile, *place).dialog;
        let (kind, resource) = (kind(&dialog.party), &dialog.service_resource);
        let _ = writeln!(
            out,
            "[[grant]]\nuser = \"person:{number}\"\nparty = \"{kind}:{}\"\n\
             instances = [{{ resource = \"{resource}\", ref = \"urn:altinn:dialog-id:{}\" }}]",
            dialog.party.id(),
            dialog.id
        );
    }
}
