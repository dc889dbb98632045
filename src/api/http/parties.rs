//! The parameter `party`.

use super::query::Query;
use crate::dialog::party::PartyUrn;
use crate::json::{Failures, Path};

/// Reads parties that dialogs can belong to, at most `most` of them, each once.
pub fn read(query: &Query, most: usize, failures: &mut Failures) -> Vec<PartyUrn> {
    let parties = query.list("party");
    if parties.len() > most {
        let text = format!("must have at most {most} values; got {}.", parties.len());
        failures.add(&Path::Root("party"), text);
        // What is too long a list is not looked at item by item.
        return Vec::new();
    }
    let mut wanted: Vec<PartyUrn> = Vec::with_capacity(parties.len());
    for (index, party) in parties.iter().enumerate() {
        match PartyUrn::parse_dialog_party(party) {
            Some(party) if wanted.contains(&party) => {}
            Some(party) => wanted.push(party),
            None => {
                failures
                    .add(&Path::Root("party").item(index), "must be the URN of a person or organisation.");
            }
        }
    }
    wanted
}
