//! The forms in which a response comes: those that are accepted, and those that are refused by
//! their name.

use super::*;

/// The same response, copied in the ways in which people come by one.
fn unambiguous(xml: &str, base_64: &str) -> Vec<(&'static str, String)> {
    let percent = base_64
        .replace('+', "%2B")
        .replace('/', "%2f")
        .replace('=', "%3D");
    let html = base_64
        .replace('+', "&#43;")
        .replace('/', "&#x2F;")
        .replace('=', "&equals;");
    let as_url = base_64.replace('+', "-").replace('/', "_");
    let escaped = xml
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let each_byte = xml
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect::<Vec<_>>()
        .concat();
    let lines: Vec<&str> = base_64
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    vec![
        ("XML", xml.to_owned()),
        ("base 64", format!("{base_64}\n")),
        ("base 64 in lines", lines.join("\r\n")),
        (
            "base 64 without padding",
            base_64.trim_end_matches('=').to_owned(),
        ),
        ("base64url", as_url.clone()),
        (
            "base64url without padding",
            as_url.trim_end_matches('=').to_owned(),
        ),
        (
            "a form's body",
            format!("SAMLResponse={percent}&RelayState=https%3A%2F%2Fx%2F%3Fa%26b\n"),
        ),
        (
            "a form's body, its + as it was",
            format!("RelayState=&SAMLResponse={base_64}"),
        ),
        ("percent-encoded base 64", percent),
        ("percent-encoded XML", each_byte),
        ("base 64 out of HTML", html),
        ("XML out of HTML", escaped),
    ]
}

#[test]
fn a_response_in_an_unambiguous_form_is_sent_as_the_base_64_of_its_xml() {
    let xml = RESPONSE.trim();
    let base_64 = STANDARD.encode(xml);
    assert!(
        base_64.contains('+') && base_64.contains('/') && base_64.ends_with('='),
        "forms differ in these"
    );
    for (form, content) in unambiguous(xml, &base_64) {
        let assertion =
            Assertion::parse(content.as_bytes()).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!(assertion.expose(), base_64, "{form}");
        assert_eq!(
            assertion.facts().session_name.as_deref(),
            Some("alice"),
            "{form}"
        );
    }
    let marked = STANDARD.encode(format!("\u{feff}{xml}"));
    let assertion = Assertion::parse(marked.as_bytes()).expect("a mark is no content of XML");
    assert_eq!(assertion.facts().session_name.as_deref(), Some("alice"));
}

#[test]
fn xml_in_iso_8859_1_is_sent_as_it_is_and_read_by_its_declaration() {
    for name in ["ISO-8859-1", "iso-8859-1", "latin1"] {
        let xml = format!(
            "<?xml version='1.0' encoding='{name}'?><Response><Issuer>caf\u{e9}</Issuer></Response>"
        );
        let xml: Vec<u8> = xml
            .chars()
            .map(|c| u8::try_from(u32::from(c)).expect("Latin 1"))
            .collect();
        for content in [xml.clone(), STANDARD.encode(&xml).into_bytes()] {
            let assertion = Assertion::parse(&content).expect("Latin 1");
            assert_eq!(STANDARD.decode(assertion.expose()).expect("base 64"), xml);
            assert_eq!(assertion.facts().issuer.as_deref(), Some("caf\u{e9}"));
        }
    }
}

/// A short response as the HTTP-Redirect binding carries it: raw deflate in base 64 (zlib, level
/// 9).
const DEFLATED: &str = "fY9BCgIxEAS/suQBiXgcsgHBi6AXfcGwDhpIZkImi4uvlyjinjw13Ycq2ivmVOBMWoSVhiUnVniPo5krg6BGBcZMCm2Cy+50hK3dQKnSZJJkhj1pi4wtCo/m3lpRcE7jjSNbfKjFjE9hO0l2nWuC7wEH1ZnqSvjfh6pUu8OEryNei6UFc0nU6d6tuOHTfs/CCw==";

/// A form, its content, and what is said of it.
type Refused = (&'static str, Vec<u8>, &'static str);

/// Of another binding, another message, or a page around it.
fn of_another_place(base_64: &str) -> Vec<Refused> {
    let deflated = DEFLATED.to_owned();
    let form = base_64.replace('+', "%2B");
    vec![
        ("deflated", deflated.clone().into(), "HTTP-Redirect"),
        (
            "a redirect's query",
            format!("SAMLResponse={deflated}&SigAlg=x&Signature=y").into(),
            "HTTP-Redirect",
        ),
        (
            "a redirect's URL",
            format!("https://sp/acs?SAMLResponse={form}").into(),
            "HTTP-Redirect",
        ),
        (
            "a request's form",
            format!("SAMLRequest={form}").into(),
            "SAML request",
        ),
        (
            "a request",
            b"<samlp:AuthnRequest/>".to_vec(),
            "SAML request",
        ),
        (
            "twice in a form",
            format!("SAMLResponse={form}&SAMLResponse={form}").into(),
            "more than once",
        ),
        (
            "a page",
            format!("<!DOCTYPE html><input name=SAMLResponse value='{base_64}'>").into(),
            "HTML page",
        ),
        (
            "a page",
            format!("<HTML><body><form><input value=\"{base_64}\"/></form></body></HTML>").into(),
            "HTML page",
        ),
        (
            "its field",
            format!("<input type='hidden' name='SAMLResponse' value='{base_64}'/>").into(),
            "HTML page",
        ),
    ]
}

/// Encoded once too often or once too little.
fn wrongly_encoded(xml: &str, base_64: &str) -> Vec<Refused> {
    vec![
        (
            "JSON",
            format!("{{\"SAMLResponse\":\"{base_64}\"}}").into(),
            "JSON",
        ),
        ("a text in quotes", format!("\"{base_64}\"").into(), "JSON"),
        (
            "encoded twice",
            STANDARD.encode(base_64).into(),
            "base 64 of base 64",
        ),
        (
            "+ read as a blank",
            base_64.replace('+', " ").into(),
            "blanks",
        ),
        (
            "one + read as a blank",
            base_64.replacen('+', " ", 1).into(),
            "blanks",
        ),
        (
            "three + read as blanks",
            base_64.replacen('+', " ", 3).into(),
            "blanks",
        ),
        (
            "+ in percent-encoded XML",
            xml.replace('<', "%3C").replace(' ', "+").into(),
            "percent-encoded",
        ),
    ]
}

/// XML that is not a whole response, or not in UTF-8.
fn wrong_xml(xml: &str, base_64: &str) -> Vec<Refused> {
    let utf_16: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin = "<Response><Issuer>caf\u{e9}</Issuer></Response>".chars();
    let latin = latin.map(|c| u8::try_from(u32::from(c)).expect("Latin 1"));
    vec![
        (
            "an entity of HTML",
            b"<Response><Issuer>a&nbsp;b</Issuer></Response>".to_vec(),
            "entity",
        ),
        (
            "an entity of HTML",
            base_64.replacen('+', "&plusmn;", 1).into(),
            "entity",
        ),
        (
            "an assertion",
            b"<saml:Assertion><saml:Issuer>x</saml:Issuer></saml:Assertion>".to_vec(),
            "whole Response",
        ),
        (
            "SOAP",
            b"<S:Envelope><S:Body><samlp:Response/></S:Body></S:Envelope>".to_vec(),
            "whole Response",
        ),
        (
            "a document type",
            b"<!DOCTYPE r [<!ENTITY a 'b'>]><Response/>".to_vec(),
            "DOCTYPE",
        ),
        ("XML that breaks off", xml[..400].into(), "breaks off"),
        (
            "base 64 that breaks off",
            base_64[..400].into(),
            "breaks off",
        ),
        (
            "XML that is only begun",
            b"<?xml version=\"1.0\"?>".to_vec(),
            "breaks off",
        ),
        ("a comment", b"<!-- nothing yet -->".to_vec(), "breaks off"),
        (
            "tags that cross",
            b"<Response><a></b></Response>".to_vec(),
            "breaks off",
        ),
        ("UTF-16", STANDARD.encode(&utf_16).into(), "UTF-8"),
        (
            "an unknown encoding",
            b"<?xml version='1.0' encoding='windows-1252'?><Response/>".to_vec(),
            "UTF-8",
        ),
        ("Latin 1 that does not say so", latin.collect(), "UTF-8"),
    ]
}

#[test]
fn any_other_form_is_refused_by_its_name_with_what_to_do() {
    let xml = RESPONSE.trim();
    let base_64 = STANDARD.encode(xml);
    let cases = [
        of_another_place(&base_64),
        wrongly_encoded(xml, &base_64),
        wrong_xml(xml, &base_64),
    ];
    assert_eq!(cases.iter().map(Vec::len).sum::<usize>(), 29);
    for (form, content, said) in cases.into_iter().flatten() {
        let error = Assertion::parse(&content).expect_err(form).to_string();
        assert!(
            error.contains(said) && !error.contains("neither XML nor"),
            "{form}: {error}"
        );
    }
}
