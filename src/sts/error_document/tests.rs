//! Error documents as servers, gateways, ingresses and proxies send them.

mod json;

use proptest::prelude::*;

use super::*;

/// Code and message of a body.
fn said(body: impl AsRef<[u8]>) -> (Option<String>, Option<String>) {
    let ErrorDocument { code, message, .. } = read(body.as_ref());
    (code, message)
}

fn assert_says(body: impl AsRef<[u8]>, code: Option<&str>, message: Option<&str>) {
    let shown = String::from_utf8_lossy(body.as_ref()).into_owned();
    assert_eq!(
        said(body),
        (code.map(str::to_owned), message.map(str::to_owned)),
        "{shown}"
    );
}

const DENIED: Option<&str> = Some("AccessDenied");
const WHY: &str = "the session name is not allowed here";

#[test]
fn both_shapes_of_an_error_are_read() {
    let inner =
        "<Code>AccessDenied</Code><Message>a &lt;b&gt; &amp; c &#39;d&#x27; &amp;lt;</Message>";
    for document in [
        format!("<?xml version=\"1.0\"?><Error>{inner}<RequestId>tx1</RequestId></Error>"),
        format!(
            "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type>{inner}</Error><RequestId>tx1</RequestId></ErrorResponse>"
        ),
    ] {
        let read = read(document.as_bytes());
        assert_eq!(read.code.as_deref(), DENIED);
        assert_eq!(read.message.as_deref(), Some("a <b> & c 'd' &lt;"));
        assert_eq!(read.request_id.as_deref(), Some("tx1"));
    }
}

#[test]
fn xml_is_read_however_it_is_written() {
    for document in [
        format!(
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message><![CDATA[{WHY}]]></Message></Error></ErrorResponse>"
        ),
        format!("<Error><Code><![CDATA[AccessDenied]]></Code><Message>\n  {WHY}\n</Message></Error>"),
        "<Error><Code>AccessDenied</Code><Message>the session <![CDATA[name is]]> not allowed here</Message></Error>"
            .to_owned(),
        format!(
            "<e:ErrorResponse xmlns:e='x'><e:Error><e:Code>AccessDenied</e:Code><e:Message>{WHY}</e:Message></e:Error></e:ErrorResponse>"
        ),
        format!("<Error><Code xmlns=\"\">AccessDenied</Code><Message xml:lang=\"en\">{WHY}</Message></Error>"),
        format!("<!-- denied --><error><code>AccessDenied</code><message>{WHY}</message></error>"),
        format!("\u{feff}<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>{WHY}</Message></Error>"),
        format!("<Error><Message>{WHY}</Message><Code>AccessDenied</Code><Resource>/"),
    ] {
        assert_says(&document, DENIED, Some(WHY));
    }
    let html_inside = "<Error><Code>AccessDenied</Code><Message><![CDATA[<html><title>no</title></html>]]></Message></Error>";
    assert_says(html_inside, DENIED, Some("<html><title>no</title></html>"));
    let soap = format!(
        "<s:Envelope xmlns:s='x'><s:Body><s:Fault><faultcode>Client</faultcode><faultstring>{WHY}</faultstring></s:Fault></s:Body></s:Envelope>"
    );
    assert_says(soap, None, Some(WHY));
    let soap = format!(
        "<s:Envelope xmlns:s='x'><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text xml:lang='en'>{WHY}</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"
    );
    assert_says(soap, None, Some(WHY));
}

#[test]
fn text_says_its_first_line() {
    assert_says("\n  why\t\r\nand more\n", None, Some("why"));
    assert_says("\u{feff}why", None, Some("why"));
    assert_says(
        "upstream connect error or disconnect/reset before headers. reset reason: x",
        None,
        Some("upstream connect error or disconnect/reset before headers. reset reason: x"),
    );
    assert_says("a < b and c > d", None, Some("a < b and c > d"));
}

#[test]
fn a_page_says_its_title_and_its_heading() {
    for (page, says) in [
        (
            "<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center></body></html>",
            "403 Forbidden",
        ),
        (
            "<html><head><title>403 Forbidden</title></head><body><h1>why</h1></body></html>",
            "403 Forbidden: why",
        ),
        (
            "<!DOCTYPE html>\n<HTML><HEAD><TITLE lang=en>\n Access\n  denied </TITLE>",
            "Access denied",
        ),
        (
            "<html><title></title><body><h1 class='x'>Not <em>allowed</em> &mdash; here &amp; now</h1>",
            "Not allowed &mdash; here & now",
        ),
        (
            "<html><head><title> </title><style>p {}</style><script>var a = '<p>';</script></head><body><p>why</p><p>more</p>",
            "why",
        ),
        ("<!-- page --><html><body>why</body></html>", "why"),
        ("<h1>why</h1>", "why"),
        ("<p>why</p>", "why"),
        (
            "<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x' 'y'><html xmlns='z'><head><title>why</title></head></html>",
            "why",
        ),
        (
            "<html><title>502 Bad Gateway</title><Code>x</Code></html>",
            "502 Bad Gateway",
        ),
        (
            "<html><title>un&#x66;inished &lt;tag&gt;",
            "unfinished <tag>",
        ),
    ] {
        assert_says(page, None, Some(says));
    }
    for nothing in [
        "<html></html>",
        "<html><title></title><h1></h1>",
        "<html><script>x</script>",
        "<html",
        "<",
    ] {
        assert_eq!(said(nothing).0, None);
    }
    assert_says("<html><title></title><h1></h1></html>", None, None);
}

#[test]
fn names_of_characters_have_an_end() {
    assert_says(
        "<p>&#x0000026; &amp &unknown; &verylongnameofacharacter; &#38;",
        None,
        Some("& &amp &unknown; &verylongnameofacharacter; &"),
    );
    let hostile = "&".repeat(64 * 1024);
    assert_says(format!("<p>{hostile}"), None, Some(&hostile));
}

#[test]
fn other_charsets_are_text_and_what_is_no_text_says_nothing() {
    let utf16 = |text: &str, big: bool| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    };
    let document = "<Error><Code>AccessDenied</Code><Message>für alle</Message></Error>";
    assert_says(utf16(document, false), DENIED, Some("für alle"));
    assert_says(utf16(document, true), DENIED, Some("für alle"));
    assert_says(utf16("nicht für alle", true), None, Some("nicht für alle"));
    assert_says(
        b"<Error><Code>AccessDenied</Code><Message>f\xfcr alle</Message></Error>",
        DENIED,
        Some("für alle"),
    );
    assert_says(b"nicht f\xfcr alle", None, Some("nicht für alle"));
    for body in [
        &b""[..],
        b"\xff\xfe",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b",
        b"\x00\x01\x02text",
        b"a\x00b",
    ] {
        assert_says(body, None, None);
    }
}

#[test]
fn a_document_without_text_says_nothing() {
    for body in [
        "<Error><Code></Code><Message></Message></Error>",
        "<a><b/></a>",
        "<Error/>",
        "<?xml version='1.0'?>",
    ] {
        assert_eq!(read(body.as_bytes()), ErrorDocument::default(), "{body}");
    }
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        text in "(<Error>|<Code>|</Code>|<html>|<title>|<h1|</h1>|<!--|-->|<!\\[CDATA\\[|\\]\\]>|&lt;|&#x|\\{|\"message\":|.){0,40}"
    ) {
        for body in [&body[..], text.as_bytes()] {
            let ErrorDocument { code, message, request_id } = read(body);
            for said in [code, message, request_id].into_iter().flatten() {
                prop_assert!(!said.trim().is_empty());
            }
        }
    }
}
