//! Names that a configuration gives: a profile's, and the template of its session names.
//!
//! Owns their grammar and how a template becomes a name; the grammar of a session name itself is `role`'s.
//! Used by `config`, and by `refresher`, which fills templates.

use super::Error;
use crate::role::SessionName;

text! {
    /// A profile's name: 1 to 63 lower-case letters, digits and dashes, so that a container's name is one (a DNS
    /// label: <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names>).
    ProfileName,
    text => (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-'),
    "a name has 1 to 63 lower-case letters, digits and dashes, like a container's name"
}

/// A session name with `{namespace}` and `{pod}` to be filled from the token's claims.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct SessionNameTemplate(String);

impl SessionNameTemplate {
    /// What a profile without a name uses.
    pub const DEFAULT: &'static str = "{namespace}.{pod}";

    /// Takes a template.
    ///
    /// # Errors
    /// When it holds an unknown placeholder, or would not be a session name with its placeholders filled.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let filled = text.replace("{namespace}", "n").replace("{pod}", "p");
        let minimum = if filled == text {
            filled
        } else {
            format!("{filled}-")
        };
        SessionName::parse(&minimum).map_err(|_| {
            Error(
                "a role session name has 2 to 64 characters (2 to 32 under STS's first limits), letters, digits and _+=,.@- only, and may hold {namespace} and {pod}",
            )
        })?;
        Ok(Self(text.to_owned()))
    }

    /// Whether the claims of a token are needed.
    #[must_use]
    pub fn needs_claims(&self) -> bool {
        self.0.contains('{')
    }

    /// The template as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name for one pod, made fit for STS.
    #[must_use]
    pub fn fill(&self, namespace: &str, pod: &str) -> SessionName {
        SessionName::sanitised(
            &self
                .0
                .replace("{namespace}", namespace)
                .replace("{pod}", pod),
        )
    }
}

from_text_or_default!(SessionNameTemplate, Self::parse);

impl Default for SessionNameTemplate {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}
