//! Codes and context assertions, from files that change between the calls.

use std::path::Path;

use super::*;
use crate::assume::{Mfa, MfaCode, ProvidedContext, ProviderArn, Role, SerialNumber};
use crate::failure::FileFault;
use crate::role::RoleArn;

/// The secret of RFC 6238's test vectors.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn step(serial_number: &str, code: Option<MfaCode>, context: Option<&Path>) -> Hop {
    let role_arn = RoleArn::parse("arn:aws:iam::111122223333:role/app").expect("a role");
    let serial_number = SerialNumber::parse(serial_number).expect("a device");
    let provider_arn =
        ProviderArn::parse("arn:aws:iam::aws:contextProvider/IdentityCenter").expect("a provider");
    Hop::Role(Role {
        mfa: code.map(|code| Mfa {
            serial_number,
            code,
        }),
        provided_contexts: context
            .map(|file| ProvidedContext {
                provider_arn,
                assertion_file: file.to_owned().into(),
            })
            .into_iter()
            .collect::<Vec<_>>()
            .try_into()
            .expect("one context"),
        ..Role::new(role_arn)
    })
}

fn at(seconds: i64) -> Wall {
    Wall::from_unix_seconds(seconds)
}

fn code(extras: &ExtraFiles, seconds: i64) -> Result<String, String> {
    match extras.gather(at(seconds)) {
        Ok(extras) => Ok(extras.code.expect("a code").expose().to_owned()),
        Err(CallError::Postponed(wait)) => Err(format!("wait {}", wait.as_secs())),
        Err(CallError::Failed(failure)) => Err(failure.code.to_string()),
    }
}

#[test]
fn a_computed_code_is_sent_once_by_whichever_profile_of_the_device() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("secret");
    std::fs::write(&file, SECRET).expect("written");
    let sent = SentCodes::default();
    let device = || Some(MfaCode::Secret(file.clone().into()));
    let (one, same) = (
        ExtraFiles::of(&step("GAHT12345678", device(), None), &sent),
        ExtraFiles::of(&step("GAHT12345678", device(), None), &sent),
    );
    let other = ExtraFiles::of(&step("GAHT87654321", device(), None), &sent);
    assert_eq!(code(&one, 1_111_111_109).as_deref(), Ok("081804"));
    assert_eq!(code(&same, 1_111_111_109), Err("wait 1".into()));
    assert_eq!(
        code(&other, 1_111_111_109).as_deref(),
        Ok("081804"),
        "another device need not wait"
    );
    assert_eq!(code(&same, 1_111_111_110).as_deref(), Ok("050471"));
    std::fs::write(&file, "nonsense").expect("written");
    assert_eq!(
        code(&same, 1_111_111_140).map(|code| code.len()),
        Ok(6),
        "the last good secret stays in use"
    );
}

#[test]
fn a_written_code_is_sent_once_and_never_after_its_file_went_bad() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("code");
    let extras = ExtraFiles::of(
        &step(
            "GAHT12345678",
            Some(MfaCode::Code(file.clone().into())),
            None,
        ),
        &SentCodes::default(),
    );
    assert_eq!(code(&extras, 0), Err("TokenCodeFileMissing".into()));
    std::fs::write(&file, "123456\n").expect("written");
    assert_eq!(code(&extras, 0).as_deref(), Ok("123456"));
    assert_eq!(
        code(&extras, 900),
        Err("TokenCodeUsed".into()),
        "STS takes none twice, however late"
    );
    std::fs::write(&file, "12345").expect("written");
    assert_eq!(code(&extras, 900), Err("TokenCodeFileInvalid".into()));
    std::fs::write(&file, "654321").expect("written");
    assert_eq!(code(&extras, 900).as_deref(), Ok("654321"));
}

#[test]
fn one_device_with_both_kinds_of_files_sends_no_code_twice_either() {
    let directory = tempfile::tempdir().expect("a directory");
    let (secret, written) = (
        directory.path().join("secret"),
        directory.path().join("code"),
    );
    std::fs::write(&secret, SECRET).expect("written");
    std::fs::write(&written, "081804").expect("written");
    let sent = SentCodes::default();
    let computes = ExtraFiles::of(
        &step("GAHT12345678", Some(MfaCode::Secret(secret.into())), None),
        &sent,
    );
    let reads = ExtraFiles::of(
        &step(
            "GAHT12345678",
            Some(MfaCode::Code(written.clone().into())),
            None,
        ),
        &sent,
    );
    assert_eq!(code(&reads, 1_111_111_108).as_deref(), Ok("081804"));
    assert_eq!(code(&computes, 1_111_111_108), Err("wait 2".into()));
    assert_eq!(code(&computes, 1_111_111_111).as_deref(), Ok("050471"));
    std::fs::write(&written, "050471").expect("written");
    assert_eq!(code(&reads, 1_111_111_111), Err("TokenCodeUsed".into()));
}

#[test]
fn a_context_assertion_is_read_for_each_call_and_the_last_good_one_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("context");
    let extras = ExtraFiles::of(
        &step("GAHT12345678", None, Some(&file)),
        &SentCodes::default(),
    );
    assert!(
        matches!(extras.gather(at(0)), Err(CallError::Failed(failure)) if failure.code == OwnCode::File(Form::Context, FileFault::Missing).into())
    );
    for (content, expected) in [
        ("first", "first"),
        ("second\n", "second"),
        ("a b", "second"),
    ] {
        std::fs::write(&file, content).expect("written");
        let gathered = extras.gather(at(0)).expect("gathered");
        assert_eq!(gathered.contexts, [Secret::new(expected.to_owned())]);
    }
}
