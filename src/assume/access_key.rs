//! Long-term keys in a file: what signs where no step is before.
//!
//! Owns how such a file is named. It is no source by itself, since long-term keys are never vended:
//! it signs the first hop, or the operations of a user.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::FilePath;
use crate::file_content::Form;
use crate::role::Server;

text_parameter! {
    /// The name of a section of an AWS shared-credentials file.
    SectionName,
    text => !text.is_empty() && text.trim() == text && !text.contains([']', '\n', '\r']),
    "the name of a section of the credentials file, without [ ]"
}
from_text_or_default!(SectionName, Self::parse);

impl Default for SectionName {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

/// Long-term keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessKeyFile {
    /// An AWS shared-credentials file with long-term keys.
    #[serde(rename = "credentialsFile")]
    pub path: FilePath,
    /// The section of it; without it: default.
    #[serde(default)]
    pub profile: SectionName,
    /// Whose keys they are.
    #[serde(skip)]
    pub server: Server,
}

impl AccessKeyFile {
    /// The file, and how it is read.
    pub(super) fn source_file(&self) -> (&Path, Form) {
        source_file(&self.path, &self.profile, self.server)
    }
}

/// A file of keys, and how it is read.
pub(super) fn source_file<'a>(
    path: &'a Path,
    profile: &SectionName,
    server: Server,
) -> (&'a Path, Form) {
    let form = Form::AccessKey {
        profile: profile.to_string(),
        server,
    };
    (path, form)
}
