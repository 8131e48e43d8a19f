//! What each form of a file accepts, and what of it is compared.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

#[test]
fn codes_and_context_assertions_are_one_line_within_their_limits() {
    let reads = |form: &Form, content: &str| match form.parse(content.as_bytes()) {
        Ok(FileContent::Text(text)) => Some(text.expose().to_owned()),
        _ => None,
    };
    assert_eq!(reads(&Form::Code, " 012345\n").as_deref(), Some("012345"));
    for bad in ["", "12345", "1234567", "12345a", "12 345"] {
        assert_eq!(reads(&Form::Code, bad), None, "{bad}");
    }
    assert_eq!(reads(&Form::Context, "abcd\n").as_deref(), Some("abcd"));
    assert!(reads(&Form::Context, &"x".repeat(2048)).is_some());
    for bad in ["abc", "ab cd", "ab\ncd", &"x".repeat(2049)] {
        assert_eq!(reads(&Form::Context, bad), None, "{bad:.9}");
    }
}

#[test]
fn the_same_key_is_the_same_identity_and_debug_shows_nothing_of_it() {
    let form = Form::AccessKey {
        profile: "default".into(),
        server: Server::Aws,
    };
    let read = |id: &str, secret: &str| {
        let file =
            format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
        form.parse(file.as_bytes()).expect("keys")
    };
    let (one, same, other) = (
        read("AKIACANARYCANARY", "canary"),
        read("AKIACANARYCANARY", "new"),
        read("AKIAOTHEROTHER12", "canary"),
    );
    assert!(one.identity() == same.identity() && one.identity().changes_to(other.identity()));
    assert!(
        !format!("{one:?}").to_lowercase().contains("canary"),
        "{one:?}"
    );
}

#[test]
fn audiences_are_a_set() {
    let read = |audience: &str| {
        let payload = URL_SAFE_NO_PAD.encode(format!(
            r#"{{"iss":"https://k","sub":"s","aud":{audience}}}"#
        ));
        Form::Token
            .parse(format!("e30.{payload}.c2ln").as_bytes())
            .expect("a token")
            .identity()
    };
    for same in [r#"["a","b"]"#, r#"["b","a"]"#, r#"["b","a","b"]"#] {
        assert_eq!(read(r#"["a","b"]"#), read(same), "{same}");
    }
    assert_eq!(read(r#"["a"]"#), read(r#""a""#));
    for other in [r#"["a"]"#, r#"["a","c"]"#, r#"["ab"]"#, "[]"] {
        assert!(read(r#"["a","b"]"#).changes_to(read(other)), "{other}");
    }
}
