//! Finds everything in a catalogue file that does not fit together.
//!
//! People are named by their place in the file: identity numbers stay out of error texts.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;

use chrono::NaiveDate;
use uuid::Uuid;

use super::file::{self, File, OWN_PERSON, PACKAGE_PREFIX, ROLE_PREFIX};
use super::policy::{Subject, Target};
use crate::altinn::LocalizedTexts;
use crate::dialog::party::{PartyKind, PartyUrn, is_organization_number, is_person_number};

/// Environments that the platform has.
const ENVIRONMENTS: [&str; 7] = ["at21", "at22", "at23", "at24", "tt02", "yt01", "none"];
/// Types of resources that dialogs can be about.
const RESOURCE_TYPES: [&str; 4] =
    ["GenericAccessResource", "AltinnApp", "MigratedApp", "CorrespondenceService"];

/// One text for each problem; none when all is well.
pub(super) fn problems(file: &File) -> Vec<String> {
    let mut check = Check::new(file);
    check.settings();
    check.organizations();
    check.hierarchy();
    check.users();
    check.party_ids();
    check.roles_and_packages();
    check.resources();
    check.generators();
    check.grants();
    check.problems
}

struct Check<'a> {
    file: &'a File,
    organizations: HashMap<&'a str, &'a file::Organization>,
    resources: HashMap<&'a str, &'a file::Resource>,
    roles: HashSet<&'a str>,
    packages: HashSet<&'a str>,
    /// Those who can be the user of a grant.
    users: HashSet<PartyUrn>,
    /// Those who can be the party of a grant, legacy users apart.
    parties: HashSet<PartyUrn>,
    problems: Vec<String>,
}

impl<'a> Check<'a> {
    fn new(file: &'a File) -> Self {
        let people = || {
            let persons = file.persons.iter().map(file::Person::urn);
            persons.chain(file.email_users.iter().map(file::EmailUser::urn))
        };
        Self {
            file,
            organizations: file.organizations.iter().map(|org| (org.number.as_str(), org)).collect(),
            resources: file.resources.iter().map(|resource| (resource.id.as_str(), resource)).collect(),
            roles: file.roles.iter().map(|role| role.code.as_str()).collect(),
            packages: file.access_packages.iter().map(file::AccessPackage::short_name).collect(),
            users: people().chain(file.system_users.iter().map(file::SystemUser::urn)).collect(),
            parties: people().chain(file.organizations.iter().map(file::Organization::urn)).collect(),
            problems: Vec::new(),
        }
    }

    fn report(&mut self, entry: impl Display, problem: impl Display) {
        self.problems.push(format!("{entry}: {problem}"));
    }

    fn settings(&mut self) {
        let file = self.file;
        if !ENVIRONMENTS.contains(&file.profile.as_str()) {
            self.report("profile", format_args!("must be one of {}", ENVIRONMENTS.join(", ")));
        }
        for environment in &file.token_generator.envs {
            if !ENVIRONMENTS.contains(&environment.as_str()) {
                let known = ENVIRONMENTS.join(", ");
                self.report("token_generator", format_args!("{environment} is none of {known}"));
            }
        }
    }

    fn organizations(&mut self) {
        let mut numbers = HashSet::new();
        let mut codes = HashSet::new();
        for org in &self.file.organizations {
            let entry = format!("org {}", org.number);
            let well_formed = org.number.len() == 9 && org.number.bytes().all(|b| b.is_ascii_digit());
            if !well_formed {
                self.report(&entry, "the number must have nine digits");
            } else if !org.allow_invalid && !is_organization_number(&org.number) {
                self.report(&entry, "the number has a wrong check digit (or set allow_invalid = true)");
            }
            if !numbers.insert(&org.number) {
                self.report(&entry, "is listed more than once");
            }
            self.has_name(&entry, &org.name);
            match (&org.code, org.service_owner) {
                (None, true) => self.report(&entry, "a service owner needs a code"),
                (Some(_), false) => self.report(&entry, "only a service owner has a code"),
                (Some(code), true) => {
                    if code.trim().is_empty() || *code != code.to_lowercase() {
                        self.report(&entry, format_args!("the code {code} must be in lower case"));
                    }
                    if !codes.insert(code) {
                        self.report(&entry, format_args!("another service owner has the code {code} too"));
                    }
                }
                (None, false) => {}
            }
        }
    }

    fn hierarchy(&mut self) {
        let mut units = HashSet::new();
        for org in &self.file.organizations {
            for unit in &org.subunits {
                let entry = format!("org {}", org.number);
                if !units.insert(unit) {
                    self.report(&entry, format_args!("the sub-unit {unit} is listed as one already"));
                }
                match self.organizations.get(unit.as_str()) {
                    None => self.report(&entry, format_args!("the sub-unit {unit} is not in the catalogue")),
                    Some(found) if !found.subunits.is_empty() => {
                        self.report(&entry, format_args!("the sub-unit {unit} has sub-units of its own"));
                    }
                    Some(_) => {}
                }
            }
        }
    }

    fn users(&mut self) {
        let file = self.file;
        let mut seen = HashSet::new();
        for (index, person) in file.persons.iter().enumerate() {
            let entry = person_entry(index, person);
            let well_formed = person.number.len() == 11 && person.number.bytes().all(|b| b.is_ascii_digit());
            if !well_formed {
                self.report(&entry, "the number must have eleven digits");
            } else if !person.allow_invalid && !is_person_number(&person.number) {
                self.report(&entry, "the number has wrong check digits (or set allow_invalid = true)");
            }
            if !seen.insert(person.urn()) {
                self.report(&entry, "the number is listed more than once");
            }
            if person.name.trim().is_empty() {
                self.report(&entry, "needs a name");
            }
            if person.born.as_deref().is_some_and(|born| NaiveDate::parse_from_str(born, "%Y-%m-%d").is_err())
            {
                self.report(&entry, "born must be a date, YYYY-MM-DD");
            }
        }
        for (index, user) in file.email_users.iter().enumerate() {
            let entry = email_entry(index);
            let urn = user.urn();
            if PartyUrn::parse(urn.as_str()).is_none_or(|read| read.kind() != PartyKind::Email) {
                self.report(&entry, "is no e-mail address");
            }
            if !seen.insert(urn) {
                self.report(&entry, "the address is listed more than once");
            }
        }
        for user in &file.system_users {
            let entry = format!("system_user {}", user.id);
            if !seen.insert(user.urn()) {
                self.report(&entry, "is listed more than once");
            }
            if user.name.trim().is_empty() {
                self.report(&entry, "needs a name");
            }
            if !self.organizations.contains_key(user.org.as_str()) {
                self.report(&entry, format_args!("the organisation {} is not in the catalogue", user.org));
            }
        }
    }

    fn party_ids(&mut self) {
        let file = self.file;
        let organizations = file
            .organizations
            .iter()
            .map(|org| (format!("org {}", org.number), org.party_id, org.party_uuid));
        let persons = file
            .persons
            .iter()
            .enumerate()
            .map(|(index, person)| (person_entry(index, person), person.party_id, person.party_uuid));
        let email_users = file
            .email_users
            .iter()
            .enumerate()
            .map(|(index, user)| (email_entry(index), user.party_id, user.party_uuid));
        let mut ids = HashSet::new();
        let mut uuids: HashSet<Uuid> = HashSet::new();
        for (entry, id, uuid) in organizations.chain(persons).chain(email_users) {
            if id.is_some_and(|id| id <= 0) {
                self.report(&entry, "party_id must be greater than zero");
            }
            if id.is_some_and(|id| !ids.insert(id)) {
                self.report(&entry, "another party has the same party_id");
            }
            if uuid.is_some_and(|uuid| !uuids.insert(uuid)) {
                self.report(&entry, "another party has the same party_uuid");
            }
        }
    }

    fn roles_and_packages(&mut self) {
        let file = self.file;
        let mut seen = HashSet::new();
        for role in &file.roles {
            let entry = format!("role {}", role.code);
            let urn = format!("{ROLE_PREFIX}{}", role.code);
            if role.code.trim().is_empty() || role.code != role.code.to_lowercase() {
                self.report(&entry, "the code must be in lower case");
            }
            if role.urn != urn {
                self.report(&entry, format_args!("the urn must be {urn}"));
            }
            if !seen.insert(&role.code) {
                self.report(&entry, "is listed more than once");
            }
            self.has_name(&entry, &role.name);
        }
        let mut seen = HashSet::new();
        for package in &file.access_packages {
            let entry = format!("access_package {}", package.urn);
            if package.short_name().is_empty() || package.urn != package.urn.to_lowercase() {
                self.report(&entry, format_args!("the urn must be {PACKAGE_PREFIX} and a lower-case name"));
            }
            if !seen.insert(&package.urn) {
                self.report(&entry, "is listed more than once");
            }
            self.has_name(&entry, &package.name);
        }
        let somebody_acts_for_themselves = file.persons.iter().any(|user| user.self_grant)
            || file.email_users.iter().any(|user| user.self_grant);
        if somebody_acts_for_themselves && !self.roles.contains(OWN_PERSON) {
            self.report(format_args!("role {OWN_PERSON}"), "is missing; people act for themselves with it");
        }
    }

    fn resources(&mut self) {
        let mut seen = HashSet::new();
        for resource in &self.file.resources {
            let entry = format!("resource {}", resource.id);
            if resource.id.trim().is_empty() || resource.id != resource.id.to_lowercase() {
                self.report(&entry, "the id must be in lower case");
            }
            if resource.id.contains(':') {
                self.report(&entry, "the id is written without urn:altinn:resource:");
            }
            if !seen.insert(&resource.id) {
                self.report(&entry, "is listed more than once");
            }
            self.owner(&entry, resource);
            if !RESOURCE_TYPES.contains(&resource.kind.as_str()) {
                let known = RESOURCE_TYPES.join(", ");
                self.report(&entry, format_args!("the type {} is none of {known}", resource.kind));
            }
            if resource.min_level.is_some_and(|level| level > 4) {
                self.report(&entry, "min_level must be 0 to 4");
            }
            self.has_name(&entry, &resource.title);
            for (index, rule) in resource.rules.iter().enumerate() {
                self.rule(&format!("{entry}, rule {}", index + 1), rule);
            }
        }
    }

    fn owner(&mut self, entry: &str, resource: &file::Resource) {
        let owner = &resource.owner;
        match self.organizations.get(owner.as_str()) {
            None => self.report(entry, format_args!("the owner {owner} is not in the catalogue")),
            Some(found) if !found.service_owner => {
                self.report(entry, format_args!("the owner {owner} is not a service owner"));
            }
            Some(found) if resource.org_code.is_some() && resource.org_code != found.code => {
                self.report(entry, format_args!("org_code is not the code of its owner {owner}"));
            }
            Some(_) => {}
        }
    }

    fn rule(&mut self, entry: &str, rule: &file::Rule) {
        for text in &rule.subjects {
            match Subject::parse(text) {
                None => self.report(
                    entry,
                    format_args!("the subject {text} is none of role:…, package:…, delegated, instance"),
                ),
                Some(Subject::Role(code)) => self.known_role(entry, &code),
                Some(Subject::Package(name)) => self.known_package(entry, &name),
                Some(Subject::Delegated | Subject::Instance) => {}
            }
        }
        for attribute in &rule.attributes {
            if matches!(Target::of(attribute), Target::Resource(_)) {
                self.report(
                    entry,
                    format_args!("the attribute {attribute} is a resource; give that one a rule"),
                );
            }
        }
        for (field, empty) in [
            ("subjects", rule.subjects.is_empty()),
            ("actions", rule.actions.is_empty()),
            ("attributes", rule.attributes.is_empty()),
        ] {
            if empty {
                self.report(entry, format_args!("without {field} it permits nothing"));
            }
        }
    }

    fn generators(&mut self) {
        for (index, generate) in self.file.generators.iter().enumerate() {
            let entry = format!("generate {}", index + 1);
            self.known_user(&entry, &generate.user);
            for code in &generate.roles {
                self.known_role(&entry, code);
            }
            if generate.parties > file::MOST_GENERATED {
                self.report(&entry, format_args!("makes at most {} parties", file::MOST_GENERATED));
            }
        }
    }

    fn grants(&mut self) {
        for (index, grant) in self.file.grants.iter().enumerate() {
            let entry = format!("grant {}", index + 1);
            self.known_user(&entry, &grant.user);
            if !file::reference(&grant.party).is_some_and(|party| self.is_party(&party)) {
                let party = shown(&grant.party);
                self.report(
                    &entry,
                    format_args!(
                        "the party {party} is no person, org, email or legacy user of the catalogue"
                    ),
                );
            }
            for code in &grant.roles {
                self.known_role(&entry, code);
            }
            for name in &grant.packages {
                self.known_package(&entry, name);
            }
            for id in &grant.resources {
                self.grants_through(&entry, id, "delegated");
            }
            for instance in &grant.instances {
                self.grants_through(&entry, &instance.resource, "instance");
                if !is_instance_reference(&instance.reference) {
                    let problem = format!("{} does not refer to an instance", instance.reference);
                    self.report(&entry, problem);
                }
            }
            let gives_nothing = grant.roles.is_empty()
                && grant.packages.is_empty()
                && grant.resources.is_empty()
                && grant.instances.is_empty();
            if gives_nothing {
                self.report(&entry, "gives nothing: name roles, packages, resources or instances");
            }
        }
    }

    fn is_party(&self, party: &PartyUrn) -> bool {
        self.parties.contains(party)
            || (party.kind() == PartyKind::LegacySelfIdentified && PartyUrn::parse(party.as_str()).is_some())
    }

    /// A resource given directly must have a rule for that, or lists would show dialogs that the
    /// decisions then deny.
    fn grants_through(&mut self, entry: &str, id: &str, subject: &str) {
        match self.resources.get(id) {
            None => self.report(entry, format_args!("the resource {id} is not in the catalogue")),
            Some(resource) => {
                let subjects = resource.rules.iter().flat_map(|rule| &rule.subjects);
                if !subjects.into_iter().any(|own| own == subject) {
                    self.report(entry, format_args!("no rule of {id} has the subject {subject}"));
                }
            }
        }
    }

    fn known_user(&mut self, entry: &str, user: &str) {
        if !file::reference(user).is_some_and(|user| self.users.contains(&user)) {
            let user = shown(user);
            self.report(
                entry,
                format_args!("the user {user} is no person, systemuser or email of the catalogue"),
            );
        }
    }

    fn known_role(&mut self, entry: &str, code: &str) {
        if !self.roles.contains(code) {
            self.report(entry, format_args!("the role {code} is not in the catalogue"));
        }
    }

    fn known_package(&mut self, entry: &str, name: &str) {
        if !self.packages.contains(name) {
            self.report(entry, format_args!("the access package {name} is not in the catalogue"));
        }
    }

    fn has_name(&mut self, entry: &str, name: &LocalizedTexts) {
        if name.get("nb").is_none_or(|text| text.trim().is_empty()) {
            self.report(entry, "needs a text in Norwegian (nb)");
        }
    }
}

fn person_entry(index: usize, person: &file::Person) -> String {
    format!("person {} ({})", index + 1, person.name)
}

fn email_entry(index: usize) -> String {
    format!("email_user {}", index + 1)
}

/// A reference without the identity of people.
fn shown(reference: &str) -> String {
    match reference.split_once(':') {
        Some((kind @ ("org" | "systemuser"), id)) => format!("{kind}:{id}"),
        Some((kind @ ("person" | "email" | "legacy"), _)) => format!("{kind}:…"),
        _ => "…".to_owned(),
    }
}

fn is_instance_reference(text: &str) -> bool {
    let is_uuid = |text: &str| text.len() == 36 && Uuid::try_parse(text).is_ok();
    match text.rsplit_once(':') {
        Some(("urn:altinn:dialog-id" | "urn:altinn:correspondence-id", id)) => is_uuid(id),
        Some(("urn:altinn:instance-id", id)) => id.split_once('/').is_some_and(|(party, instance)| {
            party.parse::<i32>().is_ok_and(|id| id > 0) && is_uuid(instance)
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::SMALL;
    use super::*;

    fn problems_with(more: &str) -> Vec<String> {
        problems(&toml::from_str(&format!("{SMALL}\n{more}")).unwrap())
    }

    #[test]
    fn settings() {
        for (text, expected) in [
            ("", None),
            (
                "[token_generator]\nenvs = ['mars']",
                Some("token_generator: mars is none of at21, at22, at23, at24, tt02, yt01, none"),
            ),
        ] {
            assert_eq!(problems_with(text), Vec::from_iter(expected));
        }
    }

    #[test]
    fn organizations() {
        let check_digit = "the number has a wrong check digit (or set allow_invalid = true)";
        for (number, more, expected) in [
            ("310010693", "", None),
            ("99182582", "", Some("the number must have nine digits")),
            ("99182582x", "allow_invalid = true", Some("the number must have nine digits")),
            ("991825828", "", Some(check_digit)),
            ("991825828", "allow_invalid = true", None),
            ("310923044", "", Some("is listed more than once")),
            ("310010693", "service_owner = true", Some("a service owner needs a code")),
            ("310010693", "code = 'a'", Some("only a service owner has a code")),
            ("310010693", "service_owner = true\ncode = 'a'", None),
            ("310010693", "service_owner = true\ncode = 'A'", Some("the code A must be in lower case")),
            (
                "310010693",
                "service_owner = true\ncode = 'ttd'",
                Some("another service owner has the code ttd too"),
            ),
            ("310010693", "subunits = ['310057223']", Some("the sub-unit 310057223 is not in the catalogue")),
            (
                "310010693",
                "subunits = ['315010195']",
                Some("the sub-unit 315010195 is listed as one already"),
            ),
            (
                "310010693",
                "subunits = ['310923044']",
                Some("the sub-unit 310923044 has sub-units of its own"),
            ),
            (
                "310010693",
                "subunits = ['310010693']",
                Some("the sub-unit 310010693 has sub-units of its own"),
            ),
            ("310010693", "party_id = 77", Some("another party has the same party_id")),
            ("310010693", "party_id = 0", Some("party_id must be greater than zero")),
            (
                "310010693",
                "party_uuid = '00000000-0000-4000-8000-000000000077'",
                Some("another party has the same party_uuid"),
            ),
        ] {
            let text = format!("[[org]]\nnumber = '{number}'\nname = {{ nb = 'A' }}\n{more}");
            let expected = expected.map(|problem| format!("org {number}: {problem}"));
            assert_eq!(problems_with(&text), Vec::from_iter(expected), "{text}");
        }
        assert_eq!(
            problems_with("[[org]]\nnumber = '310010693'\nname = { en = 'A' }"),
            ["org 310010693: needs a text in Norwegian (nb)"]
        );
    }

    #[test]
    fn persons() {
        let check_digits = "person 2 (B): the number has wrong check digits (or set allow_invalid = true)";
        for (number, name, more, expected) in [
            ("13838599936", "B", "", None),
            ("13838599937", "B", "", Some(check_digits)),
            ("13838599937", "B", "allow_invalid = true", None),
            ("1", "B", "", Some("person 2 (B): the number must have eleven digits")),
            ("08844397713", "B", "", Some("person 2 (B): the number is listed more than once")),
            ("13838599936", " ", "", Some("person 2 ( ): needs a name")),
            (
                "13838599936",
                "B",
                "born = '1985-02-30'",
                Some("person 2 (B): born must be a date, YYYY-MM-DD"),
            ),
            ("13838599936", "B", "party_id = 77", Some("person 2 (B): another party has the same party_id")),
        ] {
            let text = format!("[[person]]\nnumber = '{number}'\nname = '{name}'\n{more}");
            assert_eq!(problems_with(&text), Vec::from_iter(expected), "{text}");
        }
    }

    #[test]
    fn other_users() {
        for (text, expected) in [
            ("[[email_user]]\nemail = 'b'", "email_user 2: is no e-mail address"),
            ("[[email_user]]\nemail = 'a@EXAMPLE.com'", "email_user 2: the address is listed more than once"),
            (
                "[[system_user]]\nid = '51551dd0-b9c5-4f4b-a4a2-9b7e3669b364'\norg = '310923044'\nname = 'B'",
                "system_user 51551dd0-b9c5-4f4b-a4a2-9b7e3669b364: is listed more than once",
            ),
            (
                "[[system_user]]\nid = '7633be4c-dbd5-49f4-bbc4-c058b275de7b'\norg = '310010693'\nname = 'B'",
                "system_user 7633be4c-dbd5-49f4-bbc4-c058b275de7b: the organisation 310010693 is not in the \
                 catalogue",
            ),
            (
                "[[system_user]]\nid = '7633be4c-dbd5-49f4-bbc4-c058b275de7b'\norg = '310923044'\nname = ''",
                "system_user 7633be4c-dbd5-49f4-bbc4-c058b275de7b: needs a name",
            ),
        ] {
            assert_eq!(problems_with(text), [expected], "{text}");
        }
    }

    #[test]
    fn roles_and_packages() {
        for (code, urn, expected) in [
            ("Lede", "urn:altinn:rolecode:Lede", "role Lede: the code must be in lower case"),
            ("lede", "urn:lede", "role lede: the urn must be urn:altinn:rolecode:lede"),
            ("dagl", "urn:altinn:rolecode:dagl", "role dagl: is listed more than once"),
        ] {
            let id = "00000000-0000-4000-8000-000000000003";
            let text =
                format!("[[role]]\ncode = '{code}'\nurn = '{urn}'\nid = '{id}'\nname = {{ nb = 'A' }}");
            assert_eq!(problems_with(&text), [expected], "{text}");
        }
        for (urn, expected) in [
            (
                "skatt",
                "access_package skatt: the urn must be urn:altinn:accesspackage: and a lower-case name",
            ),
            (
                "urn:altinn:accesspackage:post",
                "access_package urn:altinn:accesspackage:post: is listed more than once",
            ),
        ] {
            let text = format!("[[access_package]]\nurn = '{urn}'\nname = {{ nb = 'A' }}");
            assert_eq!(problems_with(&text), [expected], "{text}");
        }
    }

    #[test]
    fn resources() {
        for (id, owner, kind, more, expected) in [
            ("a", "991825827", "AltinnApp", "org_code = 'ttd'\nmin_level = 0", None),
            ("Svc2", "991825827", "AltinnApp", "", Some("the id must be in lower case")),
            (
                "urn:altinn:resource:a",
                "991825827",
                "MigratedApp",
                "",
                Some("the id is written without urn:altinn:resource:"),
            ),
            ("svc", "991825827", "GenericAccessResource", "", Some("is listed more than once")),
            ("a", "310010693", "AltinnApp", "", Some("the owner 310010693 is not in the catalogue")),
            ("a", "310923044", "AltinnApp", "", Some("the owner 310923044 is not a service owner")),
            (
                "a",
                "991825827",
                "AltinnApp",
                "org_code = 'digdir'",
                Some("org_code is not the code of its owner 991825827"),
            ),
            (
                "a",
                "991825827",
                "altinnapp",
                "",
                Some(
                    "the type altinnapp is none of GenericAccessResource, AltinnApp, MigratedApp, \
                     CorrespondenceService",
                ),
            ),
            ("a", "991825827", "CorrespondenceService", "min_level = 5", Some("min_level must be 0 to 4")),
        ] {
            let text = format!(
                "[[resource]]\nid = '{id}'\nowner = '{owner}'\ntype = '{kind}'\ntitle = {{ nb = 'A' }}\n{more}"
            );
            let expected = expected.map(|problem| format!("resource {id}: {problem}"));
            assert_eq!(problems_with(&text), Vec::from_iter(expected), "{text}");
        }
    }

    #[test]
    fn rules() {
        for (subjects, actions, attributes, expected) in [
            ("'role:dagl', 'package:post', 'instance'", "'*'", "'*', 'urn:altinn:task:Task_1'", None),
            (
                "'everybody'",
                "'read'",
                "'main'",
                Some("the subject everybody is none of role:…, package:…, delegated, instance"),
            ),
            ("'role:lede'", "'read'", "'main'", Some("the role lede is not in the catalogue")),
            ("'package:skatt'", "'read'", "'main'", Some("the access package skatt is not in the catalogue")),
            ("", "'read'", "'main'", Some("without subjects it permits nothing")),
            ("'delegated'", "", "'main'", Some("without actions it permits nothing")),
            ("'delegated'", "'read'", "", Some("without attributes it permits nothing")),
            (
                "'delegated'",
                "'read'",
                "'urn:altinn:resource:a'",
                Some("the attribute urn:altinn:resource:a is a resource; give that one a rule"),
            ),
        ] {
            let text = format!(
                "[[resource.rule]]\nsubjects = [{subjects}]\nactions = [{actions}]\nattributes = [{attributes}]"
            );
            let expected = expected.map(|problem| format!("resource svc, rule 2: {problem}"));
            assert_eq!(problems_with(&text), Vec::from_iter(expected), "{text}");
        }
    }

    #[test]
    fn grants() {
        let (user, party) = ("person:08844397713", "org:310923044");
        for (user, party, given, expected) in [
            (user, party, "roles = ['dagl']\npackages = ['post']\nresources = ['svc']", None),
            (user, "legacy:Leif", "roles = ['dagl']", None),
            (
                "person:13838599936",
                party,
                "roles = ['dagl']",
                Some("the user person:… is no person, systemuser or email of the catalogue"),
            ),
            (
                party,
                party,
                "roles = ['dagl']",
                Some("the user org:310923044 is no person, systemuser or email of the catalogue"),
            ),
            (
                "08844397713",
                party,
                "roles = ['dagl']",
                Some("the user … is no person, systemuser or email of the catalogue"),
            ),
            (
                user,
                "org:310010693",
                "roles = ['dagl']",
                Some("the party org:310010693 is no person, org, email or legacy user of the catalogue"),
            ),
            (
                user,
                "legacy: ",
                "roles = ['dagl']",
                Some("the party legacy:… is no person, org, email or legacy user of the catalogue"),
            ),
            (user, party, "roles = ['lede']", Some("the role lede is not in the catalogue")),
            (user, party, "packages = ['skatt']", Some("the access package skatt is not in the catalogue")),
            (user, party, "resources = ['a']", Some("the resource a is not in the catalogue")),
            (
                user,
                party,
                "instances = [{ resource = 'svc', ref = 'urn:altinn:dialog-id:0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10' }]",
                Some("no rule of svc has the subject instance"),
            ),
            (user, party, "", Some("gives nothing: name roles, packages, resources or instances")),
        ] {
            let text = format!("[[grant]]\nuser = '{user}'\nparty = '{party}'\n{given}");
            let expected = expected.map(|problem| format!("grant 1: {problem}"));
            assert_eq!(problems_with(&text), Vec::from_iter(expected), "{text}");
        }
    }

    #[test]
    fn generators() {
        for (user, parties, expected) in [
            ("person:08844397713", 100_000, None),
            ("person:08844397713", 100_001, Some("makes at most 100000 parties")),
            (
                "person:13838599936",
                1,
                Some("the user person:… is no person, systemuser or email of the catalogue"),
            ),
        ] {
            let text = format!("[[generate]]\nuser = '{user}'\nparties = {parties}");
            let expected = expected.map(|problem| format!("generate 1: {problem}"));
            assert_eq!(problems_with(&text), Vec::from_iter(expected), "{text}");
        }
    }

    #[test]
    fn instances_are_referred_to_by_id() {
        let id = "0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10";
        for (reference, expected) in [
            (format!("urn:altinn:dialog-id:{id}"), true),
            (format!("urn:altinn:correspondence-id:{id}"), true),
            (format!("urn:altinn:instance-id:51267836/{id}"), true),
            (format!("urn:altinn:instance-id:0/{id}"), false),
            (format!("urn:altinn:instance-id:{id}"), false),
            ("urn:altinn:instance-id:1/2".to_owned(), false),
            ("urn:altinn:dialog-id:1".to_owned(), false),
            (format!("urn:altinn:resource:{id}"), false),
            (id.to_owned(), false),
        ] {
            assert_eq!(is_instance_reference(&reference), expected, "{reference}");
        }
    }
}
