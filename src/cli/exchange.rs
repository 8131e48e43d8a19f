//! The exchanges of one profile, made once and by ourselves: for `check` and
//! `credential-process --direct`.
//!
//! Owns the order source, then hop after hop, each signed with the credentials of the one before.
//! It never retries and keeps nothing; each call ends within the time-outs of the STS client.

use std::future::Future;
use std::io;
use std::sync::Arc;

use crate::assume::{DurationSetting, Profile, SessionDuration, StsResponse};
use crate::failure::Failure;
use crate::file_content::FileContent;
use crate::refresher::{CallError, ExtraFiles, SentCodes, of_source, session_name};
use crate::rotated_file::{Latest, RotatedFile};
use crate::sts::{Assume, Authentication, Request};
use crate::{clock, sts};

/// What each step came to, source first; the first failure is the last of them.
pub(super) type Outcomes = Vec<Result<StsResponse, Failure>>;

/// The source's file of a profile, read once as the agent reads it.
pub(super) fn source(profile: &Profile) -> Latest<FileContent> {
    let (path, form) = profile.source_file();
    RotatedFile::new(path, form.limit(), move |content| form.parse(content), None).reload()
}

/// Makes the calls of a profile with what its source's file holds; `sent` is shared by all that run
/// at a time.
pub(super) async fn all(
    sts: &impl Assume,
    profile: &Profile,
    source: &Latest<FileContent>,
    host_name: &str,
    sent: &SentCodes,
) -> Outcomes {
    let mut outcomes: Outcomes = Vec::with_capacity(profile.steps.len());
    let claims = source.value.as_deref().and_then(FileContent::claims);
    for step in &profile.steps {
        let before = match outcomes.last() {
            None => None,
            Some(Ok(reply)) => Some(reply),
            Some(Err(_)) => break,
        };
        let proof = proof(sts, profile, source, before);
        let duration = match step.duration() {
            DurationSetting::Fixed(duration) => duration,
            DurationSetting::Longest => SessionDuration::HOUR,
        };
        let session_name = session_name(step, claims, host_name);
        // A code that is gathered counts as sent, so not before everything else is there.
        let outcome = match proof {
            Ok(proof) => match gathered(&ExtraFiles::of(step, sent), sts).await {
                Ok(extras) => {
                    let step = Arc::clone(step);
                    sts.assume(Request {
                        step,
                        session_name,
                        duration,
                        proof,
                        extras,
                    })
                    .await
                }
                Err(failure) => Err(failure),
            },
            Err(failure) => Err(failure),
        };
        outcomes.push(outcome);
    }
    outcomes
}

/// What proves who asks: the step before, or the source.
pub(super) fn proof(
    sts: &impl Assume,
    profile: &Profile,
    source: &Latest<FileContent>,
    before: Option<&StsResponse>,
) -> Result<Authentication, Failure> {
    match before {
        Some(reply) => Ok(Authentication::Signer(reply.credentials.clone())),
        None => of_source(source, &profile.source_file().1, sts.server_time()),
    }
}

/// What goes with a call, waited for when the next code of a device is not due yet: half a minute
/// at most.
async fn gathered(extras: &ExtraFiles, sts: &impl Assume) -> Result<sts::MfaAndContexts, Failure> {
    loop {
        match extras.gather(sts.server_time().unwrap_or_else(clock::wall)) {
            Ok(extras) => return Ok(extras),
            Err(CallError::Failed(failure)) => return Err(failure),
            Err(CallError::Postponed(wait)) => tokio::time::sleep(wait).await,
        }
    }
}

/// Runs something to its end on a runtime of its own.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(future);
    // A plain drop would wait for a name look-up that is under way.
    runtime.shutdown_background();
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assume::{
        AccessKeyFile, Hop, Mfa, MfaCode, ProfileName, Role, SectionName, SerialNumber,
    };
    use crate::role::{RoleArn, Server};

    struct Unasked;

    impl Assume for Unasked {
        async fn assume(&self, _: Request) -> Result<StsResponse, Failure> {
            unreachable!("there is nothing to ask with")
        }
    }

    #[tokio::test]
    async fn a_call_that_cannot_be_made_uses_no_code_up() {
        let directory = tempfile::tempdir().expect("a directory");
        let written = directory.path().join("code");
        std::fs::write(&written, "123456").expect("written");
        let role_arn = RoleArn::parse("arn:aws:iam::111122223333:role/app").expect("a role");
        let serial_number = SerialNumber::parse("GAHT12345678").expect("a device");
        let step = Arc::new(Hop::Role(Role {
            keys: Some(AccessKeyFile {
                path: directory.path().join("missing").into(),
                profile: SectionName::default(),
                server: Server::Aws,
            }),
            mfa: Some(Mfa {
                serial_number,
                code: MfaCode::Code(written.into()),
            }),
            ..Role::new(role_arn)
        }));
        let profile = Profile {
            name: ProfileName::parse("default").expect("a name"),
            steps: vec![Arc::clone(&step)],
        };
        let (sent, latest) = (SentCodes::default(), source(&profile));
        let outcomes = all(&Unasked, &profile, &latest, "host", &sent).await;
        assert_eq!(
            outcomes[0].as_ref().expect_err("no keys").code.text(),
            "CredentialsFileMissing"
        );
        assert!(
            ExtraFiles::of(&step, &sent).gather(clock::wall()).is_ok(),
            "another profile of the device may send it"
        );
    }
}
