//! SAML responses, verified: signature, audience, recipient, time and role.
//!
//! Takes documents that are in canonical form already (exclusive XML canonicalization), as those of
//! `identity_provider`: the text is then what was signed, and any change of it breaks the digest. That those
//! documents are XML signatures to others as well, `tests/real/saml.py` shows with another implementation.

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
    let invalid = |text: &str| (400, "InvalidIdentityToken", text.to_owned());
    let key = key.ok_or_else(|| invalid("Specified provider doesn't exist"))?;
    let response = STANDARD
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let response = response.ok_or_else(|| invalid("Invalid base64 SAMLResponse"))?;
    let assertion = element(&response, "saml:Assertion")
        .ok_or_else(|| invalid("Not a valid SAML assertion"))?;
    if !is_signed(assertion, key) {
        return Err(invalid("Response signature invalid"));
    }
    let missing = |what: &str| invalid(&format!("SAML assertion is missing {what}"));
    let text = |name: &str| content(assertion, name).ok_or_else(|| missing(name));
    let within = |tag: &str, name: &str| attribute(tag, name).ok_or_else(|| missing(name));
    let conditions = element(assertion, "saml:Conditions").ok_or_else(|| missing("Conditions"))?;
    let confirmation = element(assertion, "saml:SubjectConfirmationData")
        .ok_or_else(|| missing("a confirmation"))?;
    let (begin, end) = (
        moment(&within(conditions, "NotBefore")?)?,
        moment(&within(conditions, "NotOnOrAfter")?)?,
    );
    let redeemed = moment(&within(confirmation, "NotOnOrAfter")?)?;
    if now < begin {
        return Err(invalid("Token is not yet valid"));
    }
    if now >= end.min(redeemed) {
        return Err((
            400,
            "ExpiredTokenException",
            "Token must be redeemed within 5 minutes of issuance".to_owned(),
        ));
    }
    let audience = within(confirmation, "Recipient")?;
    if text("saml:Audience")? != RECIPIENT || audience != RECIPIENT {
        return Err(invalid("Invalid audience or recipient"));
    }
    if named(assertion, "Role").as_deref() != Some(&format!("{role},{principal}")) {
        return Err((
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithSAML".to_owned(),
        ));
    }
    let name_id = element(assertion, "saml:NameID").ok_or_else(|| missing("NameID"))?;
    let subject_type = within(name_id, "Format")?
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    let issuer = text("saml:Issuer")?;
    let statement =
        element(assertion, "saml:AuthnStatement").ok_or_else(|| missing("AuthnStatement"))?;
    Ok(Assertion {
        subject: text("saml:NameID")?,
        subject_type,
        name_qualifier: name_qualifier(&issuer, principal),
        issuer,
        audience,
        session_name: named(assertion, "RoleSessionName")
            .ok_or_else(|| missing("RoleSessionName"))?,
        session_end: attribute(statement, "SessionNotOnOrAfter")
            .as_deref()
            .map(moment)
            .transpose()?,
    })
}

/// As the API reference has it: of the issuer, the account and the provider's name.
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
