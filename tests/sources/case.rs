//! A case as its file has it: a profile, what it needs around it, and what must come of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::support::fake_sts::dialect::Dialect;

/// One case. In its texts `file:NAME` is the path of one of its files.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// What it shows, for the reader.
    pub about: String,
    /// Its row of the table; without one, only requests and status are compared.
    pub row: Option<String>,
    /// The profile, as in the configuration file.
    pub profile: Value,
    /// What the profile's files hold at first.
    #[serde(default)]
    pub files: BTreeMap<String, Content>,
    /// What STS knows.
    #[serde(default)]
    pub sts: Known,
    /// The requests up to the first credentials, in order.
    pub calls: Vec<Expected>,
    /// What the application is given besides the credentials, such as an `AccountId`.
    #[serde(default)]
    pub vended: BTreeMap<String, String>,
    /// Parts of the profile in `/status`.
    #[serde(default)]
    pub status: Value,
    /// Profiles that must be refused at start.
    #[serde(default)]
    pub wrong: Vec<Wrong>,
    /// What turns bad while the agent runs.
    #[serde(default)]
    pub rotten: Vec<Rotten>,
}

/// What a file holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Content {
    /// A token as the kubelet writes them; a text is its service account.
    ServiceAccountToken(String),
    /// A signed SAML response for this role and provider.
    Saml { role: String, principal: String },
    /// Exactly this.
    Text(String),
}

/// What STS knows, and whose it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Known {
    /// Whose words it speaks.
    #[serde(default)]
    pub dialect: Dialect,
    /// The path that it alone answers at, as in its endpoint.
    #[serde(default)]
    pub path: String,
    /// The region that it takes signatures for, when it minds.
    pub region: Option<String>,
    /// Long-term keys: access key id and secret.
    #[serde(default)]
    pub users: BTreeMap<String, String>,
    /// Codes of MFA devices, by serial number.
    #[serde(default)]
    pub codes: BTreeMap<String, Vec<String>>,
    /// Secrets (in the base32 of authenticator apps' QR codes, decoded here as text) of MFA devices.
    #[serde(default)]
    pub totp: BTreeMap<String, String>,
    /// Further elements of every answer.
    #[serde(default)]
    pub elements: BTreeMap<String, String>,
}

/// A request. In its values `content:NAME` is what the file holds, `base64:NAME` that in base64, and `code` six digits.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expected {
    pub operation: String,
    /// Who signs it.
    #[serde(default)]
    pub signer: Signer,
    /// Every parameter besides `Action` and `Version`.
    pub form: BTreeMap<String, String>,
    /// Made once in the life of a process.
    #[serde(default)]
    pub once: bool,
}

/// Who signs a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Signer {
    /// It is not signed.
    #[default]
    Nobody,
    /// What the request before it was answered with.
    Previous,
    /// Long-term keys.
    User(String),
}

/// A change that makes the profile wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    /// Keys below the profile, joined by dots, a hop by its number; null takes the key away.
    pub set: BTreeMap<String, Value>,
    /// What the refusal says, and so names.
    pub says: String,
}

/// A file that turns bad: it gets another content, or a text in it another.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotten {
    pub file: String,
    #[serde(default)]
    pub content: String,
    pub replace: Option<[String; 2]>,
    /// What `/status` says then.
    pub says: String,
}

impl Case {
    /// The profile with the paths of its files in `directory`, and with changes.
    pub fn profile(&self, directory: &Path, changes: &BTreeMap<String, Value>) -> Value {
        let mut profile = self.profile.clone();
        for (path, value) in changes {
            let (parents, key) = path
                .rsplit_once('.')
                .map_or(("", path.as_str()), |(parents, key)| (parents, key));
            let pointer = format!("/{}", parents.replace('.', "/"));
            let pointer = if parents.is_empty() { "" } else { &pointer };
            let parent = profile
                .pointer_mut(pointer)
                .unwrap_or_else(|| panic!("{}: no {parents}", self.name));
            let parent = parent
                .as_object_mut()
                .unwrap_or_else(|| panic!("{}: {parents} has no keys", self.name));
            if value.is_null() {
                assert!(
                    parent.remove(key).is_some(),
                    "{}: no {path} to take away",
                    self.name
                );
            } else {
                parent.insert(key.to_owned(), value.clone());
            }
        }
        with_paths(profile, directory)
    }
}

fn with_paths(value: Value, directory: &Path) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("file:") {
            Some(name) => directory.join(name).display().to_string().into(),
            None => text.into(),
        },
        Value::Array(items) => items
            .into_iter()
            .map(|item| with_paths(item, directory))
            .collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, with_paths(value, directory)))
            .collect(),
        other => other,
    }
}

/// The folder of the cases.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sources")
}

/// Every case, by name.
pub fn all() -> Vec<Case> {
    let files = fs::read_dir(folder())
        .expect("the folder of the cases")
        .map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Case {
    let text = fs::read_to_string(path).expect("a case");
    let case: Case =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = path
        .file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(
        !case.about.is_empty() && !case.calls.is_empty(),
        "{name} shows nothing"
    );
    Case { name, ..case }
}
