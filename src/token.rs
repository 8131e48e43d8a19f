//! The web identity token: the projected service account JWT, and what can be read of it without keys.
//!
//! Owns the shape check and the peeked claims. It never verifies a signature and never rejects a token for
//! its times: STS judges those, and its clock may differ from ours (kubernetes#124022). Used by
//! `rotated_file`, `refresher` and `check`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::credentials::Secret;
use crate::identity::Identity;
use crate::time::Wall;

/// The longest token STS takes (`WebIdentityToken`, 4 to 20,000 characters).
pub const LONGEST: usize = 20_000;

/// A JWT as the kubelet wrote it, with its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentityToken {
    raw: Secret,
    claims: Claims,
    identity: Identity,
}

/// What the payload says; nothing here is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `iss`: the cluster's issuer URL.
    pub issuer: Option<String>,
    /// `sub`: `system:serviceaccount:<namespace>:<name>`.
    pub subject: Option<String>,
    /// `aud`: one or several audiences.
    pub audience: Vec<String>,
    /// `iat`.
    pub issued_at: Option<Wall>,
    /// `nbf`.
    pub not_before: Option<Wall>,
    /// `exp`.
    pub expires_at: Option<Wall>,
    /// `kubernetes.io` / `namespace`.
    pub namespace: Option<String>,
    /// `kubernetes.io` / `pod` / `name`.
    pub pod: Option<String>,
}

/// Why file content is not a web identity token. Never holds any of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing but white space.
    #[error("it is empty")]
    Empty,
    /// Longer than STS accepts.
    #[error("it is longer than {LONGEST} characters, the most STS accepts")]
    TooLong,
    /// Not three base64url parts.
    #[error("it is not a JWT (three base64url parts joined by dots)")]
    NotAJwt,
    /// As an API hands it out.
    #[error("it is JSON or in quotes: write the token alone")]
    Quoted,
    /// A scheme in front of it, a broken line, or several tokens.
    #[error("it has blanks or line breaks in it: write the token alone, on one line")]
    Lines,
    /// Of a file that was given its length before its content, or a C string's end.
    #[error(
        "it has bytes of zero in it: write the token alone into another file, and rename that one into place"
    )]
    Zeros,
    /// The middle part is not a JSON object.
    #[error("its claims are not a JSON object")]
    Claims,
    /// Where an OAuth 2.0 access token is expected.
    #[error("it is a JWT, and providerId is for OAuth 2.0 access tokens only: take providerId out")]
    Jwt,
    /// Not an OAuth 2.0 access token either.
    #[error("it is not one line of 4 to {LONGEST} printable characters")]
    NotAToken,
}

impl WebIdentityToken {
    /// Reads a token from file content; white space around it is dropped (the kubelet writes none).
    ///
    /// # Errors
    /// When it is empty, too long or not shaped like a JWT.
    pub fn parse(content: &[u8]) -> Result<Self, Error> {
        let content = content.trim_ascii();
        if content.is_empty() {
            return Err(Error::Empty);
        }
        if content.len() > LONGEST {
            return Err(Error::TooLong);
        }
        let text = std::str::from_utf8(content).map_err(|_| Error::NotAJwt)?;
        let parts: Vec<&str> = text.split('.').collect();
        let is_part = |part: &&str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let [_, payload, _] = parts[..] else {
            return Err(form_of(text));
        };
        if !parts.iter().all(is_part) {
            return Err(form_of(text));
        }
        let payload = URL_SAFE_NO_PAD
            .decode(payload)
            .map_err(|_| Error::NotAJwt)?;
        let claims = serde_json::from_slice::<Value>(&payload).map_err(|_| Error::Claims)?;
        if !claims.is_object() {
            return Err(Error::Claims);
        }
        let claims = peek(&claims);
        let identity = match &claims.subject {
            Some(subject) => {
                Identity::named("token", claims.issuer.as_deref(), subject, &claims.audience)
            }
            None => Identity::opaque(text),
        };
        Ok(Self {
            raw: Secret::new(text.to_owned()),
            claims,
            identity,
        })
    }

    /// Reads an OAuth 2.0 access token, which says nothing to us.
    ///
    /// # Errors
    /// When it is a JWT, for which STS takes no `ProviderId`, or no token at all.
    pub fn opaque(content: &[u8]) -> Result<Self, Error> {
        if Self::parse(content).is_ok() {
            return Err(Error::Jwt);
        }
        let content = content.trim_ascii();
        let is_one_line =
            (4..=LONGEST).contains(&content.len()) && content.iter().all(u8::is_ascii_graphic);
        let text = std::str::from_utf8(content)
            .ok()
            .filter(|_| is_one_line)
            .ok_or(Error::NotAToken)?;
        let identity = Identity::opaque(text);
        Ok(Self {
            raw: Secret::new(text.to_owned()),
            claims: Claims::default(),
            identity,
        })
    }

    /// The token itself, for the request to STS only.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.raw.expose()
    }

    /// The identity that STS sees: issuer, subject and audiences. One without a subject is known by itself.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The claims as read, unverified.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}

/// What a text is that is no JWT.
fn form_of(text: &str) -> Error {
    match text {
        _ if text.starts_with(['"', '\'', '{', '[']) => Error::Quoted,
        _ if text.contains('\0') => Error::Zeros,
        _ if text.contains(|c: char| c.is_ascii_whitespace()) => Error::Lines,
        _ => Error::NotAJwt,
    }
}

fn peek(claims: &Value) -> Claims {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let instant = |name: &str| {
        let value = &claims[name];
        #[allow(
            clippy::cast_possible_truncation,
            reason = "float casts saturate, and a date is only shown"
        )]
        value
            .as_i64()
            .or_else(|| value.as_f64().map(|seconds| seconds as i64))
            .map(Wall::from_unix_seconds)
    };
    let audience = match &claims["aud"] {
        Value::Array(several) => several.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    };
    let kubernetes = &claims["kubernetes.io"];
    Claims {
        issuer: text(&claims["iss"]),
        subject: text(&claims["sub"]),
        audience,
        issued_at: instant("iat"),
        not_before: instant("nbf"),
        expires_at: instant("exp"),
        namespace: text(&kubernetes["namespace"]),
        pod: text(&kubernetes["pod"]["name"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(payload: &str) -> String {
        format!(
            "eyJhbGciOiJSUzI1NiJ9.{}.c2ln",
            URL_SAFE_NO_PAD.encode(payload)
        )
    }

    #[test]
    fn claims_of_a_kubelet_token_are_read() {
        let payload = r#"{"iss":"https://k","sub":"system:serviceaccount:ns:app","aud":["sts.amazonaws.com"],
            "iat":1,"nbf":2,"exp":3,"kubernetes.io":{"namespace":"ns","pod":{"name":"app-0"}}}"#;
        let token =
            WebIdentityToken::parse(format!(" {}\n", jwt(payload)).as_bytes()).expect("a token");
        let claims = token.claims();
        assert_eq!(claims.issuer.as_deref(), Some("https://k"));
        assert_eq!(claims.audience, ["sts.amazonaws.com"]);
        assert_eq!(claims.expires_at, Some(Wall::from_unix_seconds(3)));
        assert_eq!(
            (claims.namespace.as_deref(), claims.pod.as_deref()),
            (Some("ns"), Some("app-0"))
        );
        assert_eq!(token.expose(), jwt(payload));
    }

    #[test]
    fn a_single_audience_may_be_a_plain_string() {
        let token = WebIdentityToken::parse(jwt(r#"{"aud":"one"}"#).as_bytes()).expect("a token");
        assert_eq!(token.claims().audience, ["one"]);
    }

    #[test]
    fn what_is_not_a_token_is_refused_with_its_reason() {
        let long = "a".repeat(LONGEST + 1);
        for (content, reason) in [
            ("", Error::Empty),
            (" \n", Error::Empty),
            (long.as_str(), Error::TooLong),
            ("abc", Error::NotAJwt),
            ("a.b.c.d", Error::NotAJwt),
            ("a..c", Error::NotAJwt),
            ("a.b c.d", Error::Lines),
            (jwt("[1]").as_str(), Error::Claims),
            (jwt("nonsense").as_str(), Error::Claims),
        ] {
            assert_eq!(
                WebIdentityToken::parse(content.as_bytes()).err(),
                Some(reason),
                "{content:.20}"
            );
        }
        assert_eq!(
            WebIdentityToken::parse(b"\xff.\xff.\xff").err(),
            Some(Error::NotAJwt)
        );
    }

    #[test]
    fn a_token_in_a_form_that_others_write_is_refused_by_its_form() {
        let token = jwt("{}");
        for (content, said) in [
            (
                format!("\"{token}\"\n"),
                "it is JSON or in quotes: write the token alone",
            ),
            (
                format!("'{token}'"),
                "it is JSON or in quotes: write the token alone",
            ),
            (
                format!("{{\"token\":\"{token}\"}}"),
                "it is JSON or in quotes: write the token alone",
            ),
            (
                format!("Bearer {token}"),
                "it has blanks or line breaks in it: write the token alone, on one line",
            ),
            (
                format!("{}\n{}", &token[..9], &token[9..]),
                "it has blanks or line breaks in it: write the token alone, on one line",
            ),
            (
                format!("{token}\n{token}\n"),
                "it has blanks or line breaks in it: write the token alone, on one line",
            ),
            (
                format!("{token}\0\0"),
                "it has bytes of zero in it: write the token alone into another file, and rename that one into place",
            ),
        ] {
            assert_eq!(
                WebIdentityToken::parse(content.as_bytes())
                    .expect_err(&content)
                    .to_string(),
                said
            );
        }
    }

    #[test]
    fn an_access_token_is_opaque_and_no_jwt() {
        let token = WebIdentityToken::opaque(b"Atza|IQEBLjAsAhRm\n").expect("a token");
        assert_eq!(
            (token.expose(), token.claims()),
            ("Atza|IQEBLjAsAhRm", &Claims::default())
        );
        for (content, reason) in [
            (jwt("{}").as_str(), Error::Jwt),
            ("abc", Error::NotAToken),
            ("a b c d", Error::NotAToken),
        ] {
            assert_eq!(
                WebIdentityToken::opaque(content.as_bytes()).err(),
                Some(reason),
                "{content}"
            );
        }
    }

    #[test]
    fn debug_never_shows_the_token() {
        let token = WebIdentityToken::parse(jwt(r#"{"sub":"s"}"#).as_bytes()).expect("a token");
        assert!(!format!("{token:?}").contains("eyJ"), "{token:?}");
    }
}
