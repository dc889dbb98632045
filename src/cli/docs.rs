//! `dialogporten docs`

use std::path::Path;

use crate::config;
use crate::dialog::{effects, limits};

/// A page of `docs/` that is made of declarations: its name, and how it is made.
type Page = (&'static str, fn() -> String);

const PAGES: &[Page] = &[
    ("effects-of-updates.md", effects::reference),
    ("limits.md", limits::reference),
    ("settings.md", config::reference),
];

/// Writes the pages to a directory, which is made if need be.
pub fn docs(directory: &Path) -> Result<(), String> {
    let failure = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(directory).map_err(|error| failure(directory, error))?;
    for (name, page) in PAGES {
        let path = directory.join(name);
        std::fs::write(&path, page()).map_err(|error| failure(&path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_in_git_are_those_of_the_declarations() {
        for (name, page) in PAGES {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
            let written = std::fs::read_to_string(path).unwrap_or_default();
            assert!(written == page(), "docs/{name} is out of date: cargo run -- docs");
        }
    }
}
