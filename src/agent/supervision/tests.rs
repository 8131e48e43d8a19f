//! A refresher that panics, in real time: it is the runtime's own catching of panics that is relied
//! on.

use std::sync::atomic::AtomicUsize;

use prometheus::Registry;

use super::*;
use crate::assume::WebIdentity;
use crate::assume::{Hop, Profile, ProfileName, ResponseDetails, StsResponse};
use crate::cache::{self, Published, Reader, Refused};
use crate::credentials::{Credentials, Secret};
use crate::failure::Failure;
use crate::file_content::Form;
use crate::refresher::metrics::Metrics;
use crate::refresher::{ExtraFiles, SentCodes};
use crate::session::schedule::RefreshAt;
use crate::session::snapshot::Digest;
use crate::sts::Request;
use crate::time::Wall;

const BOUND: Duration = Duration::from_mins(1);
/// Header, claims and signature of a token; the claims are `{}`.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl";

/// Panics at the calls of these numbers; the others are granted, for a minute.
struct Panicking {
    at: &'static [usize],
    calls: AtomicUsize,
}

impl Assume for Panicking {
    async fn assume(&self, _request: Request) -> Result<StsResponse, Failure> {
        let call = self.calls.fetch_add(1, Relaxed) + 1;
        assert!(!self.at.contains(&call), "as the test wants it");
        let issued = clock::wall();
        let credentials = Credentials {
            access_key_id: format!("ASIA{call:016}"),
            secret_access_key: Secret::new("secret".to_owned()),
            session_token: Secret::new("session".to_owned()),
            expiration: Wall::from_unix_milliseconds(issued.unix_milliseconds() + 60_000),
            account: None,
        };
        Ok(StsResponse {
            credentials,
            date: Some(issued),
            details: ResponseDetails::default(),
        })
    }
}

fn parts(at: &'static [usize], directory: &tempfile::TempDir) -> (Arc<Parts<Panicking>>, Reader) {
    let file = directory.path().join("token");
    std::fs::write(&file, TOKEN).expect("room");
    let name = ProfileName::parse("default").expect("a name");
    let profile = Profile {
        name,
        steps: vec![Arc::new(Hop::WebIdentity(WebIdentity::new(&file)))],
    };
    let refused = Refused {
        status: 503,
        body: bytes::Bytes::new(),
    };
    let (publisher, answers) = cache::channel(Published::Refused(refused), clock::boot);
    let parts = Parts {
        refresh_at: RefreshAt::After(Duration::from_secs(1)),
        digest: Digest([7; 32]),
        source: RotatedFile::new(&file, 4096, |content| Form::Token.parse(content), None),
        extras: vec![ExtraFiles::of(&profile.steps[0], &SentCodes::default())],
        sts: Arc::new(Panicking {
            at,
            calls: AtomicUsize::new(0),
        }),
        publisher,
        report: watch::Sender::new(ProfileReport::default()),
        metrics: Metrics::register(&Registry::new())
            .expect("a fresh registry")
            .profile(&profile),
        state: None,
        kept: watch::Sender::new(None),
        boot_id: "this boot".to_owned(),
        host_name: "host".to_owned(),
        profile,
    };
    (Arc::new(parts), answers)
}

/// Runs the refresher until `wanted` is reported.
async fn until(
    parts: &Arc<Parts<Panicking>>,
    restart_every: Duration,
    wanted: impl FnMut(&ProfileReport) -> bool,
) {
    let (ticks, steps, stopping) = (
        watch::Sender::new(0),
        watch::Sender::new(0),
        watch::Sender::new(None),
    );
    let inputs = inputs(
        &ticks.subscribe(),
        &steps.subscribe(),
        &watch::Sender::new(0),
        &stopping,
        &Heartbeat::new(clock::boot(), Pace::default()),
    );
    let mut reports = parts.report.subscribe();
    tokio::select! {
        _ = refresh(Arc::clone(parts), inputs, restart_every) => unreachable!("it runs for ever"),
        seen = tokio::time::timeout(BOUND, reports.wait_for(wanted)) => {
            seen.expect("reported in time").expect("the parts hold the sender");
        }
    }
}

fn generation(report: &ProfileReport) -> u64 {
    report.vended().map_or(0, |hop| hop.generation)
}

#[tokio::test]
async fn a_refresher_that_panics_goes_on_from_what_it_kept_and_readers_do_not_notice() {
    let directory = tempfile::tempdir().expect("a directory");
    let (parts, answers) = parts(&[2, 3], &directory);
    let mut names = Vec::new();
    until(&parts, Duration::from_millis(10), |report| {
        assert_eq!(
            answers.is_available(),
            generation(report) > 0,
            "a panic takes nothing away"
        );
        names.extend(report.session_name.clone());
        generation(report) == 2
    })
    .await;
    assert_eq!(
        parts.sts.calls.load(Relaxed),
        4,
        "two calls ended in a panic, and the count went on from one"
    );
    names.dedup();
    assert_eq!(names, ["host"], "constant through the restarts");
}

#[tokio::test]
async fn a_refresher_that_panics_at_its_first_call_is_started_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let (parts, answers) = parts(&[1], &directory);
    let began = clock::boot();
    until(&parts, Duration::from_millis(300), |report| {
        generation(report) == 1
    })
    .await;
    assert!(answers.is_available());
    assert!(
        clock::boot().since(began) >= Duration::from_millis(300),
        "not before its time"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_has_started_while_another_process_has_the_endpoints_port() {
    for wait_for_credentials in [true, false] {
        let (listening, bound) = watch::channel(false);
        let mut tasks = JoinSet::new();
        // Without a profile there are no credentials to wait for.
        let mut started = started(&mut tasks, &[], None, wait_for_credentials, bound);
        let early =
            tokio::time::timeout(Duration::from_mins(1), started.wait_for(|started| *started))
                .await;
        assert!(early.is_err(), "{wait_for_credentials}");
        drop(early);
        listening.send_replace(true);
        let bound = Duration::from_mins(1);
        tokio::time::timeout(bound, started.wait_for(|started| *started))
            .await
            .expect("in time")
            .expect("open");
    }
}
