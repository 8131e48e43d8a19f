//! The SAML response for `AssumeRoleWithSAML`, and what can be read of it without keys.
//!
//! Owns the two forms a file may have (XML, or its base 64 as a browser posts it), STS's limits, and the facts
//! that status and alarms show. It verifies no signature and refuses nothing for its times: STS judges those.
//! An encrypted assertion simply shows less. Used by `material`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xmlparser::{ElementEnd, Token, Tokenizer};
use zeroize::Zeroizing;

use crate::credentials::Secret;
use crate::identity::Identity;
use crate::time::Wall;

/// The longest assertion STS takes (`SAMLAssertion`, 4 to 100,000 characters of base 64).
pub const LONGEST: usize = 100_000;

/// An attribute of AWS's own, from which STS takes the session's name.
const SESSION_NAME: &str = "https://aws.amazon.com/SAML/Attributes/RoleSessionName";

/// A response as STS takes it, with its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    encoded: Secret,
    facts: Facts,
}

/// What a response says; nothing here is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Who made it.
    pub issuer: Option<String>,
    /// `NameID` of the subject.
    pub subject: Option<String>,
    /// What STS will name the session.
    pub session_name: Option<String>,
    /// For whom: AWS's sign-in URL.
    pub recipient: Option<String>,
    /// Whose audiences it names.
    pub audience: Vec<String>,
    /// The first of its ends: after it, STS takes it no longer.
    pub not_on_or_after: Option<Wall>,
    /// No session lasts longer, whatever is asked for.
    pub session_not_on_or_after: Option<Wall>,
}

/// Why file content is no assertion. Never holds any of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing but white space.
    #[error("it is empty")]
    Empty,
    /// Outside STS's limits.
    #[error("in base 64 it is longer than {LONGEST} characters, the most STS accepts")]
    TooLong,
    /// Neither of the two forms.
    #[error("it is neither XML nor the base 64 of XML")]
    NotXml,
    /// Some other document.
    #[error("its root element is not a SAML Response")]
    NotAResponse,
}

impl Assertion {
    /// Reads a response from file content; white space in base 64 is dropped.
    ///
    /// # Errors
    /// When it is empty, too long or no SAML response.
    pub fn parse(content: &[u8]) -> Result<Self, Error> {
        let content = content.trim_ascii();
        if content.is_empty() {
            return Err(Error::Empty);
        }
        let encoded = Zeroizing::new(if content.starts_with(b"<") {
            STANDARD.encode(content)
        } else {
            let kept = content.iter().filter(|byte| !byte.is_ascii_whitespace()).copied().collect();
            String::from_utf8(kept).map_err(|_| Error::NotXml)?
        });
        if encoded.len() > LONGEST {
            return Err(Error::TooLong);
        }
        let xml = Zeroizing::new(STANDARD.decode(encoded.as_bytes()).map_err(|_| Error::NotXml)?);
        let facts = peek(std::str::from_utf8(&xml).map_err(|_| Error::NotXml)?)?;
        Ok(Self { encoded: Secret::new(encoded.to_string()), facts })
    }

    /// The base 64, for the request to STS only.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.encoded.expose()
    }

    /// What it says, unverified.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whom it names. The session's name stands before the subject, which may be another with each response
    /// (transient name ids). An encrypted assertion holds no name that we could read.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let Facts { issuer, subject, session_name, audience, .. } = &self.facts;
        match session_name.as_ref().or(subject.as_ref()) {
            Some(subject) => Identity::named("assertion", issuer.as_deref(), subject, audience),
            None => Identity::opaque(self.expose()),
        }
    }
}

/// Goes through the elements once. Names are compared without their prefix, of which there is no fixed one.
fn peek(xml: &str) -> Result<Facts, Error> {
    let (mut facts, mut path) = (Facts::default(), Vec::new());
    let (mut rooted, mut attribute_of_aws) = (false, false);
    for token in Tokenizer::from(xml) {
        match token.map_err(|_| Error::NotXml)? {
            Token::DtdStart { .. } | Token::EmptyDtd { .. } => return Err(Error::NotXml),
            Token::ElementStart { local, .. } => {
                if path.is_empty() && local.as_str() != "Response" {
                    return Err(Error::NotAResponse);
                }
                rooted = true;
                path.push(local.as_str());
            }
            Token::Attribute { local, value, .. } => {
                let element = path.last().copied().unwrap_or_default();
                if (element, local.as_str()) == ("Attribute", "Name") {
                    attribute_of_aws = value.as_str() == SESSION_NAME;
                }
                attribute(&mut facts, element, local.as_str(), value.as_str());
            }
            Token::Text { text } | Token::Cdata { text, .. } => {
                let text = unescaped(text.as_str().trim());
                let is_named = attribute_of_aws && path.last() == Some(&"AttributeValue");
                match path[..] {
                    _ if text.is_empty() => {}
                    _ if is_named => facts.session_name = Some(text),
                    [.., "Assertion", "Issuer"] | ["Response", "Issuer"] => facts.issuer = Some(text),
                    [.., "Subject", "NameID"] => facts.subject = Some(text),
                    [.., "AudienceRestriction", "Audience"] => facts.audience.push(text),
                    _ => {}
                }
            }
            Token::ElementEnd { end: ElementEnd::Empty | ElementEnd::Close(..), .. } => {
                path.pop();
            }
            _ => {}
        }
    }
    // A file that is being written may end anywhere, also in front of its first element.
    if rooted && path.is_empty() { Ok(facts) } else { Err(Error::NotXml) }
}

fn attribute(facts: &mut Facts, element: &str, name: &str, value: &str) {
    let end = |known: Option<Wall>| {
        let own = Wall::parse_rfc3339(value.trim());
        known.into_iter().chain(own).min()
    };
    match (element, name) {
        ("SubjectConfirmationData" | "Conditions", "NotOnOrAfter") => {
            facts.not_on_or_after = end(facts.not_on_or_after);
        }
        ("AuthnStatement", "SessionNotOnOrAfter") => facts.session_not_on_or_after = end(facts.session_not_on_or_after),
        ("SubjectConfirmationData", "Recipient") => facts.recipient = Some(unescaped(value.trim())),
        _ => {}
    }
}

fn unescaped(text: &str) -> String {
    let named = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    named.replace("&amp;", "&")
}

#[cfg(test)]
mod tests;
