//! What can be read of a response's XML without keys.
//!
//! Owns which elements the facts are taken from. Values are decoded: references by number or name
//! are what they stand for. It verifies nothing, and never changes the XML. Called by `saml`.

use std::borrow::Cow;

use xmlparser::{ElementEnd, Token, Tokenizer};

use super::form::referenced;
use super::{Error, Facts};
use crate::text;
use crate::time::Wall;

/// An attribute of AWS's own, from which STS takes the session's name.
const SESSION_NAME: &str = "https://aws.amazon.com/SAML/Attributes/RoleSessionName";

/// The facts of a response.
pub(super) fn read(xml: &[u8]) -> Result<Facts, Error> {
    let xml = characters(xml)?;
    let mut reading = Reading::default();
    for token in Tokenizer::from(xml.trim_start()) {
        reading.take(token.map_err(|_| Error::Broken)?)?;
    }
    // A file that is being written may end anywhere, also in front of its first element.
    if reading.is_rooted && reading.path.is_empty() {
        Ok(reading.facts)
    } else {
        Err(Error::Broken)
    }
}

/// The characters of the document, by the encoding that it declares.
fn characters(xml: &[u8]) -> Result<Cow<'_, str>, Error> {
    let xml = text::unmarked(xml).map_err(|_| Error::Encoding)?;
    if xml.starts_with(b"<\0") {
        return Err(Error::Encoding);
    }
    let utf8 = || {
        std::str::from_utf8(xml)
            .map(Cow::Borrowed)
            .map_err(|_| Error::Encoding)
    };
    let Some(name) = encoding(xml) else {
        return utf8();
    };
    match name.to_ascii_lowercase().as_slice() {
        b"utf-8" | b"utf8" | b"us-ascii" => utf8(),
        // The first 256 characters of Unicode are those of this encoding.
        b"iso-8859-1" | b"iso8859-1" | b"latin1" => {
            Ok(xml.iter().map(|byte| char::from(*byte)).collect())
        }
        _ => Err(Error::Encoding),
    }
}

/// The name in `<?xml version="1.0" encoding="NAME"?>`, all of which is ASCII.
fn encoding(xml: &[u8]) -> Option<&[u8]> {
    let declaration = xml.trim_ascii_start().strip_prefix(b"<?xml")?;
    let declaration = &declaration[..declaration.iter().position(|byte| *byte == b'>')?];
    let at = declaration
        .windows(8)
        .position(|window| window == b"encoding")?;
    let value = declaration[at + 8..]
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let (quote, value) = value
        .split_first()
        .filter(|(quote, _)| b"'\"".contains(quote))?;
    value
        .iter()
        .position(|byte| byte == quote)
        .map(|end| &value[..end])
}

/// One pass through the elements. Names are compared without their prefix, of which there is no
/// fixed one.
#[derive(Default)]
struct Reading<'x> {
    facts: Facts,
    path: Vec<&'x str>,
    /// Of the innermost element so far: a comment or CDATA in it makes several tokens of one text.
    text: String,
    is_rooted: bool,
    /// Whether the attribute that was begun last is [`SESSION_NAME`].
    is_session_name: bool,
}

impl<'x> Reading<'x> {
    fn take(&mut self, token: Token<'x>) -> Result<(), Error> {
        match token {
            Token::DtdStart { .. } | Token::EmptyDtd { .. } => return Err(Error::Doctype),
            Token::ElementStart { local, .. } => {
                if self.path.is_empty() {
                    root(local.as_str())?;
                }
                self.is_rooted = true;
                self.path.push(local.as_str());
                self.text.clear();
            }
            Token::Attribute { local, value, .. } => {
                self.attribute(local.as_str(), referenced(value.as_str(), |_| None)?.trim());
            }
            Token::Text { text } => self.text.push_str(&referenced(text.as_str(), |_| None)?),
            Token::Cdata { text, .. } => self.text.push_str(text.as_str()),
            Token::ElementEnd {
                end: ElementEnd::Close(_, local),
                ..
            } => {
                self.element();
                if self.path.pop() != Some(local.as_str()) {
                    return Err(Error::Broken);
                }
            }
            Token::ElementEnd {
                end: ElementEnd::Empty,
                ..
            } => {
                self.path.pop();
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the text of the element that ends.
    fn element(&mut self) {
        let text = std::mem::take(&mut self.text).trim().to_owned();
        let (facts, is_named) = (
            &mut self.facts,
            self.is_session_name && self.path.last() == Some(&"AttributeValue"),
        );
        match self.path[..] {
            _ if text.is_empty() => {}
            _ if is_named => facts.session_name = Some(text),
            [.., "Assertion", "Issuer"] | ["Response", "Issuer"] => facts.issuer = Some(text),
            [.., "Subject", "NameID"] => facts.subject = Some(text),
            [.., "AudienceRestriction", "Audience"] => facts.audience.push(text),
            _ => {}
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let facts = &mut self.facts;
        let first = |known: Option<Wall>| known.into_iter().chain(Wall::parse_rfc3339(value)).min();
        match (self.path.last().copied().unwrap_or_default(), name) {
            ("Attribute", "Name") => self.is_session_name = value == SESSION_NAME,
            ("SubjectConfirmationData" | "Conditions", "NotOnOrAfter") => {
                facts.not_on_or_after = first(facts.not_on_or_after);
            }
            ("AuthnStatement", "SessionNotOnOrAfter") => {
                facts.session_not_on_or_after = first(facts.session_not_on_or_after);
            }
            ("SubjectConfirmationData", "Recipient") => facts.recipient = Some(value.to_owned()),
            _ => {}
        }
    }
}

/// Refuses every root but a response's, the likely ones by what they are.
fn root(name: &str) -> Result<(), Error> {
    match name {
        "Response" => Ok(()),
        "AuthnRequest" | "LogoutRequest" => Err(Error::Request),
        "Assertion" | "EncryptedAssertion" | "Envelope" => Err(Error::NotWhole),
        _ if name.starts_with("RequestSecurityTokenResponse") => Err(Error::NotWhole),
        _ => Err(Error::NotAResponse),
    }
}

/// Whether it is a web page, or the part of one with the form, which is rarely well-formed XML.
pub(super) fn is_page(xml: &[u8]) -> bool {
    let beginnings = [
        "<!doctype html",
        "<html",
        "<head",
        "<body",
        "<form",
        "<input",
    ];
    beginnings.iter().any(|tag| {
        xml.get(..tag.len())
            .is_some_and(|own| own.eq_ignore_ascii_case(tag.as_bytes()))
    })
}
