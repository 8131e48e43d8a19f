//! Responses as identity providers write them, and what is none.

use proptest::prelude::*;

use super::*;

const RESPONSE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="https://signin.aws.amazon.com/saml">
  <saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">https://idp.example.com/outer</saml:Issuer>
  <saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">
    <saml:Issuer>https://idp.example.com/?a=1&amp;b=2</saml:Issuer>
    <saml:Subject><saml:NameID Format="x">_transient</saml:NameID>
      <saml:SubjectConfirmation><saml:SubjectConfirmationData NotOnOrAfter="2026-11-22T06:05:00Z"
        Recipient="https://signin.aws.amazon.com/saml"/></saml:SubjectConfirmation></saml:Subject>
    <saml:Conditions NotBefore="2026-11-22T05:55:00Z" NotOnOrAfter="2026-11-22T06:00:00.000Z">
      <saml:AudienceRestriction><saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction>
    </saml:Conditions>
    <saml:AuthnStatement SessionNotOnOrAfter="2026-11-22T14:00:00Z"/>
    <saml:AttributeStatement>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/Role"><saml:AttributeValue>r,p</saml:AttributeValue><saml:AttributeValue>&gt;>>>???x</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/RoleSessionName"><saml:AttributeValue>alice</saml:AttributeValue></saml:Attribute>
      <saml:Attribute Name="mail"><saml:AttributeValue>mail</saml:AttributeValue></saml:Attribute>
    </saml:AttributeStatement>
  </saml:Assertion>
</samlp:Response>
"#;

#[test]
fn xml_and_its_base_64_in_lines_are_the_same_assertion() {
    let plain = Assertion::parse(RESPONSE.as_bytes()).expect("XML");
    let lines = STANDARD.encode(RESPONSE.trim());
    let lines: Vec<&str> = lines
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    let wrapped =
        Assertion::parse(format!("{}\n", lines.join("\r\n")).as_bytes()).expect("base 64");
    assert_eq!(plain, wrapped);
    assert_eq!(
        STANDARD.decode(plain.expose()).expect("base 64"),
        RESPONSE.trim().as_bytes()
    );
}

#[test]
fn the_facts_are_read_and_the_first_end_counts() {
    let facts = Assertion::parse(RESPONSE.as_bytes())
        .expect("XML")
        .facts()
        .clone();
    assert_eq!(
        facts.issuer.as_deref(),
        Some("https://idp.example.com/?a=1&b=2")
    );
    assert_eq!(
        (facts.subject.as_deref(), facts.session_name.as_deref()),
        (Some("_transient"), Some("alice"))
    );
    assert_eq!(
        facts.recipient.as_deref(),
        Some("https://signin.aws.amazon.com/saml")
    );
    assert_eq!(
        facts.not_on_or_after,
        Some(Wall::from_unix_seconds(1_795_327_200))
    );
    assert_eq!(
        facts.session_not_on_or_after,
        Some(Wall::from_unix_seconds(1_795_356_000))
    );
    assert_eq!(facts.audience, ["urn:amazon:webservices"]);
}

#[test]
fn an_assertion_is_known_by_whom_it_names_and_to_which_audiences() {
    let identity = |response: &str| {
        Assertion::parse(response.as_bytes())
            .expect("XML")
            .identity()
    };
    let own = identity(RESPONSE);
    assert_eq!(
        own,
        identity(&RESPONSE.replace("_transient", "_another")),
        "a transient name id"
    );
    assert!(own.changes_to(identity(&RESPONSE.replace("alice", "bob"))));
    let named = |audiences: [&str; 2]| {
        let [first, second] = audiences.map(|audience| format!("<Audience>{audience}</Audience>"));
        identity(&format!(
            "<Response><Assertion><Subject><NameID>a</NameID></Subject><Conditions><AudienceRestriction>{first}{second}\
             </AudienceRestriction></Conditions></Assertion></Response>"
        ))
    };
    assert_eq!(named(["a", "b"]), named(["b", "a"]), "audiences are a set");
    assert!(named(["a", "b"]).changes_to(named(["a", "c"])));
    let sealed = |text: &str| {
        identity(&format!(
            "<Response><Issuer>idp</Issuer><Sealed>{text}</Sealed></Response>"
        ))
    };
    assert!(
        !sealed("x").changes_to(sealed("y")) && !sealed("x").may_be_restored_for(sealed("y")),
        "encrypted ones"
    );
}

#[test]
fn an_encrypted_assertion_is_taken_and_shows_its_issuer() {
    let sealed = "<Response><Issuer>idp</Issuer><EncryptedAssertion><CipherValue>x</CipherValue></EncryptedAssertion></Response>";
    let facts = Assertion::parse(sealed.as_bytes())
        .expect("a response")
        .facts()
        .clone();
    assert_eq!(
        facts,
        Facts {
            issuer: Some("idp".into()),
            ..Facts::default()
        }
    );
}

#[test]
fn what_is_no_response_is_refused_with_its_reason() {
    let long = format!("<Response>{}</Response>", "x".repeat(LONGEST));
    for (content, reason) in [
        ("", Error::Empty),
        (" \n", Error::Empty),
        (long.as_str(), Error::TooLong),
        ("abc", Error::NotXml),
        ("YWJj", Error::NotXml),
        ("not an assertion", Error::NotXml),
        ("<Response>", Error::Broken),
        ("<?xml version=\"1.0\"?>", Error::Broken),
        ("<!-- nothing yet -->", Error::Broken),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><Response/>", Error::Doctype),
        ("<Assertion/>", Error::NotWhole),
        ("<Other/>", Error::NotAResponse),
    ] {
        assert_eq!(
            Assertion::parse(content.as_bytes()).err(),
            Some(reason),
            "{content:.30}"
        );
    }
}

/// The same response, copied in the ways in which people come by one.
#[test]
fn a_response_in_an_unambiguous_form_is_sent_as_the_base_64_of_its_xml() {
    let xml = RESPONSE.trim();
    let base_64 = STANDARD.encode(xml);
    assert!(
        base_64.contains('+') && base_64.contains('/') && base_64.ends_with('='),
        "forms differ in these"
    );
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
    let marked = STANDARD.encode(format!("\u{feff}{xml}"));
    let lines: Vec<&str> = base_64
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    for (form, content) in [
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
    ] {
        let assertion =
            Assertion::parse(content.as_bytes()).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!(assertion.expose(), base_64, "{form}");
        assert_eq!(
            assertion.facts().session_name.as_deref(),
            Some("alice"),
            "{form}"
        );
    }
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

#[test]
fn facts_are_shown_decoded() {
    let xml = "<Response><Issuer>urn&#x3a;idp&#58;a&amp;lt;b<![CDATA[&amp;]]><!-- x -->c</Issuer><Assertion><Subject><NameID>\
               &lt;me&gt;</NameID><SubjectConfirmation><SubjectConfirmationData NotOnOrAfter='2026-11-22T06&#x3a;00:00Z' \
               Recipient='https&#x3A;//signin.aws.amazon.com/saml'/></SubjectConfirmation></Subject><AttributeStatement>\
               <Attribute Name='https&#58;//aws.amazon.com/SAML/Attributes/RoleSessionName'><AttributeValue>al\
               &apos;ice</AttributeValue></Attribute></AttributeStatement></Assertion></Response>";
    let facts = Assertion::parse(xml.as_bytes())
        .expect("XML")
        .facts()
        .clone();
    assert_eq!(facts.issuer.as_deref(), Some("urn:idp:a&lt;b&amp;c"));
    assert_eq!(facts.subject.as_deref(), Some("<me>"));
    assert_eq!(
        facts.recipient.as_deref(),
        Some("https://signin.aws.amazon.com/saml")
    );
    assert_eq!(facts.session_name.as_deref(), Some("al'ice"));
    assert_eq!(
        facts.not_on_or_after,
        Some(Wall::from_unix_seconds(1_795_327_200))
    );
}

/// A short response as the HTTP-Redirect binding carries it: raw deflate in base 64 (zlib, level 9).
const DEFLATED: &str = "fY9BCgIxEAS/suQBiXgcsgHBi6AXfcGwDhpIZkImi4uvlyjinjw13Ycq2ivmVOBMWoSVhiUnVniPo5krg6BGBcZMCm2Cy+50hK3dQKnSZJJkhj1pi4wtCo/m3lpRcE7jjSNbfKjFjE9hO0l2nWuC7wEH1ZnqSvjfh6pUu8OEryNei6UFc0nU6d6tuOHTfs/CCw==";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn any_other_form_is_refused_by_its_name_with_what_to_do() {
    let xml = RESPONSE.trim();
    let base_64 = STANDARD.encode(xml);
    let latin = |text: &str| {
        text.chars()
            .map(|c| u8::try_from(u32::from(c)).expect("Latin 1"))
            .collect::<Vec<u8>>()
    };
    let utf_16: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deflated = DEFLATED.to_owned();
    let form = base_64.replace('+', "%2B");
    let cases: [(&str, Vec<u8>, &str); 29] = [
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
        (
            "JSON",
            format!("{{\"SAMLResponse\":\"{base_64}\"}}").into(),
            "JSON",
        ),
        ("a text in quotes", format!("\"{base_64}\"").into(), "JSON"),
        (
            "encoded twice",
            STANDARD.encode(&base_64).into(),
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
            "+ in percent-encoded XML",
            xml.replace('<', "%3C").replace(' ', "+").into(),
            "percent-encoded",
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
        (
            "Latin 1 that does not say so",
            latin("<Response><Issuer>caf\u{e9}</Issuer></Response>"),
            "UTF-8",
        ),
    ];
    for (form, content, said) in cases {
        let error = Assertion::parse(&content).expect_err(form).to_string();
        assert!(
            error.contains(said) && !error.contains("neither XML nor"),
            "{form}: {error}"
        );
    }
}

#[test]
fn debug_never_shows_the_assertion() {
    let shown = format!("{:?}", Assertion::parse(RESPONSE.as_bytes()).expect("XML"));
    assert!(!shown.contains("PD94"), "{shown}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        text in r#"(<Response>|</Response>|<Issuer>|</Issuer>|<Conditions |NotOnOrAfter="2026"|/>|&amp;|x| ){0,20}"#,
        raw in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let _ = Assertion::parse(&raw);
        let _ = Assertion::parse(text.as_bytes());
        let _ = Assertion::parse(STANDARD.encode(&text).as_bytes());
    }
}
