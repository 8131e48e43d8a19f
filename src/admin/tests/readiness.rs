//! What `/readyz` says, and what of it to other pods.

use super::*;

#[tokio::test]
async fn ready_is_every_profile_with_ten_seconds_left_and_not_draining() {
    let agent = agent(&["default", "partner"], true);
    assert_eq!(agent.ask("/readyz").await.0, 503);
    agent.publishers[0].publish(credentials(3_600));
    assert_eq!(agent.ask("/readyz").await, (503, "not ready\n".into()));
    agent.publishers[1].publish(credentials(11));
    assert_eq!(agent.ask("/readyz").await, (200, "ok\n".into()));
    agent.publishers[1].publish(credentials(10));
    assert_eq!(agent.ask("/readyz").await.0, 503, "no latch");
    agent.publishers[1].publish(credentials(3_600));
    agent.draining.send_replace(true);
    assert_eq!(agent.ask("/readyz").await.0, 503);
}

#[tokio::test]
async fn nothing_is_ready_while_another_process_has_the_endpoints_port() {
    let agent = agent(&["default"], true);
    agent.publishers[0].publish(credentials(3_600));
    agent.listening.send_replace(false);
    assert_eq!(agent.ask("/readyz").await, (503, "not ready\n".into()));
    let (_, lines) = agent.ask("/readyz?verbose").await;
    assert!(
        lines.contains("\n[-]endpoint: its port cannot be taken"),
        "{lines}"
    );
    let (_, document) = agent.ask("/status").await;
    assert!(
        document.contains(r#""ready":false,"listening":false"#),
        "{document}"
    );
    assert!(
        document.contains(r#""ready":true"#),
        "the profile's credentials are not what is missing: {document}"
    );
    assert!(
        agent
            .ask("/metrics")
            .await
            .1
            .contains("stsidecar_ready 0\n")
    );
    agent.listening.send_replace(true);
    assert_eq!(agent.ask("/readyz").await.0, 200);
}

#[tokio::test]
async fn an_error_while_credentials_are_held_does_not_end_readiness() {
    let agent = agent(&["default"], true);
    agent.publishers[0].publish(credentials(3_600));
    agent.reports[0].send_modify(|report| report.last_error = Some(denied()));
    agent.publishers[0].publish(Published::Refused(Refused {
        status: 403,
        body: Bytes::from_static(b"{}"),
    }));
    assert_eq!(agent.ask("/readyz").await.0, 200);
}

#[tokio::test]
async fn verbose_readiness_has_a_line_for_each_condition_and_the_role_for_this_pod_only() {
    let agent = agent(&["default", "partner"], true);
    agent.publishers[0].publish(credentials(3_600));
    let target = "/readyz?timeout=1s&verbose";
    let waiting = "[+]profile default ok\n[-]profile partner: no credentials yet\n[+]endpoint ok\n[+]draining ok\nreadyz check failed\n";
    assert_eq!(
        agent.ask_as(target, "10.0.0.7").await,
        (503, waiting.into())
    );

    agent.reports[1].send_modify(|report| report.last_error = Some(denied()));
    let (_, local) = agent.ask_as(target, "::ffff:127.0.0.1").await;
    let reason = "AccessDenied  [+]profile fake ok: check the trust policy";
    assert!(
        local.contains(&format!("\n[-]profile partner: role {ARN}: {reason}\n")),
        "{local}"
    );
    let (_, remote) = agent.ask_as(target, "10.0.0.7").await;
    assert!(
        remote.contains(&format!("\n[-]profile partner: {reason}\n")),
        "{remote}"
    );
    assert!(!remote.contains("111122223333"), "{remote}");

    agent.publishers[1].publish(credentials(3_600));
    agent.draining.send_replace(true);
    let (status, text) = agent.ask(target).await;
    assert_eq!(status, 503);
    assert!(
        text.ends_with("[-]draining: the agent is shutting down\nreadyz check failed\n"),
        "{text}"
    );
}

#[tokio::test]
async fn in_a_chain_the_readiness_page_names_the_role_that_was_refused() {
    let agent = agent(&["default"], true);
    let hop = |role: &str| HopReport {
        role_arn: Some(format!("arn:aws:iam::1:role/{role}")),
        ..HopReport::default()
    };
    agent.reports[0].send_modify(|report| {
        (report.hops, report.last_error) = (vec![hop("entry"), hop("app")], Some(denied()));
    });
    let (_, page) = agent.ask("/readyz?verbose").await;
    assert!(
        page.contains("role arn:aws:iam::1:role/entry: AccessDenied"),
        "{page}"
    );
}
