//! Takes an error of the SDK apart into [`Evidence`], by types and kinds alone.
//!
//! Never formats the error as a whole: its text can hold the request with the token in it. What is
//! shown are our own words, the host, and the texts of leaves that cannot know the request: the
//! OS's and STS's own.

use std::error::Error;
use std::io;

use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use http_body_util::LengthLimitError;

use super::capture::LONGEST_BODY;
use super::tls;
use crate::failure::{Evidence, Kind, causes, is_known_code};
use crate::sts::connector::{self, AtProxy, Phase, Refusal, TimedOut};
use crate::sts::error_document;

/// What the error says about the attempt; `host` is where it went, `signed` whether it was signed.
pub(super) fn of<E>(error: &SdkError<E, HttpResponse>, host: &str, signed: bool) -> Evidence
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let own = |(kind, message): (Kind, String)| {
        let status = error
            .raw_response()
            .map(|response| response.status().as_u16());
        Evidence {
            kind: Some(kind),
            code: None,
            message: Some(message),
            status,
            request_id: None,
            signed,
        }
    };
    let described = |kind| (kind, describe(kind, host));
    match error {
        SdkError::ServiceError(answer) => match answered(answer.err(), answer.raw(), signed) {
            // Some servers refuse with 200. Anything else in a success may be credentials, and is
            // not shown.
            evidence
                if evidence.status.is_some_and(|status| status < 300)
                    && !evidence.code.as_deref().is_some_and(is_known_code) =>
            {
                own(described(Kind::InvalidReply))
            }
            evidence => evidence,
        },
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(error) => own(of_connector(error, host)),
            None => own(described(Kind::BeforeTheWire)),
        },
        SdkError::ResponseError(_) => own(of_broken_response(error, host)),
        _ => own(described(Kind::BeforeTheWire)),
    }
}

fn answered(error: &impl ProvideErrorMetadata, raw: &HttpResponse, signed: bool) -> Evidence {
    let document = raw
        .body()
        .bytes()
        .map(error_document::read)
        .unwrap_or_default();
    // The SDK takes an element with nothing but CDATA for an empty one.
    let own = |text: Option<&str>| {
        text.map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    Evidence {
        kind: None,
        code: own(error.code()).or(document.code),
        message: own(error.message()).or(document.message),
        status: Some(raw.status().as_u16()),
        request_id: document.request_id,
        signed,
    }
}

/// Kind and message of an attempt that ended between the first look-up and the head of the answer.
pub(super) fn of_connector(error: &ConnectorError, host: &str) -> (Kind, String) {
    let proxy = find::<AtProxy>(error).map(|at| format!("the proxy {}", at.proxy));
    let host = proxy.as_deref().unwrap_or(host);
    let with = |kind, detail: String| (kind, format!("{}: {detail}", describe(kind, host)));
    if let Some(error) = find::<rustls::Error>(error) {
        let (fault, words) = tls::explain(error);
        return with(Kind::Tls(fault), words);
    }
    if let Some(late) = find::<TimedOut>(error) {
        return of_lateness(*late, host);
    }
    if let Some(refusal) = find::<Refusal>(error) {
        return (Kind::Unreachable, refusal.to_string());
    }
    if let Some(setting) = find::<connector::Error>(error) {
        return with(Kind::BeforeTheWire, setting.to_string());
    }
    let os = find::<io::Error>(error);
    let kind = match os.map(io::Error::kind) {
        _ if find::<ResolveDnsError>(error).is_some() => Kind::NameNotResolved,
        Some(io::ErrorKind::ConnectionRefused) => Kind::ConnectionRefused,
        Some(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
        ) => Kind::ConnectionReset,
        _ if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) => Kind::NotHttp,
        _ if find::<hyper::Error>(error).is_some() => Kind::ConnectionReset,
        Some(_) => Kind::Unreachable,
        None if error.is_io() => Kind::Unreachable,
        // Endpoint rules and signing fail as dispatch failures too, before any connection.
        None => Kind::BeforeTheWire,
    };
    os.map_or_else(
        || (kind, describe(kind, host)),
        |os| with(kind, os.to_string()),
    )
}

/// Kind and message of an answer whose head came, but whose body did not come whole, or is not
/// STS's.
pub(super) fn of_broken_response(error: &(dyn Error + 'static), host: &str) -> (Kind, String) {
    let kind = if let Some(late) = find::<TimedOut>(error) {
        return of_lateness(*late, host);
    } else if find::<LengthLimitError>(error).is_some() {
        Kind::ReplyTooLarge
    } else if find::<hyper::Error>(error).is_some() || find::<io::Error>(error).is_some() {
        Kind::ConnectionReset
    } else {
        Kind::InvalidReply
    };
    (kind, describe(kind, host))
}

/// Which part took too long, and what limits it.
fn of_lateness(TimedOut { phase, limit }: TimedOut, host: &str) -> (Kind, String) {
    match phase {
        Phase::LookUp => (
            Kind::ConnectTimeout,
            format!("no answer of DNS about {host} within {limit}"),
        ),
        Phase::Connect => (
            Kind::ConnectTimeout,
            format!("no connection to {host} within {limit}"),
        ),
        Phase::Tunnel => (
            Kind::ConnectTimeout,
            format!("{host} opened no tunnel within {limit}"),
        ),
        Phase::Handshake => (
            Kind::ConnectTimeout,
            format!("no TLS session with {host} within {limit}"),
        ),
        Phase::Answer => (
            Kind::RequestTimeout,
            format!("no complete answer from {host} within {limit}"),
        ),
    }
}

pub(super) fn describe(kind: Kind, host: &str) -> String {
    match kind {
        Kind::BeforeTheWire => format!("no request could be made for {host} with these settings"),
        Kind::ConnectTimeout => format!("no connection to {host} in time"),
        Kind::ConnectionRefused => format!("{host} refuses connections"),
        Kind::NameNotResolved => format!("the name in {host} has no address"),
        Kind::Tls(_) => format!("no TLS session with {host}"),
        Kind::NotHttp => format!(
            "what {host} answers is not HTTP; a server that speaks TLS is asked with https://"
        ),
        Kind::RequestTimeout => format!("no complete answer from {host} in time"),
        Kind::ConnectionReset => format!("{host} broke the connection off"),
        Kind::ReplyTooLarge => format!("the answer of {host} is longer than {LONGEST_BODY} bytes"),
        Kind::InvalidReply => format!("{host} answered with success, but not with an STS reply"),
        Kind::Unreachable | Kind::RoleMismatch => {
            format!("{host} cannot be reached")
        }
    }
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::error::metadata::ErrorMetadata;

    use super::*;
    use crate::failure::TlsFault;
    use crate::sts::connector::Limit;

    fn kind_of(error: ConnectorError) -> Kind {
        of(
            &SdkError::<ErrorMetadata, HttpResponse>::dispatch_failure(error),
            "sts.example.com",
            true,
        )
        .kind
        .expect("nothing was answered")
    }

    #[test]
    fn what_a_setting_prevents_is_told_from_what_the_network_prevents() {
        let boxed = |text: &str| -> Box<dyn Error + Send + Sync> { text.to_owned().into() };
        assert_eq!(
            kind_of(ConnectorError::other(boxed("missing signing region"), None)),
            Kind::BeforeTheWire
        );
        assert_eq!(
            kind_of(ConnectorError::user(boxed("no such header"))),
            Kind::BeforeTheWire
        );
        assert_eq!(
            kind_of(ConnectorError::io(boxed("tunnel error: unsuccessful"))),
            Kind::Unreachable
        );
        for (phase, kind) in [
            (Phase::LookUp, Kind::ConnectTimeout),
            (Phase::Connect, Kind::ConnectTimeout),
            (Phase::Tunnel, Kind::ConnectTimeout),
            (Phase::Handshake, Kind::ConnectTimeout),
            (Phase::Answer, Kind::RequestTimeout),
        ] {
            assert_eq!(
                kind_of(ConnectorError::io(
                    TimedOut {
                        phase,
                        limit: Limit::Address
                    }
                    .into()
                )),
                kind
            );
        }
        let construction =
            SdkError::<ErrorMetadata, HttpResponse>::construction_failure("bad input");
        assert_eq!(
            of(&construction, "sts.example.com", false).kind,
            Some(Kind::BeforeTheWire)
        );
    }

    #[test]
    fn the_kind_is_found_inside_nested_errors() {
        for (inner, kind) in [
            (io::ErrorKind::ConnectionRefused, Kind::ConnectionRefused),
            (io::ErrorKind::ConnectionReset, Kind::ConnectionReset),
            (io::ErrorKind::UnexpectedEof, Kind::ConnectionReset),
            (io::ErrorKind::NetworkUnreachable, Kind::Unreachable),
        ] {
            assert_eq!(
                kind_of(ConnectorError::io(Box::new(io::Error::from(inner)))),
                kind
            );
        }
        let tls = io::Error::other(io::Error::new(
            io::ErrorKind::InvalidData,
            rustls::Error::DecryptError,
        ));
        assert_eq!(
            kind_of(ConnectorError::io(Box::new(tls))),
            Kind::Tls(TlsFault::Broken)
        );
    }

    #[test]
    fn the_whole_error_is_never_shown() {
        let secret: Box<dyn Error + Send + Sync> = "WebIdentityToken=canary".into();
        let error =
            SdkError::<ErrorMetadata, HttpResponse>::dispatch_failure(ConnectorError::user(secret));
        assert!(!format!("{:?}", of(&error, "sts.example.com", false)).contains("canary"));
    }
}
