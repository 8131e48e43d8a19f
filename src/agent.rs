//! The composition.

use crate::config::Config;

/// Why the agent ended.
#[derive(Debug, thiserror::Error)]
#[error("this build has no agent")]
pub struct Error;

impl Error {
    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        70
    }
}

/// Runs until shutdown.
///
/// # Errors
/// When it cannot.
pub fn run(config: Config) -> Result<(), Error> {
    drop(config);
    Err(Error)
}
