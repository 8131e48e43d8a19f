//! What a refresher makes of its token file and of what was kept, without a clock or a call.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::assume::{
    Mfa, MfaCode, ProfileName, Reply, ReplyDetails, SerialNumber, SessionToken, WebIdentity,
};
use crate::cache;
use crate::credentials::Secret;
use crate::failure::Class;
use crate::material::Form;
use crate::session::Held;
use crate::sts::Request;
use crate::time::Wall;
use crate::token::WebIdentityToken;

/// Is never asked, but may have told its time.
struct Nobody(Option<Wall>);

impl Assume for Nobody {
    async fn assume(&self, _: Request) -> Result<Reply, Failure> {
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

fn refresher(token_file: &Path, kept: Option<Saved>) -> Refresher<Nobody> {
    driving(
        Step::WebIdentity(WebIdentity::new(token_file)),
        Nobody(None),
        kept,
    )
}

fn driving(step: Step, sts: Nobody, kept: Option<Saved>) -> Refresher<Nobody> {
    let profile = Profile {
        name: ProfileName::parse("default").expect("a name"),
        steps: vec![Arc::new(step)],
    };
    let (file, form) = profile.source_file();
    let unanswered = Answer::Refused(Refused {
        status: 503,
        body: response::error_body(NOT_READY, ""),
    });
    let parts = Parts {
        refresh_at: RefreshAt::default(),
        digest: Digest([7; 32]),
        source: RotatedFile::new(file, form.limit(), move |content| form.parse(content), None),
        extras: vec![Extras::of(&profile.steps[0], &SentCodes::default())],
        sts: Arc::new(sts),
        publisher: cache::channel(unanswered, Boot::default).0,
        report: watch::Sender::new(StatusReport::default()),
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

impl Refresher<Nobody> {
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
    // The call comes before anybody was told of the new content.
    drop(refresher.prepare(&call));
    let name = refresher.session_names[0].as_ref().map(SessionName::as_str);
    assert_eq!(name, Some("shop.web-0"));
}

/// What an earlier process held for whom the token of `name` names.
fn kept(name: &str) -> Saved {
    let identity = WebIdentityToken::parse(jwt(name).as_bytes())
        .expect("a token")
        .identity();
    let credentials = Credentials {
        access_key_id: "ASIAKEPT000000000001".to_owned(),
        secret_access_key: Secret::new("secret".to_owned()),
        session_token: Secret::new("session".to_owned()),
        expiration: clock::wall().plus(Duration::from_hours(1)),
        account: None,
    };
    let deadline = clock::boot().plus(Duration::from_hours(1));
    let (lifetime, received, details) = (
        Duration::from_hours(1),
        clock::wall(),
        ReplyDetails::default(),
    );
    let held = Held {
        credentials,
        deadline,
        lifetime,
        received,
        details,
        identity,
    };
    let hop = SavedHop {
        held,
        due: deadline,
        generation: 1,
        worked: None,
    };
    Saved {
        boot_id: "boot".to_owned(),
        named: identity,
        session_names: vec![Some(SessionName::sanitised("kept"))],
        snapshot: Snapshot {
            digest: Digest([7; 32]),
            hops: vec![Some(hop)],
        },
    }
}

#[tokio::test]
async fn a_token_of_another_identity_than_the_restored_credentials_is_noticed_when_it_comes_late() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    for (name, another) in [("app", false), ("other", true)] {
        let mut refresher = refresher(&file, Some(kept("app")));
        let restored = refresher
            .restored()
            .expect("without a token there is nothing to compare with");
        let actions = refresher.session.step(restored, clock::now());
        assert!(
            matches!(actions[..], [Action::Serve { .. }, Action::WakeAt(_)]),
            "{actions:?}"
        );
        std::fs::write(&file, jwt(name)).expect("written");
        drop(refresher.parts.source.reload());
        let event = refresher.token_changed();
        let actions = refresher.session.step(event, clock::now());
        assert_eq!(
            actions
                .iter()
                .any(|action| matches!(action, Action::Withdraw)),
            another,
            "{actions:?}"
        );
        std::fs::remove_file(&file).expect("removed");
    }
}

#[tokio::test]
async fn session_names_are_kept_for_one_identity_and_chosen_anew_for_another() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    for (of, expected) in [("app", "kept"), ("other", "shop.web-0")] {
        std::fs::write(&file, jwt("app")).expect("written");
        let mut refresher = refresher(&file, Some(kept(of)));
        drop(refresher.parts.source.reload());
        refresher.token_changed();
        refresher.restored();
        let call = refresher.first_call();
        let Ok(request) = refresher.prepare(&call).request else {
            panic!("everything is there")
        };
        assert_eq!(request.session_name.as_str(), expected, "kept of {of}");
        std::fs::write(&file, jwt("third")).expect("written");
        let Ok(request) = refresher.prepare(&call).request else {
            panic!("everything is there")
        };
        assert_eq!(
            request.session_name.as_str(),
            "shop.web-0",
            "another identity while it runs"
        );
    }
}

#[tokio::test]
async fn each_way_a_token_file_is_unusable_has_the_advice_that_mends_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("directory")).expect("made");
    std::fs::write(path("long"), vec![b'x'; 100_000]).expect("written");
    std::fs::write(path("text"), "no token").expect("written");
    for file in ["missing", "text/below-a-file", "directory", "long", "text"] {
        let mut refresher = refresher(&path(file), None);
        let call = refresher.first_call();
        drop(refresher.prepare(&call));
        let failure = refresher.proof(&call).expect_err("no token");
        let hint = failure.hint();
        assert!(
            hint.contains("projected service account token") && !hint.contains("fsGroup"),
            "{file}: {hint}"
        );
    }
}

#[tokio::test]
async fn an_error_that_comes_or_goes_is_no_new_token() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    std::fs::write(&file, jwt("app")).expect("written");
    let mut refresher = refresher(&file, None);
    drop(refresher.parts.source.reload());
    assert!(matches!(
        refresher.token_changed(),
        Event::Token(Content { generation: 1, .. })
    ));
    std::fs::remove_file(&file).expect("removed");
    drop(refresher.parts.source.reload());
    assert!(
        matches!(refresher.token_changed(), Event::Tick),
        "a missing file"
    );
    std::fs::write(&file, jwt("app")).expect("written");
    drop(refresher.parts.source.reload());
    assert!(
        matches!(refresher.token_changed(), Event::Tick),
        "the same content again"
    );
    std::fs::write(&file, jwt("other")).expect("written");
    drop(refresher.parts.source.reload());
    let first = refresher.content.identity;
    let event = refresher.token_changed();
    assert!(
        matches!(event, Event::Token(Content { generation: 2, identity }) if first.changes_to(identity))
    );
}

#[test]
fn an_assertion_is_sent_until_five_minutes_after_its_end_and_a_token_however_old() {
    let response = r#"<Response><Assertion><Conditions NotOnOrAfter="2026-11-22T06:00:00Z"/></Assertion></Response>"#;
    let assertion = Form::Assertion
        .parse(response.as_bytes())
        .expect("a response");
    let at = |after: i64| Wall::from_unix_seconds(1_795_327_200 + after);
    assert!(
        of_source(Some(&assertion), None, &Form::Assertion, Some(at(299))).is_ok(),
        "STS judges"
    );
    assert!(
        of_source(Some(&assertion), None, &Form::Assertion, None).is_ok(),
        "our own clock may be wrong"
    );
    let failure = of_source(Some(&assertion), None, &Form::Assertion, Some(at(300)))
        .expect_err("of no use any more");
    assert_eq!(
        (failure.class, failure.code.as_str(), failure.sent),
        (Class::Token, "AssertionExpired", false)
    );
    assert!(
        failure.message.contains("2026-11-22T06:00:00Z")
            && failure.hint().contains("new SAML response")
    );
    let expired = Form::Token.parse(jwt("app").as_bytes()).expect("a token");
    assert!(of_source(Some(&expired), None, &Form::Token, Some(at(1_000_000))).is_ok());
}

#[tokio::test]
async fn codes_are_those_of_the_time_at_sts_whatever_our_wall_clock_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let (keys, secret) = (
        directory.path().join("credentials"),
        directory.path().join("secret"),
    );
    std::fs::write(
        &keys,
        "[default]\naws_access_key_id=AKIAEXAMPLE000001\naws_secret_access_key=x\n",
    )
    .expect("written");
    std::fs::write(&secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").expect("written");
    let serial_number = SerialNumber::parse("GAHT12345678").expect("a device");
    let step = Step::SessionToken(SessionToken {
        mfa: Some(Mfa {
            serial_number,
            code: MfaCode::Secret(secret.into()),
        }),
        ..SessionToken::new(keys)
    });
    let mut refresher = driving(
        step,
        Nobody(Some(Wall::from_unix_seconds(1_111_111_109))),
        None,
    );
    let call = refresher.first_call();
    let Ok(request) = refresher.prepare(&call).request else {
        panic!("everything is there")
    };
    assert_eq!(
        request
            .extras
            .code
            .as_ref()
            .map(crate::credentials::Secret::expose),
        Some("081804"),
        "RFC 6238, appendix B"
    );
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
        Class::Token,
        "TokenFileMissing",
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
