//! What `/status`, the readiness page and the probe show of a profile: plain values, nothing
//! secret.
//!
//! Owns the JSON of a profile in `/status`. The refresher sends a new report after every step, the
//! admin surface puts it into its document, and `stsidecar status` reads that again, perhaps of
//! another version: what it does not know is skipped, what is missing is empty.

use serde::de::value::{self, StringDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::assume::ResponseDetails;
use crate::failure::Class;
use crate::incident::Incident;
use crate::time::{Boot, Wall};

/// One profile as an operator sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProfileReport {
    /// The profile's name.
    pub profile: String,
    /// The role whose credentials are vended: the last hop's.
    pub role_arn: Option<String>,
    /// Whether a request for its credentials would be answered with them. The admin surface says it
    /// when it is asked; a report of the refresher has nothing here.
    pub ready: Option<bool>,
    /// Known once the token was read.
    pub session_name: Option<String>,
    /// Source first.
    pub hops: Vec<HopReport>,
    /// The source's file.
    pub token: Option<TokenReport>,
    /// Refreshes that keep failing, if they do.
    pub incident: Option<IncidentReport>,
    /// The newest failure since the last success, if any.
    pub last_error: Option<ErrorReport>,
    /// By which the admin surface knows what became of a retry that it asked for.
    #[serde(skip)]
    pub retry: Retry,
}

/// The newest retry that was asked for, and what has come of it so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// Its number, as the admin surface counts; 0 = none yet.
    pub taken: u64,
    /// Whether anything was failing when it was taken.
    pub was_failing: bool,
    /// Whether the call budget had no call at that moment.
    pub waited_for_budget: bool,
    /// Failed attempts since.
    pub failures: u32,
    /// Whether a call is under way, or due and waits for nothing but the call budget.
    pub is_calling: bool,
}

impl ProfileReport {
    /// The last hop, whose credentials are vended.
    #[must_use]
    pub fn vended(&self) -> Option<&HopReport> {
        self.hops.last()
    }

    /// The role that a line about the newest failure names: of the exchange that failed, or the
    /// vended one where that asks for none.
    #[must_use]
    pub fn role_in_question(&self) -> Option<&str> {
        let failed = self
            .last_error
            .as_ref()
            .and_then(|error| self.hops.get(error.hop));
        failed
            .and_then(|hop| hop.role_arn.as_deref())
            .or(self.role_arn.as_deref())
    }
}

/// One exchange of the chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HopReport {
    /// The STS operation.
    pub operation: String,
    /// The role asked for.
    pub role_arn: Option<String>,
    /// Counts replies since the agent's first start with this state; 0 = none yet.
    pub generation: u64,
    /// What STS said.
    pub expiration: Option<Wall>,
    /// When these credentials end on the boot clock; what readiness is derived from.
    #[serde(skip)]
    pub deadline: Option<Boot>,
    /// Seconds from issue to expiry, as STS returned it.
    pub lifetime_seconds: Option<u64>,
    /// When they were received.
    pub last_refresh: Option<Wall>,
    /// When the next call is due.
    pub next_refresh: Option<Wall>,
    /// What else the reply said.
    #[serde(flatten)]
    pub details: ResponseDetails,
}

/// The source's file, as last read: a token, an assertion or long-term keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenReport {
    /// Its path.
    pub file: String,
    /// What it holds, in words: `token`, `SAML assertion`.
    pub kind: String,
    /// `iss`, or the assertion's issuer.
    pub issuer: Option<String>,
    /// `sub`, or the assertion's name id.
    pub subject: Option<String>,
    /// `aud`, or the assertion's audience.
    pub audience: Vec<String>,
    /// The assertion's recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// The end of a long-term key's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// `exp`, or the assertion's `NotOnOrAfter`.
    pub expiration: Option<Wall>,
    /// How often its content changed since start; 1 = as found.
    pub generation: u64,
    /// Why the newest read failed, while an older content is still in use.
    pub error: Option<String>,
}

/// Refreshes have been failing since the last success.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IncidentReport {
    /// When the first of them failed, in whichever exchange.
    pub failing_since: Option<Wall>,
    /// When what is vended ends, as STS said; nothing without credentials.
    pub credentials_end: Option<Wall>,
    /// The same on the boot clock, from which its moments follow.
    #[serde(skip)]
    pub incident: Incident,
}

/// A failure with what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorReport {
    /// STS's code, or ours.
    pub code: String,
    /// STS's message.
    pub message: String,
    /// How it is retried.
    #[serde(deserialize_with = "known_word")]
    pub class: Option<Class>,
    /// What to do.
    pub hint: String,
    /// For AWS support.
    pub request_id: Option<String>,
    /// Which exchange failed; 0 = the source.
    pub hop: usize,
    /// When it happened.
    pub at: Option<Wall>,
    /// Since when this hop fails.
    pub failing_since: Option<Wall>,
    /// Attempts in this streak.
    pub attempts: u32,
}

/// A word of another version that this one does not know is none.
pub(crate) fn known_word<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let word = Option::<String>::deserialize(deserializer)?;
    Ok(word.and_then(|word| T::deserialize(StringDeserializer::<value::Error>::new(word)).ok()))
}
