//! No parameter is forgotten: the list of truth is the source of the SDK that is linked.
//!
//! Each field of a request must be in the wire form of a case, or be refused here with the reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::case;

/// The operations with their modules in the SDK.
pub const OPERATIONS: [(&str, &str); 5] = [
    ("AssumeRole", "assume_role"),
    ("AssumeRoleWithWebIdentity", "assume_role_with_web_identity"),
    ("AssumeRoleWithSAML", "assume_role_with_saml"),
    ("GetSessionToken", "get_session_token"),
    ("GetFederationToken", "get_federation_token"),
];

/// Parameters that no profile can set, of every operation that has them.
pub const REFUSED: [(&str, &str); 1] = [(
    "MinimumSessionTokenSize",
    "pads the session token, so that who builds an application can try it with long ones; credentials that serve are \
     the better the shorter they are, and SDKs take an answer of at most 10,000 bytes from an endpoint",
)];

/// What rustc builds for here: crates for other systems need not be on this machine.
fn host() -> String {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("rustc says its host")
        .to_owned()
}

/// The folder of the SDK's sources, as Cargo has it. Not offline: Cargo resolves the whole
/// workspace, and fetches what only the benches need on a machine where nothing but the tests was
/// built.
fn sdk() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            &host(),
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let mut packages = metadata["packages"].as_array().expect("packages").iter();
    let package = packages
        .find(|package| package["name"] == "aws-sdk-sts")
        .expect("the SDK is a dependency");
    let manifest = PathBuf::from(package["manifest_path"].as_str().expect("a path"));
    manifest.parent().expect("a folder").join("src")
}

/// The names on the wire, from the serializer; as many as the request has fields.
pub fn wire_names(module: &str) -> BTreeSet<String> {
    let read = |path: String| {
        fs::read_to_string(sdk().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let serializer = read(format!("protocol_serde/shape_{module}_input.rs"));
    let names = serializer
        .split("writer.prefix(\"")
        .skip(1)
        .map(|rest| rest.split('"').next().expect("a name"));
    let names: BTreeSet<String> = names.map(str::to_owned).collect();
    let builder = read(format!("operation/{module}/builders.rs"));
    let setters = builder.matches("    pub fn set_").count();
    assert_eq!(
        names.len(),
        setters,
        "{module}: the serializer and the request builder differ"
    );
    names
}

#[test]
fn every_field_of_a_request_is_in_a_case_or_refused_with_a_reason() {
    let cases = case::all();
    let calls: Vec<_> = cases.iter().flat_map(|case| &case.calls).collect();
    let mut forgotten = Vec::new();
    for (operation, module) in OPERATIONS {
        let used: BTreeSet<&str> = calls
            .iter()
            .filter(|call| call.operation == operation)
            .flat_map(|call| call.form.keys())
            .map(|key| key.split('.').next().expect("a first part"))
            .collect();
        for name in wire_names(module) {
            let refused = REFUSED
                .iter()
                .any(|(refused, reason)| *refused == name && !reason.is_empty());
            match (used.contains(name.as_str()), refused) {
                (true, true) => forgotten.push(format!("{operation}: {name} is used and refused")),
                (false, false) => forgotten.push(format!("{operation}: no case has {name}")),
                _ => {}
            }
        }
    }
    assert!(forgotten.is_empty(), "{}", forgotten.join("\n"));
}
