use std::path::Path;

use super::definition;

#[test]
fn the_copy_in_the_repository_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/schema.graphql");
    let copy = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        copy == definition(),
        "{} is not what the code says; to write it anew: cargo run -- openapi",
        path.display()
    );
}
