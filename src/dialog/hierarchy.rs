//! Which transmission answers which: a forest of bounded depth and width, without cycles.

use std::collections::HashMap;

use uuid::Uuid;

use super::limits;

/// What must be known of a stored transmission that new ones refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredParent {
    /// Its distance from the root of its chain; a root has 1.
    pub depth: i16,
    /// How many transmissions relate to it.
    pub children: i64,
}

/// The depth of each of the new transmissions, given as (id, related transmission), in their order.
///
/// # Errors
/// One sentence per rule that is broken; unknown parents are reported alone.
pub fn place(
    new: &[(Uuid, Option<Uuid>)],
    stored: &HashMap<Uuid, StoredParent>,
) -> Result<Vec<i16>, Vec<String>> {
    let index: HashMap<Uuid, usize> = new.iter().enumerate().map(|(i, (id, _))| (*id, i)).collect();
    let parents = || new.iter().filter_map(|(_, parent)| *parent);
    let unknown = listed(parents().filter(|id| !index.contains_key(id) && !stored.contains_key(id)));
    if !unknown.is_empty() {
        return Err(vec![format!(
            "relatedTransmissionId must name a transmission of the dialog; unknown: {unknown}."
        )]);
    }

    let mut depths: Vec<Option<i16>> = vec![None; new.len()];
    let mut cyclic = Vec::new();
    for start in 0..new.len() {
        // Walks up to something whose depth is known, then down again.
        let mut way = Vec::new();
        let mut at = start;
        let mut depth = loop {
            if let Some(depth) = depths[at] {
                break depth;
            }
            if way.len() > new.len() {
                cyclic.push(new[start].0);
                break 0;
            }
            way.push(at);
            match new[at].1 {
                None => break 0,
                Some(parent) => match (index.get(&parent), stored.get(&parent)) {
                    (Some(next), _) => at = *next,
                    (None, Some(parent)) => break parent.depth,
                    (None, None) => break 0,
                },
            }
        };
        for at in way.into_iter().rev() {
            depth = depth.saturating_add(1);
            depths[at] = Some(depth);
        }
    }

    let mut texts = Vec::new();
    if !cyclic.is_empty() {
        return Err(vec![format!(
            "Transmissions must not relate to each other in a circle: {}.",
            listed(cyclic.into_iter())
        )]);
    }
    let depths: Vec<i16> = depths.into_iter().flatten().collect();
    let deep = listed(
        new.iter().zip(&depths).filter(|(_, d)| **d > limits::TRANSMISSION_DEPTH).map(|((id, _), _)| *id),
    );
    if !deep.is_empty() {
        texts.push(format!(
            "Chains of related transmissions must be at most {} long; too deep: {deep}.",
            limits::TRANSMISSION_DEPTH
        ));
    }
    let mut children: HashMap<Uuid, i64> = HashMap::new();
    for parent in parents() {
        *children.entry(parent).or_insert_with(|| stored.get(&parent).map_or(0, |p| p.children)) += 1;
    }
    let wide =
        listed(children.into_iter().filter(|(_, n)| *n > limits::TRANSMISSION_WIDTH).map(|(id, _)| id));
    if !wide.is_empty() {
        texts.push(format!(
            "At most {} transmissions may relate to the same one; too many for: {wide}.",
            limits::TRANSMISSION_WIDTH
        ));
    }
    if texts.is_empty() { Ok(depths) } else { Err(texts) }
}

fn listed(ids: impl Iterator<Item = Uuid>) -> String {
    let mut ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    ids.sort();
    ids.dedup();
    ids.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn chain(length: u128) -> Vec<(Uuid, Option<Uuid>)> {
        // Children first, to show that order does not matter.
        (1..=length).rev().map(|n| (id(n), (n > 1).then(|| id(n - 1)))).collect()
    }

    #[test]
    fn depth_is_bounded() {
        let depths = place(&chain(100), &HashMap::new()).unwrap();
        assert_eq!((depths[0], depths[99]), (100, 1));
        assert_eq!(place(&chain(101), &HashMap::new()).unwrap_err().len(), 1);
        let stored = HashMap::from([(id(7), StoredParent { depth: 99, children: 0 })]);
        assert_eq!(place(&[(id(8), Some(id(7)))], &stored), Ok(vec![100]));
        assert!(place(&[(id(8), Some(id(7))), (id(9), Some(id(8)))], &stored).is_err());
    }

    #[test]
    fn width_is_bounded() {
        let fan = |n: u128| (2..2 + n).map(|i| (id(i), Some(id(1)))).collect::<Vec<_>>();
        let stored = |children| HashMap::from([(id(1), StoredParent { depth: 1, children })]);
        assert!(place(&fan(100), &stored(0)).is_ok());
        assert!(place(&fan(101), &stored(0)).is_err());
        assert!(place(&fan(1), &stored(99)).is_ok());
        assert!(place(&fan(1), &stored(100)).is_err());
    }

    #[test]
    fn circles_and_unknown_parents_are_refused() {
        let circle = [(id(1), Some(id(2))), (id(2), Some(id(3))), (id(3), Some(id(1))), (id(4), Some(id(1)))];
        assert!(place(&circle, &HashMap::new()).unwrap_err()[0].contains("circle"));
        assert!(place(&[(id(1), Some(id(1)))], &HashMap::new()).unwrap_err()[0].contains("circle"));
        let texts = place(&[(id(1), Some(id(9)))], &HashMap::new()).unwrap_err();
        assert!(texts.len() == 1 && texts[0].contains(&id(9).to_string()));
    }
}
