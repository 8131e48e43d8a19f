//! What a refresher makes of its token file and of what was kept, without a clock or a call.

mod kept;
mod source;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::assume::{
    Mfa, MfaCode, ProfileName, ResponseDetails, SerialNumber, SessionToken, StsResponse,
    WebIdentity,
};
use crate::cache::{self, Published, Refused};
use crate::credentials::{Credentials, Secret};
use crate::failure::{Class, Failure, FileFault, OwnCode};
use crate::file_content::Form;
use crate::response;
use crate::session::Lease;
use crate::sts::Request;
use crate::time::Wall;
use crate::token::WebIdentityToken;

/// Answers no call, but may have shown its time.
struct SilentSts(Option<Wall>);

impl Assume for SilentSts {
    async fn assume(&self, _: Request) -> Result<StsResponse, Failure> {
        std::future::pending().await
    }

    fn server_time(&self) -> Option<Wall> {
        self.0
    }
}

fn jwt(name: &str) -> String {
    let claims = format!(
        r#"{{"iss":"https://k","sub":"system:serviceaccount:shop:{name}","aud":["sts"],
            "kubernetes.io":{{"namespace":"shop","pod":{{"name":"web-0"}}}}}}"#
    );
    format!(
        "eyJhbGciOiJSUzI1NiJ9.{}.c2ln",
        URL_SAFE_NO_PAD.encode(claims)
    )
}

fn refresher(token_file: &Path, kept: Option<Saved>) -> Refresher<SilentSts> {
    driving(
        Hop::WebIdentity(WebIdentity::new(token_file)),
        SilentSts(None),
        kept,
    )
}

fn driving(step: Hop, sts: SilentSts, kept: Option<Saved>) -> Refresher<SilentSts> {
    let profile = Profile {
        name: ProfileName::parse("default").expect("a name"),
        steps: vec![Arc::new(step)],
    };
    let (file, form) = profile.source_file();
    let unanswered = Published::Refused(Refused {
        status: 503,
        body: response::error_body(NOT_READY, ""),
    });
    let parts = Parts {
        refresh_at: RefreshAt::default(),
        digest: Digest([7; 32]),
        source: RotatedFile::new(file, form.limit(), move |content| form.parse(content), None),
        extras: vec![ExtraFiles::of(&profile.steps[0], &SentCodes::default())],
        sts: Arc::new(sts),
        publisher: cache::channel(unanswered, Boot::default).0,
        report: watch::Sender::new(ProfileReport::default()),
        metrics: metrics::Metrics::register(&prometheus::Registry::new())
            .expect("a fresh registry")
            .profile(&profile),
        state: None,
        kept: watch::Sender::new(kept),
        boot_id: "boot".to_owned(),
        host_name: "host".to_owned(),
        profile,
    };
    let inputs = Inputs {
        ticks: watch::channel(0).1,
        wall_steps: watch::channel(0).1,
        retries: watch::channel(0).1,
        stopping: watch::channel(None).1,
        heartbeat: Arc::new(|| ()),
    };
    Refresher::new(Arc::new(parts), inputs)
}

impl Refresher<SilentSts> {
    fn first_call(&mut self) -> Call {
        let actions = self.session.step(Event::Tick, clock::now());
        let calls = actions.into_iter().find_map(|action| match action {
            Action::Call(call) => Some(call),
            _ => None,
        });
        calls.expect("a fresh session calls at once")
    }
}

#[tokio::test]
async fn the_session_is_named_after_the_token_that_is_sent_even_when_it_came_after_the_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    let mut refresher = refresher(&file, None);
    refresher.token_changed();
    let call = refresher.first_call();
    drop(refresher.prepare(&call));
    assert_eq!(
        refresher.session_names,
        [None],
        "no name is settled without a token"
    );
    std::fs::write(&file, jwt("app")).expect("written");
    // The call comes before the driver hears of the new content.
    drop(refresher.prepare(&call));
    let name = refresher.session_names[0].as_ref().map(SessionName::as_str);
    assert_eq!(name, Some("shop.web-0"));
}

#[tokio::test]
async fn a_retry_reads_the_token_file_anew_and_is_reported_by_its_number() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    let mut refresher = refresher(&file, None);
    let (asked, retries) = watch::channel(0);
    refresher.inputs.retries = retries;
    let _ = refresher.parts.source.reload();
    assert!(refresher.parts.source.latest().value.is_none());
    std::fs::write(&file, jwt("app")).expect("written");
    asked.send_replace(7);
    let event = refresher.retry();
    assert!(refresher.parts.source.latest().value.is_some());
    refresher.advance(event);
    let report = refresher.parts.report.borrow().clone();
    assert_eq!(
        (
            report.retry.taken,
            report.retry.was_failing,
            report.retry.is_calling
        ),
        (7, false, true)
    );
    assert_eq!(report.token.and_then(|token| token.error), None);
}

/// The clock of a node that boots is wrong until NTP sets it, often by years.
#[tokio::test]
async fn since_when_refreshes_fail_moves_with_a_wall_clock_that_is_set() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut refresher = refresher(&directory.path().join("token"), None);
    let call = refresher.first_call().id;
    let outcome = Err(Failure::local(
        OwnCode::File(Form::Token, FileFault::Missing),
        String::new(),
    ));
    refresher.advance(Event::Answered {
        call,
        sent: Content::default(),
        outcome,
    });
    let now = clock::now();
    let later = Now {
        boot: now.boot.plus(Duration::from_mins(8)),
        wall: now.wall.plus(Duration::from_hours(400_000)),
        ..now
    };
    let shown = (Retry::default(), refresher.trouble.current);
    let report = status::report(
        &refresher.parts,
        &refresher.session,
        &refresher.session_names,
        shown,
        later,
    );
    let ago = |at: Option<Wall>| later.wall.since(at.expect("a time")).as_secs();
    let (incident, error) = (
        report.incident.expect("it fails"),
        report.last_error.expect("it fails"),
    );
    assert_eq!(ago(incident.failing_since), 480);
    assert_eq!((ago(error.failing_since), ago(error.at)), (480, 480));
}
