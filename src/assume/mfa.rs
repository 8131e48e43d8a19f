//! A device for multi-factor authentication, whose code goes with a call.
//!
//! Owns which file its codes come from. `totp` computes them, `refresher` sees that none is sent
//! twice.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::FilePath;
use super::parameter::is_word;
use crate::file_content::Form;

text! {
    /// `SerialNumber` of an MFA device.
    SerialNumber, text => is_word(text, 9..=256, "_+=/:,.@-"),
    "a device's serial number has 9 to 256 letters, digits and _+=/:,.@- only"
}

/// A device for multi-factor authentication.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "MfaKeys", into = "MfaKeys")]
pub struct Mfa {
    /// `SerialNumber`: of a hardware device, or the ARN of a virtual one.
    pub serial_number: SerialNumber,
    /// Where its codes come from.
    pub code: MfaCode,
}

/// Where the codes of a device come from.
#[derive(Clone, Debug)]
pub enum MfaCode {
    /// The secret of a virtual device, in base 32: codes are computed (RFC 6238).
    Secret(FilePath),
    /// A file into which another program or a person writes each code.
    Code(FilePath),
}

impl Mfa {
    /// The file that its codes come from, and how it is read.
    pub(super) fn file(&self) -> (&Path, Form) {
        match &self.code {
            MfaCode::Secret(path) => (path, Form::Totp),
            MfaCode::Code(path) => (path, Form::Code),
        }
    }
}

/// A device for multi-factor authentication, with exactly one of the two files.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Mfa"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MfaKeys {
    /// Of a hardware device, or the ARN of a virtual one.
    serial_number: SerialNumber,
    /// The virtual device's secret in base 32: codes are computed.
    #[serde(default, deserialize_with = "crate::assume::parameter::optional")]
    totp_secret_file: Option<FilePath>,
    /// A file into which each code is written.
    #[serde(default, deserialize_with = "crate::assume::parameter::optional")]
    token_code_file: Option<FilePath>,
}

schema_of!(Mfa, MfaKeys);

impl TryFrom<MfaKeys> for Mfa {
    type Error = &'static str;

    fn try_from(keys: MfaKeys) -> Result<Self, Self::Error> {
        let code = match (keys.totp_secret_file, keys.token_code_file) {
            (Some(path), None) => MfaCode::Secret(path),
            (None, Some(path)) => MfaCode::Code(path),
            (Some(_), Some(_)) | (None, None) => {
                return Err("set one of totpSecretFile and tokenCodeFile");
            }
        };
        Ok(Self {
            serial_number: keys.serial_number,
            code,
        })
    }
}

impl From<Mfa> for MfaKeys {
    fn from(mfa: Mfa) -> Self {
        let (totp_secret_file, token_code_file) = match mfa.code {
            MfaCode::Secret(path) => (Some(path), None),
            MfaCode::Code(path) => (None, Some(path)),
        };
        Self {
            serial_number: mfa.serial_number,
            totp_secret_file,
            token_code_file,
        }
    }
}
