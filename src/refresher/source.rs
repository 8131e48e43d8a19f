//! What a source's file gives an exchange: the proof, the session's name, or why there is none.
//!
//! Pure: contents and times in, values out. It reads no file and knows no call; `call` and `extras`
//! do. `check` and `credential-process` use it too.

use std::time::Duration;

use crate::assume::Hop;
use crate::failure::{Failure, FileFault, OwnCode};
use crate::file_content::{FileContent, Form};
use crate::role::SessionName;
use crate::rotated_file::{self, Latest};
use crate::saml::Assertion;
use crate::sts::Authentication;
use crate::time::Wall;
use crate::token::Claims;

/// The name a step's session gets: its template, filled from the token's claims, or the host's name
/// where the claims name no pod.
#[must_use]
pub fn session_name(step: &Hop, claims: Option<&Claims>, host_name: &str) -> SessionName {
    let template = step.session_name().cloned().unwrap_or_default();
    match claims.map(|claims| (claims.namespace.as_deref(), claims.pod.as_deref())) {
        Some((Some(namespace), Some(pod))) => template.fill(namespace, pod),
        _ if template.needs_claims() => SessionName::sanitised(host_name),
        _ => template.fill("", ""),
    }
}

/// What a source's file proves with at the time `at_sts`; an old content is good until another one
/// is. Before an answer of STS has brought its time, nothing is too old: our own clock may be hours
/// away.
///
/// # Errors
/// When it never had usable content, or holds an assertion that ended long ago.
pub fn of_source(
    source: &Latest<FileContent>,
    form: &Form,
    at_sts: Option<Wall>,
) -> Result<Authentication, Failure> {
    match (source.value.as_deref(), &source.error) {
        (Some(FileContent::Token(token)), _) => Ok(Authentication::Token(token.clone())),
        (Some(FileContent::Assertion(assertion)), _) => of_assertion(assertion, at_sts),
        (Some(FileContent::AccessKey(key)), _) => Ok(Authentication::AccessKey(key.clone())),
        (None, Some(error)) => Err(unreadable(error, form)),
        // No source is read as a code's secret or as text: those go with a call.
        (None | Some(FileContent::Totp(_) | FileContent::Text(_)), _) => {
            let code = OwnCode::File(form.clone(), FileFault::Missing);
            let message = format!("the file of the {form} has not been read yet");
            Err(Failure::local(code, message))
        }
    }
}

fn of_assertion(assertion: &Assertion, at_sts: Option<Wall>) -> Result<Authentication, Failure> {
    match (assertion.facts().not_on_or_after, at_sts) {
        (Some(end), Some(now)) if end.plus(OUTLIVED) <= now => {
            let end = end.rfc3339();
            let message = format!("the SAML assertion ended at {end}, and no new one has come");
            Err(Failure::local(OwnCode::AssertionExpired, message))
        }
        _ => Ok(Authentication::Assertion(assertion.clone())),
    }
}

/// An assertion that ended this long ago is not sent any more: most live for minutes only, and a
/// session may wait for hours for the next. Until then STS judges.
const OUTLIVED: Duration = Duration::from_mins(5);

/// What a file that cannot be used means for the exchange that needs it.
#[must_use]
pub fn unreadable(error: &rotated_file::Error, form: &Form) -> Failure {
    Failure::local(
        OwnCode::File(form.clone(), error.fault()),
        error.to_string(),
    )
}
