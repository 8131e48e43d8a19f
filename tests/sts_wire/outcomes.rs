//! What each answer, and each missing answer, becomes: class, code, and in what time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stsidecar::assume::Step;
use stsidecar::failure::{Class, Failure};
use stsidecar::sts::{Client, Proof};
use tokio::task::JoinSet;

use super::support::fake_sts::{Behaviour, FakeSts};
use super::{client, configured, enter, exchange, hop, loaded, now, request, token};

/// One entry against a fake that behaves like this, and how long it took; what the time-out ends has its own code.
async fn outcome(behaviour: Behaviour) -> (Failure, Duration) {
    let sts = FakeSts::start();
    sts.set_default(behaviour.clone());
    let client = client(&sts.url());
    let begun = begin();
    let failure = enter(&client).await.expect_err("no credentials");
    assert_eq!(sts.calls().len(), 1, "one attempt only: {behaviour:?}");
    assert!(failure.sent);
    (failure, begun.elapsed())
}

#[allow(
    clippy::disallowed_methods,
    reason = "time-outs on a real socket are measured in real time"
)]
fn begin() -> Instant {
    Instant::now()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn each_error_of_sts_arrives_with_its_code_message_and_request_id() {
    for (status, code, message, class) in [
        (
            400,
            "ExpiredTokenException",
            "Token expired: current date/time 2 must be before 1",
            Class::Token,
        ),
        (
            400,
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider",
            Class::Transient,
        ),
        (
            400,
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://k",
            Class::Config,
        ),
        (
            400,
            "InvalidIdentityToken",
            "Incorrect token audience",
            Class::Config,
        ),
        (
            400,
            "InvalidIdentityToken",
            "The ID Token provided is not a valid JWT.",
            Class::Token,
        ),
        (
            400,
            "IDPCommunicationError",
            "Error communicating with the provider",
            Class::Transient,
        ),
        (
            403,
            "IDPRejectedClaim",
            "The claim was rejected",
            Class::Token,
        ),
        (
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            Class::Denied,
        ),
        (400, "Throttling", "Rate exceeded", Class::Throttled),
        (503, "ServiceUnavailable", "Try again", Class::Transient),
        (500, "InternalFailure", "Oops", Class::Transient),
        (
            403,
            "RegionDisabledException",
            "STS is not activated in this region",
            Class::Config,
        ),
        (
            400,
            "MalformedPolicyDocument",
            "Syntax errors in policy",
            Class::Config,
        ),
        (
            400,
            "PackedPolicyTooLarge",
            "Packed size 102%",
            Class::Config,
        ),
        (
            400,
            "ValidationError",
            "1 validation error <detected> & more",
            Class::Config,
        ),
        (
            400,
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            Class::DurationTooLong,
        ),
        (400, "RequestExpired", "Request has expired.", Class::Clock),
        // Others than AWS, in their own words: SeaweedFS, MinIO, Ceph RGW.
        (
            400,
            "InvalidParameterValue",
            "token contains an invalid number of segments",
            Class::Token,
        ),
        (
            400,
            "InvalidParameterValue",
            "signature is invalid",
            Class::Token,
        ),
        (
            400,
            "InvalidClientGrantsToken",
            "The client grants token that was passed could not be validated",
            Class::Token,
        ),
        (
            400,
            "ExpiredToken",
            "The security token included in the request is expired",
            Class::Token,
        ),
        (403, "AccessDenied", "Access Denied.", Class::Denied),
        (
            503,
            "STSNotInitialized",
            "STS API not initialized, please try again.",
            Class::Transient,
        ),
        (
            503,
            "XMinioServerNotInitialized",
            "Server not initialized, please try again.",
            Class::Transient,
        ),
        (
            503,
            "SlowDown",
            "Please reduce your request rate.",
            Class::Throttled,
        ),
        (404, "NoSuchEntity", "role not found", Class::Config),
    ] {
        let (failure, _) = outcome(Behaviour::error(status, code, message)).await;
        assert_eq!(
            (
                failure.class,
                &*failure.code.text(),
                failure.message.as_str()
            ),
            (class, code, message)
        );
        assert!(
            failure
                .request_id
                .is_some_and(|id| id.starts_with("f4ce575f-"))
        );
    }
}

#[tokio::test]
async fn answers_that_are_not_stss_are_judged_by_what_they_are() {
    let raw = |status, content_type, body: &str| Behaviour::Raw {
        status,
        content_type,
        body: body.to_owned(),
    };
    let ceph =
        "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><RequestId>tx7</RequestId></Error>";
    for (behaviour, class, code) in [
        (Behaviour::Throttle, Class::Throttled, "Throttling"),
        (Behaviour::Html502, Class::Transient, "HttpStatus502"),
        (Behaviour::Empty500, Class::Transient, "HttpStatus500"),
        (Behaviour::MissingFields, Class::BadReply, "InvalidReply"),
        (
            raw(200, "text/html", "<html>welcome</html>"),
            Class::BadReply,
            "InvalidReply",
        ),
        (raw(200, "text/xml", ""), Class::BadReply, "InvalidReply"),
        (
            raw(200, "text/xml", "<a><b>"),
            Class::BadReply,
            "InvalidReply",
        ),
        (
            raw(404, "text/plain", "no such page"),
            Class::Transient,
            "HttpStatus404",
        ),
        (
            raw(429, "text/plain", ""),
            Class::Throttled,
            "HttpStatus429",
        ),
        (
            raw(403, "application/xml", ceph),
            Class::Denied,
            "AccessDenied",
        ),
        (
            Behaviour::AssumedRole("arn:aws:sts::111122223333:assumed-role/other/x".into()),
            Class::Role,
            "RoleMismatch",
        ),
    ] {
        let (failure, _) = outcome(behaviour.clone()).await;
        assert_eq!(
            (failure.class, &*failure.code.text()),
            (class, code),
            "{behaviour:?}: {failure:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_names_no_role_is_believed_unless_it_is_aws() {
    let sts = FakeSts::start();
    sts.set_default(Behaviour::AssumedRole(String::new()));
    let reply = enter(&client(&sts.url())).await.expect("a reply");
    assert_eq!(reply.details.assumed_role_arn, None);
    assert_eq!(reply.credentials.account.as_deref(), Some("111122223333"));
}

#[tokio::test]
async fn a_server_that_keeps_the_roles_path_is_taken_at_its_word() {
    let sts = FakeSts::start();
    let client = client(&sts.url());
    // Ceph RGW: `assumed-role` for `role`, the session behind it (generateAssumedRoleUser in its rgw_sts.cc).
    let ceph = "arn:aws:sts::111122223333:assumed-role/team/app/shop.checkout-0";
    sts.script(
        [ceph, "arn:aws:sts::111122223333:assumed-role/app/team/x"]
            .map(|arn| Behaviour::AssumedRole(arn.into())),
    );
    let reply = enter(&client).await.expect("the role that was asked for");
    assert_eq!(reply.details.assumed_role_arn.as_deref(), Some(ceph));
    let failure = enter(&client).await.expect_err("a role named team");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Role, "RoleMismatch")
    );
}

#[tokio::test]
async fn a_role_that_is_no_arn_is_sent_as_written_and_not_compared() {
    let sts = FakeSts::start();
    let role = "urn:ecs:iam::ns1:role/reader";
    let client = client(&sts.url());
    for answered in [
        "urn:ecs:sts::ns1:assumed-role/other/x",
        "arn:aws:sts::111122223333:assumed-role/other/x",
        "",
    ] {
        sts.script([Behaviour::AssumedRole(answered.into())]);
        let request = request(step_of(role, &sts.url()), Proof::Token(token()));
        let reply = exchange(&client, request).await.expect(answered);
        assert_eq!(reply.details.assumed_role_arn.unwrap_or_default(), answered);
        assert_eq!(
            reply.credentials.account.as_deref(),
            answered.starts_with("arn").then_some("111122223333")
        );
    }
    assert!(sts.calls().iter().all(|call| call.form["RoleArn"] == role));
}

/// The step of this role as the settings give it.
fn step_of(role: &str, url: &str) -> Step {
    let config = loaded(&[("AWS_ROLE_ARN", role), ("AWS_ENDPOINT_URL_STS", url)]);
    Step::clone(&config.profiles[0].steps[0])
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (sts, trap) = (FakeSts::start(), FakeSts::start());
    sts.set_default(Behaviour::Redirect(trap.url()));
    let failure = enter(&client(&sts.url())).await.expect_err("a redirect");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Config, "HttpRedirect")
    );
    assert!(trap.calls().is_empty(), "the token went elsewhere");
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let (failure, _) = outcome(Behaviour::Oversized).await;
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::BadReply, "ReplyTooLarge")
    );
}

#[tokio::test]
async fn a_body_cut_short_by_a_reset_is_no_reply() {
    let (failure, _) = outcome(Behaviour::ResetMidBody).await;
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Transient, "ConnectionReset")
    );
}

#[tokio::test]
async fn silence_and_a_dripping_body_end_after_three_seconds() {
    let (silent, dripping) = tokio::join!(outcome(Behaviour::Hang), outcome(Behaviour::SlowBody));
    for (failure, took) in [silent, dripping] {
        assert_eq!(
            (failure.class, &*failure.code.text()),
            (Class::Transient, "RequestTimeout")
        );
        assert!(took >= Duration::from_millis(2900), "{took:?}");
        for part in ["127.0.0.1:", "within 3s", "sts-timeout"] {
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }
}

#[tokio::test]
async fn the_time_of_an_attempt_is_a_setting_that_its_end_names() {
    let sts = FakeSts::start();
    let url = sts.url();
    let patient = configured(&[
        ("AWS_ENDPOINT_URL_STS", &url),
        ("STSIDECAR_STS_TIMEOUT", "8s"),
    ]);
    sts.script([Behaviour::Latency(Duration::from_millis(3500))]);
    enter(&Client::new(&patient, now).expect("a client"))
        .await
        .expect("slower than 3 s is no failure any more");
    let impatient = configured(&[
        ("AWS_ENDPOINT_URL_STS", &url),
        ("STSIDECAR_STS_TIMEOUT", "1s"),
    ]);
    let impatient = Client::new(&impatient, now).expect("a client");
    for behaviour in [Behaviour::Hang, Behaviour::SlowBody] {
        sts.script([behaviour]);
        let failure = enter(&impatient).await.expect_err("too slow");
        assert_eq!(
            (failure.class, &*failure.code.text()),
            (Class::Transient, "RequestTimeout")
        );
        assert!(
            failure.message.contains("within 1s") && failure.message.contains("sts-timeout"),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn a_slow_answer_within_the_limit_is_taken() {
    let sts = FakeSts::start();
    sts.script([Behaviour::Latency(Duration::from_millis(1200))]);
    assert!(enter(&client(&sts.url())).await.is_ok());
}

#[tokio::test]
async fn a_full_backlog_is_a_connect_time_out_after_one_second() {
    let listener = full_backlog();
    let url = format!("http://{}", listener.0.local_addr().expect("an address"));
    let client = client(&url);
    let begun = begin();
    let failure = enter(&client).await.expect_err("nobody accepts");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Transient, "ConnectTimeout"),
        "{failure:?}"
    );
    assert!(
        begun.elapsed() >= Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        failure.message.contains("within 1s"),
        "an address has a second: {}",
        failure.message
    );
}

/// A port on which the kernel answers no SYN any more, held by connections nobody accepts.
fn full_backlog() -> (tokio::net::TcpListener, Vec<std::net::TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    let listener = socket.listen(0).expect("a bound socket listens");
    let address = listener.local_addr().expect("an address");
    let mut held = Vec::new();
    while let Ok(stream) =
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100))
    {
        held.push(stream);
        assert!(held.len() < 64, "the backlog never fills");
    }
    (listener, held)
}

#[tokio::test]
async fn a_port_nobody_listens_on_and_a_name_without_address_have_codes_of_their_own() {
    let sts = FakeSts::start();
    let url = sts.url();
    drop(sts);
    let refused = enter(&client(&url)).await.expect_err("nobody listens");
    assert_eq!(
        (refused.class, &*refused.code.text()),
        (Class::Transient, "ConnectionRefused")
    );
    assert!(
        refused.message.contains(&url["http://".len()..]),
        "{}",
        refused.message
    );
    // A label of more than 63 characters fails in the resolver itself: no name server is asked.
    let unresolved = enter(&client(&format!("http://{}.invalid", "a".repeat(64))))
        .await
        .expect_err("no such name");
    assert_eq!(
        (unresolved.class, &*unresolved.code.text()),
        (Class::Transient, "NameNotResolved"),
        "{unresolved:?}"
    );
}

#[tokio::test]
async fn refused_signers_make_the_step_before_due() {
    let sts = FakeSts::start();
    let client = client(&sts.url());
    let parent = enter(&client).await.expect("a reply").credentials;
    for (status, code, message, class) in [
        (
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
            Class::Source,
        ),
        (
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            Class::Source,
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match",
            Class::Source,
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "Signature expired: 20260101T000000Z is now earlier than",
            Class::Clock,
        ),
        (
            403,
            "AccessDenied",
            "User: x is not authorized to perform: sts:AssumeRole on resource: y",
            Class::Denied,
        ),
        (
            400,
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            Class::DurationTooLong,
        ),
    ] {
        sts.script([Behaviour::error(status, code, message)]);
        let failure = hop(&client, parent.clone()).await.expect_err(code);
        assert_eq!((failure.class, &*failure.code.text()), (class, code));
    }
    sts.set_clock_offset(7200);
    let failure = hop(&client, parent)
        .await
        .expect_err("the parent has expired at the server");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Source, "ExpiredToken")
    );
}

#[tokio::test]
async fn no_connection_outlives_its_call_for_long() {
    let sts = FakeSts::start();
    let bad = [
        Behaviour::Hang,
        Behaviour::SlowBody,
        Behaviour::ResetMidBody,
        Behaviour::Oversized,
    ];
    sts.script(
        bad.iter()
            .flat_map(|behaviour| std::iter::repeat_n(behaviour.clone(), 10)),
    );
    let client = client(&sts.url());
    let client = Arc::new(client);
    let mut attempts = JoinSet::new();
    for _ in 0..40 {
        let client = Arc::clone(&client);
        attempts.spawn(async move { enter(&client).await });
    }
    assert!(attempts.join_all().await.iter().all(Result::is_err));
    assert_eq!(sts.calls().len(), 40);
    let begun = begin();
    while sts.open_connections() > 0 {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "a connection stays open"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_chain_uses_one_connection_which_is_closed_soon_after() {
    let sts = FakeSts::start();
    let client = client(&sts.url());
    let entry = enter(&client).await.expect("a reply").credentials;
    let next = hop(&client, entry).await.expect("a reply").credentials;
    hop(&client, next).await.expect("a reply");
    assert_eq!((sts.accepted_connections(), sts.open_connections()), (1, 1));
    let begun = begin();
    while sts.open_connections() > 0 {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "the connection waits for the next refresh"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_same_port_works_again_after_an_outage() {
    let sts = FakeSts::start();
    let (url, port) = (sts.url(), sts.port());
    let client = client(&url);
    enter(&client).await.expect("up");
    drop(sts);
    enter(&client).await.expect_err("down");
    let sts = FakeSts::start_at(port);
    enter(&client).await.expect("up again");
    assert_eq!(sts.calls().len(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_has_closed_costs_no_failure() {
    let sts = FakeSts::start();
    let (client, port) = (client(&sts.url()), sts.port());
    enter(&client).await.expect("a reply");
    drop(sts);
    let sts = FakeSts::start_at(port);
    enter(&client).await.expect("a reply over a new connection");
    assert_eq!(sts.accepted_connections(), 1);
}
