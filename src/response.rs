//! The bytes of an answer: credentials or an error, in the one shape that every SDK reads.
//!
//! Owns the two JSON bodies of the container credentials endpoint
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>), as 28
//! clients read them (`docs/clients.md`). It never decides which of them is sent: `session` builds
//! them, `cache` holds them, and `endpoint` sends them as they are.

use bytes::Bytes;
use serde::Serialize;

use crate::credentials::Credentials;

/// Bytes of a credentials body from which on the operator is warned: clients built on the AWS
/// Common Runtime refuse 10,000 (`ECS_RESPONSE_SIZE_LIMIT` in
/// <https://github.com/awslabs/aws-c-auth/blob/main/source/credentials_provider_ecs.c>), and
/// session tokens grow with session tags.
pub const WARN_SIZE: usize = 8_000;

/// The success body: the keys of EKS Pod Identity, in its order, and nothing else.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialsBody<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    /// Omitted when unknown: Fluent Bit gives up on an empty string
    /// (<https://github.com/fluent/fluent-bit/tree/master/src/aws>).
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    expiration: String,
}

/// Both pairs of keys: Java
/// (<https://github.com/aws/aws-sdk-java-v2/blob/master/core/regions/src/main/java/software/amazon/awssdk/regions/util/HttpResourcesUtils.java>)
/// and Go read the lower-case one, Kotlin, JavaScript
/// (<https://github.com/aws/aws-sdk-js-v3/blob/main/packages/credential-provider-http/src/fromHttp/requestHelpers.ts>)
/// and Fluent Bit the other.
#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(rename = "Code")]
    code_again: &'a str,
    #[serde(rename = "Message")]
    message_again: &'a str,
}

/// The body of a 200: one compact object, `Expiration` rounded down to a whole second: some clients
/// take a fraction for no expiry.
#[must_use]
pub fn credentials_body(credentials: &Credentials) -> Bytes {
    serialize(&CredentialsBody {
        access_key_id: &credentials.access_key_id,
        secret_access_key: credentials.secret_access_key.expose(),
        token: credentials.session_token.expose(),
        account_id: credentials
            .account
            .as_deref()
            .filter(|account| !account.is_empty()),
        expiration: credentials.expiration.rfc3339(),
    })
}

/// The body of every other status: one line of ASCII whatever `code` and `message` hold.
///
/// `message` should say what to fix: botocore, Go, Java and Kotlin show it to the user.
#[must_use]
pub fn error_body(code: &str, message: &str) -> Bytes {
    let (code, message) = (printable(code), printable(message));
    serialize(&ErrorBody {
        code: &code,
        message: &message,
        code_again: &code,
        message_again: &message,
    })
}

/// ASCII without control characters; quotation marks become apostrophes, because several clients
/// print the raw body and Fluent Bit does not decode JSON escapes.
fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '"' => '\'',
            '\\' => '/',
            '\t' | '\n' | '\r' => ' ',
            ' '..='~' => character,
            _ => '?',
        })
        .collect()
}

fn serialize(body: &impl Serialize) -> Bytes {
    // One allocation for every usual size, so that growing leaves no partial copies of a secret
    // behind.
    let mut text = Vec::with_capacity(4096);
    serde_json::to_writer(&mut text, body).expect("strings serialize, and a Vec takes every write");
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Secret;
    use crate::time::Wall;
    use proptest::prelude::*;

    fn credentials(account: Option<&str>) -> Credentials {
        Credentials {
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: Secret::new("secret/+=".into()),
            session_token: Secret::new("session//token".into()),
            expiration: Wall::from_unix_milliseconds(1_795_327_200_999),
            account: account.map(Into::into),
        }
    }

    #[test]
    fn the_success_body_is_the_pod_identity_shape_byte_for_byte() {
        assert_eq!(
            credentials_body(&credentials(Some("123456789012"))),
            r#"{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"secret/+=","Token":"session//token","AccountId":"123456789012","Expiration":"2026-11-22T06:00:00Z"}"#
        );
    }

    #[test]
    fn an_unknown_or_empty_account_is_left_out() {
        for account in [None, Some("")] {
            assert_eq!(
                credentials_body(&credentials(account)),
                r#"{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"secret/+=","Token":"session//token","Expiration":"2026-11-22T06:00:00Z"}"#
            );
        }
    }

    #[test]
    fn an_error_has_both_pairs_of_keys_and_no_escape() {
        assert_eq!(
            error_body("AccessDenied", "role \"app\"\nis caf\u{e9} \\ closed"),
            r#"{"code":"AccessDenied","message":"role 'app' is caf? / closed","Code":"AccessDenied","Message":"role 'app' is caf? / closed"}"#
        );
    }

    proptest! {
        #[test]
        fn every_error_body_is_one_line_of_ascii_json_without_escapes(code in any::<String>(), message in any::<String>()) {
            let body = error_body(&code, &message);
            prop_assert!(body.iter().all(|byte| (b' '..=b'~').contains(byte) && *byte != b'\\'));
            let parsed: serde_json::Value = serde_json::from_slice(&body).expect("valid JSON");
            prop_assert_eq!(parsed.as_object().map(serde_json::Map::len), Some(4));
            prop_assert_eq!(&parsed["code"], &parsed["Code"]);
            prop_assert_eq!(&parsed["message"], &parsed["Message"]);
        }
    }
}
