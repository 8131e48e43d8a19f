//! Making the parts of each profile: its token file, its answer, its report, its series, what was
//! kept.
//!
//! Owns which channel end goes where. Readers and receivers go to the surfaces, everything else
//! into the profile's [`Parts`], which outlive a refresher that panics.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Error, fingerprint};
use crate::assume::Profile;
use crate::cache::{self, Published, Reader, Refused};
use crate::file_content::FileContent;
use crate::refresher::{self, ExtraFiles, NOT_READY, Parts, SentCodes};
use crate::report::ProfileReport;
use crate::response;
use crate::rotated_file::{self, RotatedFile};
use crate::session::schedule::RefreshAt;
use crate::state::{Saved, StateDirectory, configuration_digest};
use crate::sts::{Client, ClientSettings};
use crate::{clock, process};

/// One profile, ready to run.
pub(super) struct Assembled {
    pub(super) parts: Arc<Parts<Client>>,
    pub(super) answers: Reader,
    pub(super) report: watch::Receiver<ProfileReport>,
    /// Counts the retries that were asked for.
    pub(super) retries: watch::Sender<u64>,
}

/// The series of the stages that every profile has one of.
pub(super) struct Stages {
    refresher: refresher::metrics::Metrics,
    token: rotated_file::metrics::Metrics,
}

impl Stages {
    pub(super) fn register(registry: &crate::metrics::Registry) -> Result<Self, Error> {
        Ok(Self {
            refresher: refresher::metrics::Metrics::register(registry)?,
            token: rotated_file::metrics::Metrics::register(registry)?,
        })
    }
}

/// What all profiles have in common.
pub(super) struct Shared<'a> {
    pub(super) refresh_at: RefreshAt,
    pub(super) sts: Arc<Client>,
    pub(super) settings: &'a ClientSettings,
    pub(super) state: Option<&'a StateDirectory>,
}

pub(super) fn assemble(
    profiles: Vec<Profile>,
    shared: &Shared<'_>,
    stages: &Stages,
) -> Vec<Assembled> {
    let sent = SentCodes::default();
    let one = |profile| one(profile, shared, stages, &sent);
    profiles.into_iter().map(one).collect()
}

fn one(profile: Profile, shared: &Shared<'_>, stages: &Stages, sent: &SentCodes) -> Assembled {
    let (publisher, answers) = cache::channel(not_ready(&profile), clock::boot);
    let report = watch::Sender::new(ProfileReport {
        profile: profile.name.to_string(),
        ..ProfileReport::default()
    });
    let receiver = report.subscribe();
    let steps = profile.steps.iter();
    let parts = Parts {
        refresh_at: shared.refresh_at,
        digest: configuration_digest(&fingerprint(&profile, shared.settings)),
        source: source_file(&profile, stages),
        extras: steps.map(|step| ExtraFiles::of(step, sent)).collect(),
        sts: Arc::clone(&shared.sts),
        publisher,
        report,
        metrics: stages.refresher.profile(&profile),
        state: shared.state.cloned(),
        kept: watch::Sender::new(kept(&profile, shared.state)),
        boot_id: process::boot_id().unwrap_or_default(),
        host_name: process::host_name(),
        profile,
    };
    Assembled {
        parts: Arc::new(parts),
        answers,
        report: receiver,
        retries: watch::Sender::new(0),
    }
}

fn not_ready(profile: &Profile) -> Published {
    let message = format!(
        "stsidecar: profile {}: waiting for the first answer of STS",
        profile.name
    );
    Published::Refused(Refused {
        status: 503,
        body: response::error_body(NOT_READY, &message),
    })
}

fn source_file(profile: &Profile, stages: &Stages) -> RotatedFile<FileContent> {
    let (path, form) = profile.source_file();
    let reloads = stages.token.profile(profile.name.as_str());
    let file = RotatedFile::new(
        path,
        form.limit(),
        move |content| form.parse(content),
        Some(reloads),
    );
    let _ = file.reload();
    file
}

/// What an earlier process left; anything wrong with it is said and otherwise ignored.
fn kept(profile: &Profile, state: Option<&StateDirectory>) -> Option<Saved> {
    match state?.load(&profile.name) {
        Ok(saved) => saved,
        Err(error) => {
            tracing::warn!(profile = %profile.name, %error, "starting without saved credentials");
            None
        }
    }
}
