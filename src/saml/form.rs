//! The forms in which people have a SAML response: what of them is unambiguous is turned into its
//! XML.
//!
//! Owns the names of the forms that are refused. Responses are copied out of a browser: from the
//! body of the form that it posts, from that body's values, from the page that holds the form. It
//! never changes the XML, whose signature covers it, and never reads it: `facts` does. Called by
//! `saml`.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, PAD};
use xmlparser::{Reference, Stream};
use zeroize::Zeroizing;

use super::Error;
use crate::text;

/// Some programs leave the padding out.
const BASE_64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Fewer bytes than this hold no response, however well they are compressed: its namespaces alone
/// are as long.
const SHORTEST_DEFLATED: usize = 100;

type Bytes = Zeroizing<Vec<u8>>;

/// The XML of a file's content.
pub(super) fn xml(content: &[u8]) -> Result<Bytes, Error> {
    let content = content.trim_ascii();
    match content.first() {
        None => return Err(Error::Empty),
        Some(b'<') => return Ok(content.to_vec().into()),
        Some(b'{' | b'[' | b'"' | b'\'') => return Err(Error::Json),
        _ => {}
    }
    let text = std::str::from_utf8(content).map_err(|_| Error::NotXml)?;
    let value = match field(text)? {
        Some(value) => Zeroizing::new(unpercented(value).ok_or(Error::Percent)?),
        None if text.contains('%') => {
            let whole = Zeroizing::new(unpercented(text).ok_or(Error::Percent)?);
            // A + is a blank to a form and itself to a URI. In base 64, which has no blanks, it is
            // itself.
            if whole.starts_with(b"<") && text.contains('+') {
                return Err(Error::Percent);
            }
            whole
        }
        None if text.contains('&') => {
            Zeroizing::new(referenced(text, html)?.into_owned().into_bytes())
        }
        None => Zeroizing::new(text.as_bytes().to_vec()),
    };
    if value.starts_with(b"<") {
        Ok(value)
    } else {
        decoded(&value)
    }
}

/// The value of `SAMLResponse`, when the text is the body of the form that is posted to the
/// service.
fn field(text: &str) -> Result<Option<&str>, Error> {
    let (_, query) = text.split_once('?').unwrap_or(("", text));
    let parameters = || {
        query
            .split('&')
            .filter_map(|parameter| parameter.trim_ascii().split_once('='))
    };
    let values = |name: &'static str| {
        parameters()
            .filter(move |(own, _)| *own == name)
            .map(|(_, value)| value)
    };
    let mut responses = values("SAMLResponse");
    match (responses.next(), responses.next()) {
        _ if values("SAMLRequest").next().is_some() => Err(Error::Request),
        (None, _) => Ok(None),
        (_, Some(_)) => Err(Error::Twice),
        // A URL, or a signature beside the response and not inside it (SAML bindings, section
        // 3.4.4.1).
        (Some(_), None) if text.contains('?') || values("SigAlg").next().is_some() => {
            Err(Error::Redirect)
        }
        (Some(value), None) => Ok(Some(value)),
    }
}

/// The bytes of percent-encoded text, its `+` as they are.
fn unpercented(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after
            .get(..2)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// The text with its references replaced: characters by number, XML's five names, and what `named`
/// knows.
///
/// A lone `&` stays one, as browsers read it.
pub(super) fn referenced(
    text: &str,
    named: fn(&str) -> Option<char>,
) -> Result<Cow<'_, str>, Error> {
    if !text.contains('&') {
        return Ok(Cow::Borrowed(text));
    }
    let (mut stream, mut plain) = (Stream::from(text), String::with_capacity(text.len()));
    while !stream.at_end() {
        plain.push_str(stream.consume_bytes(|_, byte| byte != b'&').as_str());
        match stream.try_consume_reference() {
            Some(Reference::Char(character)) => plain.push(character),
            Some(Reference::Entity(name)) => plain.push(named(name).ok_or(Error::Entity)?),
            None if stream.at_end() => {}
            None => {
                plain.push('&');
                stream.advance(1);
            }
        }
    }
    Ok(Cow::Owned(plain))
}

/// HTML's names of the characters that base 64 has besides letters and digits, and of ends of
/// lines.
fn html(name: &str) -> Option<char> {
    match name {
        "plus" => Some('+'),
        "sol" => Some('/'),
        "equals" => Some('='),
        "NewLine" => Some('\n'),
        _ => None,
    }
}

/// The XML behind base 64, of either alphabet, in one line or several.
fn decoded(text: &[u8]) -> Result<Bytes, Error> {
    if has_lost_plus(text) {
        return Err(Error::Blanks);
    }
    let bytes = raw(text).unwrap_or_default();
    match text::unmarked(&bytes) {
        Ok(xml) if xml.trim_ascii_start().starts_with(b"<") => Ok(bytes),
        Ok([0, b'<', ..]) | Err(_) => Err(Error::Encoding),
        Ok(inner) if raw(inner).is_some_and(|xml| xml.starts_with(b"<")) => {
            Err(Error::TwiceEncoded)
        }
        Ok(other) if other.len() >= SHORTEST_DEFLATED && std::str::from_utf8(other).is_err() => {
            Err(Error::Redirect)
        }
        Ok(_) => Err(Error::NotXml),
    }
}

/// Whether blanks stand for `+`: without them the text is broken, with `+` in their places it is
/// whole.
fn has_lost_plus(text: &[u8]) -> bool {
    let is_whole = |xml: Bytes| {
        xml.starts_with(b"<") && xml.ends_with(b">") && std::str::from_utf8(&xml).is_ok()
    };
    let restored = || {
        text.iter()
            .map(|byte| if *byte == b' ' { b'+' } else { *byte })
            .collect::<Vec<_>>()
    };
    text.contains(&b' ')
        && !raw(text).is_some_and(is_whole)
        && raw(&Zeroizing::new(restored())).is_some_and(is_whole)
}

fn raw(text: &[u8]) -> Option<Bytes> {
    let is_of_urls = text.iter().any(|byte| b"-_".contains(byte))
        && !text.iter().any(|byte| b"+/".contains(byte));
    let digit = |byte: &u8| match byte {
        b'-' if is_of_urls => b'+',
        b'_' if is_of_urls => b'/',
        other => *other,
    };
    let kept: Vec<u8> = text
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(digit)
        .collect();
    BASE_64
        .decode(Zeroizing::new(kept))
        .ok()
        .map(Zeroizing::new)
}
