//! The catalogue in use, which can be read again while the sandbox runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::{Catalogue, CatalogueError};
use crate::altinn::SubjectResource;
use crate::timestamp::Timestamp;

/// A catalogue and where it comes from.
pub struct LiveCatalogue {
    file: Option<PathBuf>,
    current: ArcSwap<Catalogue>,
    /// When each pair of role or access package and resource came to be, or went.
    history: Mutex<BTreeMap<(String, String), (Timestamp, bool)>>,
}

impl LiveCatalogue {
    /// The catalogue in `file`, or the one that comes with the program.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn open(file: Option<PathBuf>, now: Timestamp) -> Result<Self, CatalogueError> {
        let live =
            Self { current: ArcSwap::from_pointee(read(file.as_deref())?), file, history: Mutex::default() };
        live.remember(now);
        Ok(live)
    }

    #[cfg(test)]
    pub(in crate::sandbox) fn builtin() -> Result<Self, CatalogueError> {
        Self::open(None, Timestamp::parse("2026-01-01T00:00:00Z").unwrap())
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// When it cannot be used; the catalogue then stays as it was.
    pub fn reload(&self, now: Timestamp) -> Result<(), CatalogueError> {
        self.current.store(Arc::new(read(self.file.as_deref())?));
        self.remember(now);
        Ok(())
    }

    /// The catalogue as it is now.
    pub fn get(&self) -> Arc<Catalogue> {
        self.current.load_full()
    }

    /// What has changed after `since`, or all there is, about who may read which resources.
    pub fn subject_resources(&self, since: Option<Timestamp>) -> Vec<SubjectResource> {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes: Vec<_> = history
            .iter()
            .filter(|(_, (updated_at, _))| since.is_none_or(|since| *updated_at > since))
            .map(|((subject, resource), (updated_at, is_deleted))| SubjectResource {
                subject: subject.clone(),
                resource: resource.clone(),
                updated_at: *updated_at,
                is_deleted: *is_deleted,
            })
            .collect();
        changes.sort_by_key(|change| change.updated_at);
        changes
    }

    fn remember(&self, now: Timestamp) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = self.get().subject_resources();
        for (pair, known) in history.iter_mut() {
            if !known.1 && !pairs.contains(pair) {
                *known = (now, true);
            }
        }
        for pair in pairs {
            let known = history.entry(pair).or_insert((now, false));
            if known.1 {
                *known = (now, false);
            }
        }
    }
}

fn read(file: Option<&std::path::Path>) -> Result<Catalogue, CatalogueError> {
    match file {
        Some(file) => Catalogue::load(file),
        None => Catalogue::builtin(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_after_reading_again_is_told() {
        let at = |second| Timestamp::from_unix_seconds(second).unwrap();
        let file = std::env::temp_dir().join(format!("catalogue-{}-live.toml", std::process::id()));
        let text =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sandbox/catalogue.toml"));
        let text = text.unwrap();
        std::fs::write(&file, &text).unwrap();
        let live = LiveCatalogue::open(Some(file.clone()), at(100)).unwrap();
        let all = live.subject_resources(None);
        assert!(all.len() > 10 && all.iter().all(|change| change.updated_at == at(100)));
        assert!(live.subject_resources(Some(at(100))).is_empty());

        let package = r#""package:ordinaer-post-til-virksomheten""#;
        assert!(text.contains(&format!(", {package}]")));
        std::fs::write(&file, text.replace(&format!(", {package}]"), "]")).unwrap();
        live.reload(at(200)).unwrap();
        let changes = live.subject_resources(Some(at(100)));
        assert!(!changes.is_empty());
        assert!(changes.iter().all(|change| change.is_deleted && change.subject.contains("ordinaer")));
        std::fs::write(&file, "nonsense").unwrap();
        assert!(live.reload(at(300)).is_err());
        assert!(!live.get().resources().is_empty());
        std::fs::write(&file, &text).unwrap();
        live.reload(at(300)).unwrap();
        assert!(live.subject_resources(Some(at(200))).iter().all(|change| !change.is_deleted));
        std::fs::remove_file(file).unwrap();
    }
}
