//! A SAML identity provider for tests: signs assertions for AWS, good ones and any kind of bad one.
//!
//! What it writes is in canonical form (exclusive XML canonicalization), so that the signed text is
//! the text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use stsidecar::time::Wall;

use super::fake_sts::saml::RECIPIENT;
use super::fake_sts::signature::hex;
use super::tokens::unix_now;

const SIGNATURE_NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";
const ATTRIBUTE_FORMAT: &str = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri";

/// What an assertion says; times are seconds since the Unix epoch.
#[derive(Clone, Debug)]
pub struct Claims {
    pub issuer: String,
    pub subject: String,
    pub role: String,
    pub principal: String,
    pub session_name: String,
    pub audience: String,
    pub recipient: String,
    pub not_before: i64,
    pub not_on_or_after: i64,
    pub session_end: Option<i64>,
}

impl Claims {
    /// Good now and for five minutes.
    pub fn of(role: &str, principal: &str) -> Self {
        let now = unix_now();
        Self {
            issuer: "https://idp.example.org/metadata".into(),
            subject: "jane@example.org".into(),
            role: role.into(),
            principal: principal.into(),
            session_name: "jane".into(),
            audience: RECIPIENT.into(),
            recipient: RECIPIENT.into(),
            not_before: now - 60,
            not_on_or_after: now + 300,
            session_end: None,
        }
    }
}

/// A provider with its key and certificate.
pub struct IdentityProvider {
    key: EcdsaKeyPair,
    certificate: String,
}

impl IdentityProvider {
    /// With a new key.
    pub fn new() -> Self {
        let pair = rcgen::KeyPair::generate().expect("a key");
        let parameters =
            rcgen::CertificateParams::new(vec!["idp.example.org".into()]).expect("a name");
        let certificate =
            STANDARD.encode(parameters.self_signed(&pair).expect("a certificate").der());
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &pair.serialize_der(),
            &random,
        );
        Self {
            key: key.expect("a P-256 key"),
            certificate,
        }
    }

    /// What the service provider is given to verify signatures with.
    pub fn public_key(&self) -> &[u8] {
        self.key.public_key().as_ref()
    }

    /// The certificate, base64.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A signed response, as XML.
    pub fn response(&self, claims: &Claims) -> String {
        let id = format!(
            "_{}",
            &hex(digest::digest(&digest::SHA256, format!("{claims:?}").as_bytes()).as_ref())[..32]
        );
        let [head, tail] = assertion(&id, claims);
        let signature = self.signature(&id, &format!("{head}{tail}"));
        let issued = time(unix_now());
        format!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" Destination=\"{RECIPIENT}\" ID=\"{id}r\" IssueInstant=\"{issued}\" Version=\"2.0\">\
             <samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"></samlp:StatusCode></samlp:Status>\
             {head}{signature}{tail}</samlp:Response>"
        )
    }

    /// An enveloped signature of an assertion without one.
    fn signature(&self, id: &str, assertion: &str) -> String {
        let digest = STANDARD.encode(digest::digest(&digest::SHA256, assertion.as_bytes()));
        let info = format!(
            "<ds:SignedInfo xmlns:ds=\"{SIGNATURE_NAMESPACE}\"><ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"></ds:CanonicalizationMethod>\
             <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256\"></ds:SignatureMethod>\
             <ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform Algorithm=\"{SIGNATURE_NAMESPACE}enveloped-signature\"></ds:Transform>\
             <ds:Transform Algorithm=\"{EXCLUSIVE}\"></ds:Transform></ds:Transforms>\
             <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
             <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        );
        let value = self
            .key
            .sign(&SystemRandom::new(), info.as_bytes())
            .expect("a signature");
        format!(
            "<ds:Signature xmlns:ds=\"{SIGNATURE_NAMESPACE}\">{info}<ds:SignatureValue>{}</ds:SignatureValue>\
             <ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>",
            STANDARD.encode(value),
            self.certificate
        )
    }
}

/// The assertion, in two parts: the signature's place is behind the issuer.
fn assertion(id: &str, claims: &Claims) -> [String; 2] {
    let issued = time(unix_now());
    let (begin, end) = (time(claims.not_before), time(claims.not_on_or_after));
    let head = format!(
        "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{id}\" IssueInstant=\"{issued}\" Version=\"2.0\">\
         <saml:Issuer>{}</saml:Issuer>",
        escaped(&claims.issuer)
    );
    let session = claims.session_end.map_or(String::new(), |end| {
        format!(" SessionNotOnOrAfter=\"{}\"", time(end))
    });
    let attribute = |name: &str, value: &str| {
        format!(
            "<saml:Attribute Name=\"{ATTRIBUTES}{name}\" NameFormat=\"{ATTRIBUTE_FORMAT}\"><saml:AttributeValue>{}</saml:AttributeValue></saml:Attribute>",
            escaped(value)
        )
    };
    let tail = format!(
        "<saml:Subject><saml:NameID Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\">{}</saml:NameID>\
         <saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
         <saml:SubjectConfirmationData NotOnOrAfter=\"{end}\" Recipient=\"{}\"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>\
         <saml:Conditions NotBefore=\"{begin}\" NotOnOrAfter=\"{end}\"><saml:AudienceRestriction><saml:Audience>{}</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
         <saml:AuthnStatement AuthnInstant=\"{issued}\"{session}><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>\
         <saml:AttributeStatement>{}{}</saml:AttributeStatement></saml:Assertion>",
        escaped(&claims.subject),
        escaped(&claims.recipient),
        escaped(&claims.audience),
        attribute("Role", &format!("{},{}", claims.role, claims.principal)),
        attribute("RoleSessionName", &claims.session_name),
    );
    [head, tail]
}

fn time(seconds: i64) -> String {
    Wall::from_unix_seconds(seconds).rfc3339()
}

/// As canonical XML writes text; attributes here need no more.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
