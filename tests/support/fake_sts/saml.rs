//! SAML responses, verified: signature, audience, recipient, time and role.
//!
//! Takes documents that are in canonical form already (exclusive XML canonicalization), as those of
//! `identity_provider`: the text is then what was signed, and any change of it breaks the digest.
//! That those documents are XML signatures to others as well, `tests/real/saml.py` shows with
//! another implementation.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use stsidecar::time::Wall;

use super::judge::Refusal;

/// Where assertions for AWS are to be taken.
pub const RECIPIENT: &str = "https://signin.aws.amazon.com/saml";
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";

/// What a good response says.
#[derive(Debug)]
pub struct Assertion {
    pub subject: String,
    pub subject_type: String,
    pub issuer: String,
    pub audience: String,
    pub name_qualifier: String,
    pub session_name: String,
    /// `SessionNotOnOrAfter`, when the provider limits the session.
    pub session_end: Option<i64>,
}

/// Judges the response in `form` by the public key of the provider that it names.
///
/// # Errors
/// What STS answers with.
pub fn verify(
    encoded: &str,
    role: &str,
    principal: &str,
    key: Option<&[u8]>,
    now: i64,
) -> Result<Assertion, Refusal> {
    let key = key.ok_or_else(|| invalid("Specified provider doesn't exist"))?;
    let response = STANDARD.decode(encoded).ok();
    let response = response.and_then(|bytes| String::from_utf8(bytes).ok());
    let response = response.ok_or_else(|| invalid("Invalid base64 SAMLResponse"))?;
    let assertion = element(&response, "saml:Assertion")
        .ok_or_else(|| invalid("Not a valid SAML assertion"))?;
    if !is_signed(assertion, key) {
        return Err(invalid("Response signature invalid"));
    }
    let audience = check_conditions(assertion, now)?;
    if named(assertion, "Role").as_deref() != Some(&format!("{role},{principal}")) {
        let text = "Not authorized to perform sts:AssumeRoleWithSAML";
        return Err((403, "AccessDenied", text.to_owned()));
    }
    let subject_type = within(part(assertion, "saml:NameID")?, "Format")?;
    let subject_type = subject_type.rsplit(':').next().unwrap_or_default();
    let issuer = text(assertion, "saml:Issuer")?;
    let statement = part(assertion, "saml:AuthnStatement")?;
    let session_end = attribute(statement, "SessionNotOnOrAfter");
    Ok(Assertion {
        subject: text(assertion, "saml:NameID")?,
        subject_type: subject_type.to_owned(),
        name_qualifier: name_qualifier(&issuer, principal),
        issuer,
        audience,
        session_name: named(assertion, "RoleSessionName")
            .ok_or_else(|| missing("RoleSessionName"))?,
        session_end: session_end.as_deref().map(moment).transpose()?,
    })
}

/// Time, audience and recipient, which is handed back.
fn check_conditions(assertion: &str, now: i64) -> Result<String, Refusal> {
    let conditions = part(assertion, "saml:Conditions")?;
    let confirmation = part(assertion, "saml:SubjectConfirmationData")?;
    let begin = moment(&within(conditions, "NotBefore")?)?;
    let end = moment(&within(conditions, "NotOnOrAfter")?)?;
    let redeemed = moment(&within(confirmation, "NotOnOrAfter")?)?;
    if now < begin {
        return Err(invalid("Token is not yet valid"));
    }
    if now >= end.min(redeemed) {
        let text = "Token must be redeemed within 5 minutes of issuance";
        return Err((400, "ExpiredTokenException", text.to_owned()));
    }
    let recipient = within(confirmation, "Recipient")?;
    if text(assertion, "saml:Audience")? != RECIPIENT || recipient != RECIPIENT {
        return Err(invalid("Invalid audience or recipient"));
    }
    Ok(recipient)
}

fn invalid(text: &str) -> Refusal {
    (400, "InvalidIdentityToken", text.to_owned())
}

fn missing(what: &str) -> Refusal {
    invalid(&format!("SAML assertion is missing {what}"))
}

fn part<'a>(assertion: &'a str, name: &str) -> Result<&'a str, Refusal> {
    element(assertion, name).ok_or_else(|| missing(name))
}

fn text(assertion: &str, name: &str) -> Result<String, Refusal> {
    content(assertion, name).ok_or_else(|| missing(name))
}

fn within(tag: &str, name: &str) -> Result<String, Refusal> {
    attribute(tag, name).ok_or_else(|| missing(name))
}

/// As the API reference has it
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html>): of the
/// issuer, the account and the provider's name.
pub fn name_qualifier(issuer: &str, principal: &str) -> String {
    let account = principal.split(':').nth(4).unwrap_or_default();
    let provider = principal.rsplit('/').next().unwrap_or_default();
    let text = format!("{issuer}{account}/{provider}");
    STANDARD.encode(digest::digest(
        &digest::SHA1_FOR_LEGACY_USE_ONLY,
        text.as_bytes(),
    ))
}

/// The enveloped signature over the assertion without that signature.
fn is_signed(assertion: &str, key: &[u8]) -> bool {
    let parts = || {
        let signature = element(assertion, "ds:Signature")?;
        let signed = element(signature, "ds:SignedInfo")?;
        let reference = attribute(element(signed, "ds:Reference")?, "URI")?;
        let digest = STANDARD.decode(content(signed, "ds:DigestValue")?).ok()?;
        let value = STANDARD
            .decode(content(signature, "ds:SignatureValue")?)
            .ok()?;
        let is_this = reference.strip_prefix('#') == attribute(assertion, "ID").as_deref();
        is_this.then_some((signature, signed, digest, value))
    };
    let Some((signature, signed, expected, value)) = parts() else {
        return false;
    };
    let (before, after) = assertion
        .split_once(signature)
        .expect("the signature is in the assertion");
    let only_one = !after.contains("<ds:Signature ");
    let actual = digest::digest(&digest::SHA256, format!("{before}{after}").as_bytes());
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key);
    only_one && actual.as_ref() == expected && key.verify(signed.as_bytes(), &value).is_ok()
}

fn moment(text: &str) -> Result<i64, Refusal> {
    let time = Wall::parse_rfc3339(text);
    time.map(Wall::unix_seconds).ok_or((
        400,
        "InvalidIdentityToken",
        format!("{text} is not a time"),
    ))
}

/// The first element of that name, with its tags.
fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let begin = [" ", ">"]
        .iter()
        .filter_map(|next| xml.find(&format!("<{name}{next}")))
        .min()?;
    let close = format!("</{name}>");
    let end = xml[begin..].find(&close)? + begin + close.len();
    Some(&xml[begin..end])
}

/// The text of the first element of that name, which has no elements in it.
fn content(xml: &str, name: &str) -> Option<String> {
    let whole = element(xml, name)?;
    let inner = whole
        .split_once('>')?
        .1
        .strip_suffix(&format!("</{name}>"))?;
    (!inner.contains('<')).then(|| {
        inner
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
    })
}

/// An attribute of the element's own tag.
fn attribute(element: &str, name: &str) -> Option<String> {
    let tag = element.split('>').next()?;
    let value = tag
        .split_once(&format!(" {name}=\""))?
        .1
        .split('"')
        .next()?;
    Some(value.to_owned())
}

/// The value of one of AWS's own SAML attributes.
fn named(assertion: &str, name: &str) -> Option<String> {
    let begin = assertion.find(&format!("<saml:Attribute Name=\"{ATTRIBUTES}{name}\""))?;
    content(&assertion[begin..], "saml:AttributeValue")
}
