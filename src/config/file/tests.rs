//! The checked-in schema against the types it describes.

use std::path::Path;

use super::*;
use crate::config::SETTINGS;

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a developer's switch, not the program's"
)]
fn the_schema_is_that_of_the_types() {
    let schema = format!("{:#}\n", schemars::schema_for!(Document).to_value());
    if std::env::var_os("UPDATE").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.schema.json");
        std::fs::write(file, &schema).expect("a writable schema");
    } else {
        assert!(
            SCHEMA == schema,
            "run UPDATE=1 cargo test --lib schema; it should be\n{schema}"
        );
    }
}

#[test]
fn the_schema_knows_every_key_and_allows_no_other() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    for setting in SETTINGS.iter().filter_map(|setting| setting.key) {
        assert!(schema["properties"][setting].is_object(), "{setting}");
    }
}
