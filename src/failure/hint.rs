//! What to do about a failure: one plain sentence for each code.
//!
//! Read by the log, the probes' line, `/status` and `check`. A hint depends on class and code only
//! and holds no time, counter or id: the kubelet merges equal events, and a changing text would
//! defeat that
//! (<https://github.com/kubernetes/client-go/blob/master/tools/record/events_cache.go>).

use std::borrow::Cow;

use super::{Cause, Class, Code, FileFault, Kind, OwnCode, PermissionDenied, TlsFault};
use crate::file_content::Form;

/// The longest hint, in characters.
pub const LONGEST: usize = 80;

/// What an operator should do, in at most 80 characters of ASCII.
#[must_use]
pub fn hint(class: Class, code: &Code) -> Cow<'static, str> {
    match code {
        Code::Sts {
            cause: Some(cause), ..
        } => by_cause(*cause).into(),
        Code::Sts { text, .. } => by_code(class, text).into(),
        Code::Own(OwnCode::File(form, FileFault::Unreadable(denied))) => unreadable(form, *denied),
        Code::Own(own) => by_own(class, own).into(),
    }
}

fn by_own(class: Class, own: &OwnCode) -> &'static str {
    match own {
        OwnCode::Status(status) => by_status(class, *status),
        OwnCode::Ended(kind) => by_kind(*kind),
        OwnCode::File(form, FileFault::Missing) => form.hint_when_missing(),
        OwnCode::File(form, _) => form.hint_when_invalid(),
        OwnCode::AssertionExpired => {
            "have a new SAML response written to the assertion file: the last one has ended"
        }
        OwnCode::TokenCodeUsed => "have a new code written to tokenCodeFile: STS takes none twice",
        OwnCode::SignerMissing | OwnCode::ImplausibleExpiration | OwnCode::ExpiredOnArrival => {
            by_class(class)
        }
    }
}

/// For a missing permission the hint names our uid and the file's mode.
fn unreadable(form: &Form, denied: Option<PermissionDenied>) -> Cow<'static, str> {
    let is_token = matches!(form, Form::Token | Form::OAuthToken);
    match denied {
        Some(PermissionDenied {
            uid,
            file: Some(owned),
        }) => {
            let (file, mode) = (if is_token { "token file" } else { "file" }, owned.mode);
            format!("set the pod's fsGroup: uid {uid} cannot read the {file} of mode {mode:04o}")
                .into()
        }
        Some(PermissionDenied { file: None, .. }) => {
            "let the agent read the token file: set the pod's securityContext.fsGroup".into()
        }
        None if is_token => {
            "mount a projected service account token there: this is no readable file".into()
        }
        None => "correct the path or what is mounted there: this is no readable file".into(),
    }
}

fn by_status(class: Class, status: Option<u16>) -> &'static str {
    match status {
        Some(300..=399) => "set the STS endpoint to the URL that it redirects to",
        Some(404 | 405) => {
            "no STS at the endpoint's URL, sent as written: compare its host and path, last /"
        }
        Some(407) => "the proxy wants credentials: put them into HTTPS_PROXY",
        _ => by_class(class),
    }
}

fn by_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::BeforeTheWire => {
            "correct region, endpoint, FIPS and dual-stack settings: nothing was sent"
        }
        Kind::ConnectTimeout => {
            "let the pod reach DNS and STS (port 443): network policy, NAT, proxy, endpoint"
        }
        Kind::ConnectionRefused => "check the STS endpoint's host and port: nothing listens there",
        Kind::NameNotResolved => {
            "check the region or STS endpoint, the cluster's DNS and DNS network policy"
        }
        Kind::Tls(fault) => by_tls(fault),
        Kind::NotHttp => "use https:// if the STS speaks TLS; else correct the endpoint's port",
        Kind::Unreachable => "check routes, network policy and proxy between the pod and STS",
        Kind::RequestTimeout => {
            "STS connected but is too slow: check proxies and STS, or raise --sts-timeout"
        }
        Kind::ConnectionReset => {
            "STS or a proxy broke the connection off: check proxies, firewalls and STS"
        }
        Kind::ReplyTooLarge => "what answers is no STS: check the endpoint's URL and proxies",
        Kind::InvalidReply => {
            "STS sent no usable credentials: check the endpoint's URL and the STS server"
        }
        Kind::RoleMismatch => {
            "STS issued another role than asked for: check the role ARN and the STS server"
        }
    }
}

fn by_tls(fault: TlsFault) -> &'static str {
    match fault {
        TlsFault::Expired => {
            "have the STS certificate renewed; if it is in date, set the node's clock (NTP)"
        }
        TlsFault::NotYetValid => {
            "set the node's clock right (NTP): the STS certificate is not valid yet"
        }
        TlsFault::WrongHost => {
            "use a host of the STS certificate (see message), or have this one put into it"
        }
        TlsFault::Untrusted => {
            "put the CA of the STS, or of a proxy that opens TLS, into AWS_CA_BUNDLE"
        }
        TlsFault::SelfSigned => {
            "if it is the right one, put the server's certificate into AWS_CA_BUNDLE"
        }
        TlsFault::Revoked => "have another STS certificate issued: this one was revoked",
        TlsFault::Unusable => {
            "have a server certificate issued that lacks the fault in the message (/status)"
        }
        TlsFault::NotSpoken => "correct scheme or port of the STS endpoint: no TLS is spoken there",
        TlsFault::Refused => {
            "let the STS offer TLS 1.2 or 1.3 with ECDHE, under the endpoint's host name"
        }
        TlsFault::ClientCertificate => {
            "let the STS demand no client certificate: stsidecar has none to show"
        }
        TlsFault::Broken => {
            "check the STS certificate, AWS_CA_BUNDLE, proxies that open TLS, and the clock"
        }
    }
}

fn by_cause(cause: Cause) -> &'static str {
    match cause {
        Cause::KeysNotFetched => {
            "STS cannot fetch the issuer's keys: make its OIDC and JWKS URLs public"
        }
        Cause::NoProvider => {
            "create an IAM OIDC identity provider for the cluster's issuer in that account"
        }
        Cause::WrongAudience => {
            "add the token's audience to the IAM OIDC provider, or change the audience"
        }
        // A fixed duration has no shorter one to step down to.
        Cause::SessionTooLong => by_class(Class::DurationTooLong),
        Cause::Mfa => {
            "compare serialNumber with the device's, and its secret or code with the device"
        }
        Cause::Assertion => {
            "check role and provider ARN, and that the role's trust policy names the provider"
        }
        Cause::TagSession => "allow sts:TagSession in the role's trust policy",
        Cause::SourceIdentity => "allow sts:SetSourceIdentity in the role's trust policy",
        Cause::NextRole => {
            "let the previous role assume this one: its policies and this trust policy"
        }
    }
}

fn by_code(class: Class, code: &str) -> &'static str {
    match code {
        "InvalidIdentityToken" => {
            "compare the cluster's issuer and signing keys with the IAM OIDC provider"
        }
        "AccessDenied" | "AccessDeniedException" => by_class(Class::Denied),
        "ValidationError" | "InvalidParameterValue" if class == Class::Config => {
            "correct the parameter that STS names in its message (agent log, /status)"
        }
        "ExternalServiceException" => {
            "Cognito cannot reach the token's issuer: make its OIDC and JWKS URLs public"
        }
        "InvalidIdentityPoolConfigurationException" => {
            "correct the identity pool: its roles and their trust policies"
        }
        "InvalidParameterException" => {
            "correct pool, login or role: Cognito names it in its message (/status)"
        }
        "ResourceNotFoundException" => {
            "correct identityPoolId: Cognito does not know it in that region"
        }
        "ExpiredTokenException" => {
            "the kubelet no longer renews the token file: check the node and the volume"
        }
        "IDPRejectedClaim" => {
            "the issuer or STS refused a claim: compare the token with the IAM provider"
        }
        "IDPCommunicationError" => {
            "STS cannot reach the cluster's issuer: make its OIDC and JWKS URLs public"
        }
        "RegionDisabledException" => {
            "activate STS for this region in the role's account, or use another region"
        }
        "OptInRequired" => "enable this region in the role's account, or use another region",
        "MalformedPolicyDocument" => "correct the session policy: STS cannot read it",
        "PackedPolicyTooLarge" => "shorten the session policy, the policy ARNs or the tags",
        "NoSuchEntity" => "create what is missing at the STS, or correct the role ARN",
        "MissingParameter" => "set the role ARN and what else this STS demands",
        "InvalidAction" => "this STS lacks the operation: use another endpoint or another source",
        "MissingAuthenticationToken" => {
            "this endpoint wants a signed request: check that its URL is an STS"
        }
        "RequestExpired" | "RequestTimeTooSkewed" | "RequestInTheFuture" => {
            "set the node's clock right (NTP): STS refuses the request's time"
        }
        "RequestTimeout" => {
            "STS connected but is too slow: check proxies and STS, or raise --sts-timeout"
        }
        _ => by_class(class),
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
mod tests;
