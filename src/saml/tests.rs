//! Responses as identity providers write them, and what is none.

mod forms;

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
