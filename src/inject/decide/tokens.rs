//! The random tokens of legacy clients, which send them as a variable and not from a file.
//!
//! Owns that a container keeps its token over further calls. The chance is its caller's. Called by
//! `decide`.

use serde_json::Value;

use crate::inject::gather::Facts;
use crate::inject::pod;
use crate::inject::sidecar::INLINE;

/// By container; none where legacy clients are off.
pub(in crate::inject) struct Tokens(Vec<(String, String)>);

impl Tokens {
    /// A container's token, if it is a legacy client.
    pub(in crate::inject) fn of(&self, container: &str) -> Option<&str> {
        let mut all = self.0.iter();
        all.find(|(name, _)| name == container)
            .map(|(_, token)| token.as_str())
    }
}

/// Keeps the tokens that a sidecar already has, and draws the missing ones.
pub(super) fn of(pod: &Value, facts: &Facts<'_>, draw: &mut dyn FnMut() -> String) -> Tokens {
    if !facts.settings.legacy_clients {
        return Tokens(Vec::new());
    }
    let document: Value = pod::own(pod)
        .and_then(|own| serde_json::from_str(own.literal(INLINE)?).ok())
        .unwrap_or_default();
    let mut all = Vec::new();
    for name in &facts.choice.chosen {
        let token = kept(&document, name).unwrap_or_else(&mut *draw);
        all.push((name.clone(), token));
    }
    Tokens(all)
}

fn kept(document: &Value, name: &str) -> Option<String> {
    let clients = document.get("clients")?.as_array()?;
    let client = clients.iter().find(|client| client["name"] == name)?;
    client["authorizationToken"].as_str().map(str::to_owned)
}
