//! What to do about a failure: one plain sentence for each code.
//!
//! Read by the log, the probes' line, `/status` and `check`. A hint depends on class, code and message only and
//! holds no time, counter or id: the kubelet merges equal events, and a changing text would defeat that.

use std::borrow::Cow;

use super::Class;
use super::codes::is_duration_refusal;

/// The longest hint, in characters.
pub const LONGEST: usize = 80;

/// By code alone; the codes that need the message or the class are in [`hint`].
const BY_CODE: &[(&str, &str)] = &[
    (
        "TokenFileMissing",
        "mount a projected service account token at the token file's path",
    ),
    (
        "TokenFileInvalid",
        "point the token file at a projected service account token (a JWT)",
    ),
    (
        "AssertionFileMissing",
        "have the identity provider's SAML response written to the assertion file",
    ),
    (
        "AssertionFileInvalid",
        "point the assertion file at a SAML response, XML or base 64",
    ),
    (
        "AssertionExpired",
        "have a new SAML response written to the assertion file: the last one has ended",
    ),
    (
        "CredentialsFileMissing",
        "mount a Secret with an AWS credentials file at credentialsFile",
    ),
    (
        "CredentialsFileInvalid",
        "correct the credentials file: section, keys and form as its message says",
    ),
    (
        "TotpSecretFileMissing",
        "mount the MFA device's secret at totpSecretFile",
    ),
    (
        "TotpSecretFileInvalid",
        "put the MFA device's base 32 secret into totpSecretFile",
    ),
    (
        "TokenCodeFileMissing",
        "have a code of the MFA device written to tokenCodeFile",
    ),
    (
        "TokenCodeFileInvalid",
        "have a code of six digits written to tokenCodeFile",
    ),
    (
        "TokenCodeUsed",
        "have a new code written to tokenCodeFile: STS takes none twice",
    ),
    (
        "ContextAssertionFileMissing",
        "have the context assertion written to contextAssertionFile",
    ),
    (
        "ContextAssertionFileInvalid",
        "have a context assertion of one line written to contextAssertionFile",
    ),
    (
        "ExternalServiceException",
        "Cognito cannot reach the token's issuer: make its OIDC and JWKS URLs public",
    ),
    (
        "InvalidIdentityPoolConfigurationException",
        "correct the identity pool: its roles and their trust policies",
    ),
    (
        "InvalidParameterException",
        "correct pool, login or role: Cognito names it in its message (/status)",
    ),
    (
        "ResourceNotFoundException",
        "correct identityPoolId: Cognito does not know it in that region",
    ),
    (
        "ExpiredTokenException",
        "the kubelet no longer renews the token file: check the node and the volume",
    ),
    (
        "IDPRejectedClaim",
        "the issuer or STS refused a claim: compare the token with the IAM provider",
    ),
    (
        "IDPCommunicationError",
        "STS cannot reach the cluster's issuer: make its OIDC and JWKS URLs public",
    ),
    (
        "RegionDisabledException",
        "activate STS for this region in the role's account, or use another region",
    ),
    (
        "OptInRequired",
        "enable this region in the role's account, or use another region",
    ),
    (
        "MalformedPolicyDocument",
        "correct the session policy: STS cannot read it",
    ),
    (
        "PackedPolicyTooLarge",
        "shorten the session policy, the policy ARNs or the tags",
    ),
    (
        "NoSuchEntity",
        "create what is missing at the STS, or correct the role ARN",
    ),
    (
        "MissingParameter",
        "set the role ARN and what else this STS demands",
    ),
    (
        "InvalidAction",
        "this STS lacks the operation: use another endpoint or another source",
    ),
    (
        "MissingAuthenticationToken",
        "this endpoint wants a signed request: check that its URL is an STS",
    ),
    (
        "RequestExpired",
        "set the node's clock right (NTP): STS refuses the request's time",
    ),
    (
        "RequestTimeTooSkewed",
        "set the node's clock right (NTP): STS refuses the request's time",
    ),
    (
        "RequestInTheFuture",
        "set the node's clock right (NTP): STS refuses the request's time",
    ),
    (
        "RequestNotSent",
        "correct region, endpoint, FIPS and dual-stack settings: nothing was sent",
    ),
    (
        "ConnectTimeout",
        "let the pod reach DNS and STS (port 443): network policy, NAT, proxy, endpoint",
    ),
    (
        "ConnectionRefused",
        "check the STS endpoint's host and port: nothing listens there",
    ),
    (
        "NameNotResolved",
        "check the region or STS endpoint, the cluster's DNS and DNS network policy",
    ),
    (
        "TlsFailure",
        "check the STS certificate, AWS_CA_BUNDLE, proxies that open TLS, and the clock",
    ),
    (
        "TlsCertificateExpired",
        "have the STS certificate renewed; if it is in date, set the node's clock (NTP)",
    ),
    (
        "TlsCertificateNotYetValid",
        "set the node's clock right (NTP): the STS certificate is not valid yet",
    ),
    (
        "TlsCertificateWrongHost",
        "use a host of the STS certificate (see message), or have this one put into it",
    ),
    (
        "TlsCertificateUntrusted",
        "put the CA of the STS, or of a proxy that opens TLS, into AWS_CA_BUNDLE",
    ),
    (
        "TlsCertificateSelfSigned",
        "if it is the right one, put the server's certificate into AWS_CA_BUNDLE",
    ),
    (
        "TlsCertificateRevoked",
        "have another STS certificate issued: this one was revoked",
    ),
    (
        "TlsCertificateUnusable",
        "have a server certificate issued that lacks the fault in the message (/status)",
    ),
    (
        "TlsNotSpoken",
        "correct scheme or port of the STS endpoint: no TLS is spoken there",
    ),
    (
        "TlsRefused",
        "let the STS offer TLS 1.2 or 1.3 with ECDHE, under the endpoint's host name",
    ),
    (
        "TlsClientCertificate",
        "let the STS demand no client certificate: stsidecar has none to show",
    ),
    (
        "NotHttp",
        "use https:// if the STS speaks TLS; else correct the endpoint's port",
    ),
    (
        "Unreachable",
        "check routes, network policy and proxy between the pod and STS",
    ),
    (
        "RequestTimeout",
        "STS connected but is too slow: check proxies and STS, or raise --sts-timeout",
    ),
    (
        "ConnectionReset",
        "STS or a proxy broke the connection off: check proxies, firewalls and STS",
    ),
    (
        "ReplyTooLarge",
        "what answers is no STS: check the endpoint's URL and proxies",
    ),
    (
        "InvalidReply",
        "STS sent no usable credentials: check the endpoint's URL and the STS server",
    ),
    (
        "RoleMismatch",
        "STS issued another role than asked for: check the role ARN and the STS server",
    ),
    (
        "HttpRedirect",
        "set the STS endpoint to the URL that it redirects to",
    ),
    (
        "HttpStatus404",
        "no STS at the endpoint's URL, sent as written: compare its host and path, last /",
    ),
    (
        "HttpStatus405",
        "no STS at the endpoint's URL, sent as written: compare its host and path, last /",
    ),
    (
        "HttpStatus407",
        "the proxy wants credentials: put them into HTTPS_PROXY",
    ),
];

/// What an operator should do, in at most 80 characters.
#[must_use]
pub fn hint(class: Class, code: &str, message: &str) -> Cow<'static, str> {
    match code {
        _ if code.ends_with("FileUnreadable") => unreadable(code, message),
        _ => fixed(class, code, message).into(),
    }
}

/// A missing permission is told with who we are and the file's mode, which `rotated_file` puts into its message.
fn unreadable(code: &str, message: &str) -> Cow<'static, str> {
    let file = if code == "TokenFileUnreadable" {
        "token file"
    } else {
        "file"
    };
    let number = |before: &str, radix| {
        let digits = message
            .split_once(before)?
            .1
            .split(|c: char| !c.is_ascii_digit())
            .next()?;
        u32::from_str_radix(digits, radix).ok()
    };
    match (number("we are uid ", 10), number("the file has mode ", 8)) {
        (Some(uid), Some(mode)) => {
            format!("set the pod's fsGroup: uid {uid} cannot read the {file} of mode {mode:04o}")
                .into()
        }
        (None, _) if !message.is_empty() && code != "TokenFileUnreadable" => {
            "correct the path or what is mounted there: this is no readable file".into()
        }
        (None, _) if !message.is_empty() => {
            "mount a projected service account token there: this is no readable file".into()
        }
        _ => "let the agent read the token file: set the pod's securityContext.fsGroup".into(),
    }
}

fn fixed(class: Class, code: &str, message: &str) -> &'static str {
    match code {
        "InvalidIdentityToken" => identity_token(message),
        "AccessDenied" | "AccessDeniedException" => denied(message),
        // A fixed duration has no shorter one to step down to: then the session makes a setting's fault of it.
        "ValidationError" | "InvalidParameterValue" if is_duration_refusal(message) => {
            by_class(Class::DurationTooLong)
        }
        "ValidationError" | "InvalidParameterValue" if class == Class::Config => {
            "correct the parameter that STS names in its message (agent log, /status)"
        }
        _ => BY_CODE
            .iter()
            .find(|(known, _)| *known == code)
            .map_or_else(|| by_class(class), |(_, hint)| hint),
    }
}

fn identity_token(message: &str) -> &'static str {
    let message = message.to_ascii_lowercase();
    if message.contains("retrieve verification key") {
        "STS cannot fetch the issuer's keys: make its OIDC and JWKS URLs public"
    } else if message.contains("no openidconnect provider") {
        "create an IAM OIDC identity provider for the cluster's issuer in that account"
    } else if message.contains("incorrect token audience") {
        "add the token's audience to the IAM OIDC provider, or change the audience"
    } else {
        "compare the cluster's issuer and signing keys with the IAM OIDC provider"
    }
}

fn denied(message: &str) -> &'static str {
    if message.contains("MultiFactorAuthentication") {
        "compare serialNumber with the device's, and its secret or code with the device"
    } else if message.contains("AssumeRoleWithSAML") {
        "check role and provider ARN, and that the role's trust policy allows the provider"
    } else if message.contains("sts:TagSession") {
        "allow sts:TagSession in the role's trust policy"
    } else if message.contains("sts:SetSourceIdentity") {
        "allow sts:SetSourceIdentity in the role's trust policy"
    } else if message.contains("sts:AssumeRole") && !message.contains("WithWebIdentity") {
        "let the previous role assume this one: its policies and this trust policy"
    } else {
        "check the role ARN, and that its trust policy allows this service account"
    }
}

fn by_class(class: Class) -> &'static str {
    match class {
        Class::Transient => "STS or the way to it is down; retried until it answers",
        Class::Throttled => "STS limits calls in this account and region; retried more slowly",
        Class::Clock => "set the node's clock right (NTP): STS refuses the request's time",
        Class::BadReply => "what answers is no STS: check the endpoint's URL and proxies",
        Class::Token => "check the token's audience, issuer and expiry against what STS expects",
        Class::Source => "STS refuses what signed: check that its role or access key still exists",
        Class::Denied => {
            "check the role ARN, and that its trust policy allows this service account"
        }
        Class::Role => {
            "STS issued another role than asked for: check the role ARN and the STS server"
        }
        Class::Config => "correct the setting that STS names in its message (agent log, /status)",
        Class::DurationTooLong => {
            "ask for a shorter session, or raise the role's maximum session duration"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::codes;

    const CLASSES: [Class; 10] = [
        Class::Transient,
        Class::Throttled,
        Class::Clock,
        Class::BadReply,
        Class::Token,
        Class::Source,
        Class::Denied,
        Class::Role,
        Class::Config,
        Class::DurationTooLong,
    ];

    fn is_a_hint(hint: &str) -> bool {
        (20..=LONGEST).contains(&hint.chars().count())
            && hint.bytes().all(|b| (b' '..=b'~').contains(&b))
    }

    #[test]
    fn every_code_and_every_class_has_one_line_of_at_most_eighty_characters() {
        let known = codes::FIXED
            .iter()
            .flat_map(|(_, codes)| codes.iter())
            .chain(codes::SPLIT);
        let own = BY_CODE.iter().map(|(code, _)| code);
        for code in known.chain(own).chain(&["NeverHeardOf", ""]) {
            for class in CLASSES {
                let text = hint(class, code, "");
                assert!(
                    is_a_hint(&text),
                    "{code} {class:?}: {text} ({})",
                    text.len()
                );
            }
        }
    }

    #[test]
    fn one_code_with_several_causes_has_a_hint_for_each() {
        let messages = [
            "Couldn't retrieve verification key from your identity provider",
            "No OpenIDConnect provider found in your account for https://issuer",
            "Incorrect token audience",
            "Token signature is invalid",
        ];
        let hints: std::collections::BTreeSet<_> = messages
            .map(|message| hint(Class::Token, "InvalidIdentityToken", message))
            .into();
        assert_eq!(hints.len(), messages.len());
        assert!(hints.iter().all(|text| is_a_hint(text)), "{hints:?}");
        for message in [
            "User: arn:aws:sts::111122223333:assumed-role/a/b is not authorized to perform: sts:TagSession",
            "... is not authorized to perform: sts:SetSourceIdentity on resource",
            "User: x is not authorized to perform: sts:AssumeRole on resource: y",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ] {
            assert!(
                is_a_hint(&hint(Class::Denied, "AccessDenied", message)),
                "{message}"
            );
        }
        let web = hint(
            Class::Denied,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        );
        assert!(web.contains("service account"), "{web}");
    }

    #[test]
    fn a_session_that_is_too_long_for_the_role_is_told_so_whatever_became_of_its_class() {
        for message in [
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ] {
            for class in [Class::Config, Class::DurationTooLong] {
                let text = hint(class, "ValidationError", message);
                assert!(
                    is_a_hint(&text) && text.contains("shorter session"),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_token_file_that_is_closed_to_us_is_told_with_uid_and_mode() {
        let told = |message: &str| hint(Class::Token, "TokenFileUnreadable", message);
        let closed = "/token cannot be read: Permission denied (os error 13): we are uid 4294967295, the file has mode \
                      0600 and owner 1000:0; set fsGroup";
        assert_eq!(
            told(closed),
            "set the pod's fsGroup: uid 4294967295 cannot read the token file of mode 0600"
        );
        assert!(
            told("cannot be read: Permission denied: we are uid 7; set fsGroup")
                .starts_with("let the agent read")
        );
        assert!(told("/token is a FIFO, not a file").starts_with("mount a projected"));
        assert!(
            [closed, "we are uid 7", "/token is a FIFO"]
                .iter()
                .all(|message| is_a_hint(&told(message)))
        );
    }

    #[test]
    fn an_endpoint_that_nothing_answers_at_is_compared_with_the_servers_as_written() {
        for code in ["HttpStatus404", "HttpStatus405"] {
            let text = hint(Class::Transient, code, "");
            assert!(
                is_a_hint(&text) && text.contains("path") && text.contains("as written"),
                "{text}"
            );
        }
    }
}
