//! What goes with a call besides its proof: the code of an MFA device, context assertions.
//!
//! Owns the files they come from, which are read again before each call, and the memory of the
//! codes that were sent: STS refuses a code it has seen
//! (<https://www.rfc-editor.org/rfc/rfc6238#section-5.2>), whichever profile sent it. Where the
//! next code is not due yet, the call waits and nothing else does. `check` and
//! `credential-process` use it too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::source::unreadable;
use crate::assume::Hop;
use crate::credentials::Secret;
use crate::failure::{Failure, OwnCode};
use crate::file_content::{FileContent, Form};
use crate::rotated_file::RotatedFile;
use crate::sts;
use crate::time::Wall;
use crate::totp::Turn;

/// The files that go with the calls of one step.
pub struct ExtraFiles {
    device: Option<Device>,
    contexts: Vec<RotatedFile<FileContent>>,
}

struct Device {
    serial_number: String,
    file: RotatedFile<FileContent>,
    form: Form,
    sent: SentCodes,
}

/// What was sent last, for each device of the process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SentCodes(Arc<Mutex<BTreeMap<String, SentCode>>>);

#[derive(Debug)]
struct SentCode {
    code: Secret,
    /// Its half minute, where it was computed and not read.
    step: Option<u64>,
}

/// Why a call is not made now.
#[derive(Debug)]
pub enum CallError {
    /// Something is missing.
    Failed(Failure),
    /// The next code comes after this long.
    Postponed(Duration),
}

impl ExtraFiles {
    /// The files of one step; nothing is read yet.
    #[must_use]
    pub fn of(step: &Hop, sent: &SentCodes) -> Self {
        let mut extras = Self {
            device: None,
            contexts: Vec::new(),
        };
        for (path, form) in step.extra_files() {
            let own = form.clone();
            let file =
                RotatedFile::new(path, form.limit(), move |content| own.parse(content), None);
            match step.mfa() {
                Some(mfa) if form != Form::Context => {
                    let serial_number = mfa.serial_number.to_string();
                    extras.device = Some(Device {
                        serial_number,
                        file,
                        form,
                        sent: sent.clone(),
                    });
                }
                _ => extras.contexts.push(file),
            }
        }
        extras
    }

    /// Reads everything again; a code that is handed out counts as sent. `now` is the time at STS,
    /// by which codes are computed.
    ///
    /// # Errors
    /// When a file never had usable content, or the only code was sent before.
    pub fn gather(&self, now: Wall) -> Result<sts::MfaAndContexts, CallError> {
        let contexts = self
            .contexts
            .iter()
            .map(|file| match &*content(file, &Form::Context)? {
                FileContent::Text(assertion) => Ok(assertion.clone()),
                _ => unreachable!("a context assertion is text"),
            });
        let contexts = contexts
            .collect::<Result<Vec<Secret>, Failure>>()
            .map_err(CallError::Failed)?;
        let code = self
            .device
            .as_ref()
            .map(|device| device.code(now))
            .transpose()?;
        Ok(sts::MfaAndContexts { code, contexts })
    }
}

impl Device {
    fn code(&self, now: Wall) -> Result<Secret, CallError> {
        let material = content(&self.file, &self.form).map_err(CallError::Failed)?;
        let mut sent = self.sent.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = sent.get(&self.serial_number);
        let was_sent = |code: &Secret| last.is_some_and(|last| last.code == *code);
        let (code, step) = match &*material {
            FileContent::Totp(secret) => {
                let turn = match secret.turn(now, last.and_then(|last| last.step)) {
                    // Another profile took the same code from a file.
                    Turn::Send { code, step } if was_sent(&code) => secret.turn(now, Some(step)),
                    turn => turn,
                };
                match turn {
                    Turn::Send { code, step } => (code, Some(step)),
                    Turn::Wait(wait) => return Err(CallError::Postponed(wait)),
                }
            }
            FileContent::Text(code) if was_sent(code) => {
                let message = format!(
                    "{} still holds the code that was sent; STS takes none twice",
                    self.file.path().display()
                );
                return Err(CallError::Failed(Failure::local(
                    OwnCode::TokenCodeUsed,
                    message,
                )));
            }
            FileContent::Text(code) => (code.clone(), None),
            _ => unreachable!("a device's file holds its secret or a code"),
        };
        sent.insert(
            self.serial_number.clone(),
            SentCode {
                code: code.clone(),
                step,
            },
        );
        Ok(code)
    }
}

/// The last good content; that of a code's file is only good while it is the newest.
fn content(file: &RotatedFile<FileContent>, form: &Form) -> Result<Arc<FileContent>, Failure> {
    let latest = file.reload();
    match (latest.value, latest.error) {
        (_, Some(error)) if *form == Form::Code => Err(unreadable(&error, form)),
        (Some(material), _) => Ok(material),
        (None, Some(error)) => Err(unreadable(&error, form)),
        (None, None) => unreachable!("a read leaves a content or an error"),
    }
}

#[cfg(test)]
mod tests;
