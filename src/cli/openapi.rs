//! `dialogporten openapi`: the documents of both APIs, and the graph.

use std::path::Path;

use crate::api::openapi::Document;
use crate::api::{self, graphql};

/// Writes the documents to a directory, which is made if need be.
pub fn openapi(directory: &Path) -> Result<(), String> {
    let failure = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(directory).map_err(|error| failure(directory, error))?;
    let operations = api::endpoints().operations();
    for document in Document::ALL {
        let path = directory.join(format!("{}.json", document.name()));
        std::fs::write(&path, document.render(&operations, None)).map_err(|error| failure(&path, error))?;
    }
    let path = directory.join("schema.graphql");
    std::fs::write(&path, graphql::definition()).map_err(|error| failure(&path, error))
}
