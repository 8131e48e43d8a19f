//! What the SDKs follow before they ask the container-credentials endpoint: static keys, profiles
//! and their files, system properties of Java.
//!
//! Owns the list of it, as far as a pod's specification shows it; docs/clients.md has which client
//! follows what. It never repeats a value: it may be a key. Called by `decide` and `assemble`.

use serde_json::Value;

use crate::inject::pod::{Container, items, text};

/// The variables and, behind them, whose: without a note every SDK's.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>
pub(super) const KEYS: [&str; 12] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    // Go, and Java 1.
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    // JavaScript 2.
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    // MinIO's clients and what is made from them, restic for one.
    // <https://github.com/minio/minio-go/blob/master/pkg/credentials/env_minio.go>
    "MINIO_ACCESS_KEY",
    "MINIO_SECRET_KEY",
    "MINIO_ROOT_USER",
    "MINIO_ROOT_PASSWORD",
];
const CREDENTIAL_FILE: &str = "AWS_CREDENTIAL_FILE";
/// botocore and Go read the second too.
pub(super) const PROFILES: [&str; 2] = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
/// Empty, and yet followed by an SDK, with whose and as what: botocore looks for a profile without
/// a name and opens a file without one, `object_store` takes empty keys for the wish not to sign,
/// Rust's SDK opens the token file.
const EMPTY: [(&str, &str, &str); 6] = [
    ("AWS_PROFILE", "botocore", "profile"),
    ("AWS_DEFAULT_PROFILE", "botocore", "profile"),
    ("AWS_ACCESS_KEY_ID", "object_store", "key"),
    ("AWS_SECRET_ACCESS_KEY", "object_store", "key"),
    (CREDENTIAL_FILE, "botocore", "file"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "Rust's SDK", "file"),
];
pub(super) const FILES: [&str; 5] = [
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    // Java 1.
    "AWS_CREDENTIAL_PROFILES_FILE",
    // botocore, from boto 2 and the first EC2 tools.
    CREDENTIAL_FILE,
    "BOTO_CONFIG",
];
/// Java's, below `aws.`; 1 and 2 name the secret key differently.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>
const PROPERTIES: [&str; 13] = [
    "accessKeyId",
    "secretAccessKey",
    "secretKey",
    "sessionToken",
    "profile",
    "sharedCredentialsFile",
    "configFile",
    "roleArn",
    "webIdentityTokenFile",
    "containerCredentialsPath",
    "containerCredentialsFullUri",
    "containerAuthorizationToken",
    "containerAuthorizationTokenFile",
];

/// Each as a sentence that says what to do.
pub(in crate::inject) fn findings(pod: &Value, container: &Container<'_>) -> Vec<String> {
    let name = container.name;
    let before = "which SDKs follow before they ask stsidecar";
    let variables = variables(container)
        .into_iter()
        .map(|variable| format!("container {name} sets {variable}, {before}; remove it"));
    let emptied = EMPTY
        .into_iter()
        .filter(|(variable, ..)| container.literal(variable) == Some(""));
    let empty = emptied.map(|(variable, sdk, what)| {
        format!(
            "container {name} sets {variable} to an empty text, which {sdk} takes for a {what}; \
             remove it"
        )
    });
    let properties = properties(container).into_iter().map(|(property, place)| {
        format!("container {name} has {property} in {place}, {before}; remove it")
    });
    let files = files(pod, container).into_iter().map(|(volume, path)| {
        format!(
            "container {name} mounts {volume} at {path}, where SDKs look before they ask \
             stsidecar; remove it"
        )
    });
    variables
        .chain(empty)
        .chain(properties)
        .chain(files)
        .collect()
}

fn variables(container: &Container<'_>) -> Vec<&'static str> {
    let is_file =
        |name: &&str| container.sets(name) && container.literal(name) != Some("/dev/null");
    let set = KEYS
        .into_iter()
        .chain(PROFILES)
        .filter(|name| container.sets(name));
    set.chain(FILES.into_iter().filter(is_file)).collect()
}

/// Properties and where they are passed: any variable (each start script has its own), command and
/// arguments.
fn properties(container: &Container<'_>) -> Vec<(String, String)> {
    let passed = |text: &str, place: &str| {
        let is_passed = |property: &str| {
            text.split("-Daws.").skip(1).any(|rest| {
                rest.strip_prefix(property)
                    .is_some_and(|rest| rest.starts_with('='))
            })
        };
        let found = PROPERTIES.into_iter().find(|property| is_passed(property));
        found.map(|property| (format!("-Daws.{property}"), place.to_owned()))
    };
    let names = items(container.value, "env").filter_map(|variable| text(variable, "name"));
    let last = names.filter_map(|name| passed(container.literal(name)?, name));
    let words = ["command", "args"].into_iter().flat_map(|list| {
        items(container.value, list)
            .filter_map(Value::as_str)
            .filter_map(move |word| passed(word, list))
    });
    let mut all: Vec<(String, String)> = last.chain(words).collect();
    all.dedup();
    all
}

/// Volumes and the paths at which they show a file of the SDKs, or the folder of these files.
fn files(pod: &Value, container: &Container<'_>) -> Vec<(String, String)> {
    let found = container.mounts().filter_map(|mount| {
        let (name, path) = (
            text(mount, "name")?,
            text(mount, "mountPath")?.trim_end_matches('/'),
        );
        let volume =
            items(&pod["spec"], "volumes").find(|volume| text(volume, "name") == Some(name));
        // With a subPath the mount is one of the items, under the name of the mount.
        let inside = volume
            .filter(|_| text(mount, "subPath").is_none())
            .map(paths)
            .unwrap_or_default();
        let all = std::iter::once(path.to_owned())
            .chain(inside.into_iter().map(|inner| format!("{path}/{inner}")));
        all.into_iter()
            .find(|path| is_read(path))
            .map(|path| (name.to_owned(), path))
    });
    found.collect()
}

/// The paths that a volume gives its keys.
fn paths(volume: &Value) -> Vec<&str> {
    let sources = std::iter::once(volume).chain(
        volume
            .get("projected")
            .into_iter()
            .flat_map(|own| items(own, "sources")),
    );
    let maps = sources.flat_map(|source| {
        ["secret", "configMap"]
            .into_iter()
            .filter_map(|kind| source.get(kind))
    });
    maps.flat_map(|map| items(map, "items"))
        .filter_map(|item| text(item, "path"))
        .collect()
}

/// `.aws`, a file in it, or one of boto's.
fn is_read(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let last = parts.next();
    matches!(last, Some(".aws" | ".boto"))
        || parts.next() == Some(".aws")
        || path == "/etc/boto.cfg"
}
