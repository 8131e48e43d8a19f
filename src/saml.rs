//! The SAML response for `AssumeRoleWithSAML`, and what can be read of it without keys.
//!
//! Owns STS's limits and the facts that status and alarms show; `saml/form.rs` knows the
//! forms that a file may have, `saml/facts.rs` what the XML says. It verifies no signature
//! and refuses nothing for its times: STS judges those. An encrypted assertion simply shows
//! less. Used by `file_content`.

mod facts;
mod form;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::credentials::Secret;
use crate::identity::Identity;
use crate::time::Wall;

/// The longest assertion STS takes (`SAMLAssertion`, 4 to 100,000 characters of base 64).
pub const LONGEST: usize = 100_000;

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
    /// Where it is sent to: AWS's sign-in URL.
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
    /// No form of a response at all.
    #[error("it is neither XML nor the base 64 of XML")]
    NotXml,
    /// Often a file that is being written.
    #[error("its XML breaks off or is not well-formed: write all of it")]
    Broken,
    /// Entities of the document's own could say anything.
    #[error("it has a document type (<!DOCTYPE), which SAML does not allow")]
    Doctype,
    /// Some other document.
    #[error("its root element is not a SAML Response")]
    NotAResponse,
    /// The assertion out of a response, or what carries a response.
    #[error(
        "it is not the response itself: STS takes the whole Response element, with the assertion in it"
    )]
    NotWhole,
    /// What a service sends to its identity provider.
    #[error("it is a SAML request: write the response that answers it")]
    Request,
    /// The other binding. STS has only `SAMLAssertion`, in which nothing is deflated.
    #[error(
        "it is of the HTTP-Redirect binding, or compressed otherwise: STS takes the response of the HTTP-POST binding"
    )]
    Redirect,
    /// Two readings.
    #[error("the form has SAMLResponse more than once: write the value of one")]
    Twice,
    /// The page that posts the response.
    #[error("it is an HTML page: write the value of its field SAMLResponse")]
    Html,
    /// Some program's output.
    #[error("it is JSON or in quotes: write the value alone")]
    Json,
    /// As from a Secret whose `data` was encoded by hand.
    #[error("it is base 64 of base 64: encode it once less")]
    TwiceEncoded,
    /// What is left of `+` when a form was read once too often.
    #[error(
        "its base 64 has blanks, which were + before a form was decoded: write the value as it was sent"
    )]
    Blanks,
    /// No escapes, or two readings of `+`.
    #[error(
        "it is percent-encoded XML that cannot be read for sure: decode it, or write its base 64"
    )]
    Percent,
    /// `&nbsp;`, which no XML parser knows.
    #[error("it has a named entity of HTML, which is not XML: write the characters themselves")]
    Entity,
    /// What we cannot read; STS may.
    #[error(
        "its XML is neither in UTF-8 nor declared to be in ISO-8859-1: let the identity provider write UTF-8"
    )]
    Encoding,
}

impl Assertion {
    /// Reads a response from file content, in any form that has one reading.
    ///
    /// # Errors
    /// When it is empty, too long, in another form or no SAML response.
    pub fn parse(content: &[u8]) -> Result<Self, Error> {
        let xml = form::xml(content)?;
        if facts::is_page(&xml) {
            return Err(Error::Html);
        }
        let encoded = Zeroizing::new(STANDARD.encode(&xml));
        if encoded.len() > LONGEST {
            return Err(Error::TooLong);
        }
        Ok(Self {
            facts: facts::read(&xml)?,
            encoded: Secret::new(encoded.to_string()),
        })
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

    /// The identity it names. The session's name comes before the subject, which may be another
    /// with each response (transient name ids). An encrypted assertion holds no name that we could
    /// read.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let Facts {
            issuer,
            subject,
            session_name,
            audience,
            ..
        } = &self.facts;
        match session_name.as_ref().or(subject.as_ref()) {
            Some(subject) => Identity::named("assertion", issuer.as_deref(), subject, audience),
            None => Identity::opaque(self.expose()),
        }
    }
}

#[cfg(test)]
mod tests;
