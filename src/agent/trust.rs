//! `AWS_CA_BUNDLE` as a file that is rotated: trust-manager, cert-manager and the kubelet replace
//! it in running pods.
//!
//! Owns how the STS client learns of a new content: it is read before each request, as the token
//! is. A content that is no bundle changes nothing but the log and the metric. It judges no
//! certificate: `sts` does.

use std::sync::Arc;

use super::Error;
use crate::rotated_file::RotatedFile;
use crate::rotated_file::metrics::Reloads;
use crate::sts::{Bundle, CaBundle, ClientSettings};

/// The file, read for the first time; nothing without one.
///
/// # Errors
/// When STS speaks TLS and the file cannot be used: what is wrong at start stays wrong until it is
/// corrected.
pub(super) fn ca_bundle(
    settings: &ClientSettings,
    reloads: Reloads,
) -> Result<Option<RotatedFile<Bundle>>, Error> {
    let Some(path) = &settings.ca_bundle else {
        return Ok(None);
    };
    let file = RotatedFile::new(path, Bundle::LONGEST, Bundle::parse, Some(reloads));
    if settings.is_over_tls() {
        let first = file.reload();
        if let (None, Some(error)) = (first.value, first.error) {
            return Err(Error::CaBundle(error));
        }
    }
    Ok(Some(file))
}

/// Answers the newest good content, reading the file now.
pub(super) fn followed(file: &RotatedFile<Bundle>) -> CaBundle {
    let file = file.clone();
    Arc::new(move || file.reload().value)
}
