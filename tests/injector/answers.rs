//! What becomes of a pod, and which answer, event and count come of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api_server::status;
use crate::reviews::{ACCOUNT, NAMESPACE, ROLE, patched, review, with_role};
use crate::running::{Running, start};

fn asking() -> Value {
    json!({ "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE })
}

#[tokio::test]
async fn a_pod_whose_service_account_names_a_role_is_injected_once() {
    let running = start().await;
    with_role(&running.api);
    let first = review(&json!({}), &json!([]));
    let response = running.review(&first).await;
    let pod = patched(&first, &response);
    assert_eq!(pod["spec"]["initContainers"][0]["name"], "stsidecar");
    assert!(pod.to_string().contains(ROLE), "{pod}");
    assert_eq!(response["warnings"], Value::Null);
    // The second call: the patch made the API server ask again.
    let mut second = first;
    second["request"]["object"] = pod;
    assert_eq!(
        running.review(&second).await,
        json!({ "uid": "u-1", "allowed": true })
    );
    assert_eq!(running.counted("injected", "").await, 1);
    assert_eq!(
        running.api.calls("GET", "/namespaces/team").len(),
        4,
        "two reads for each call"
    );
}

#[tokio::test]
async fn objects_that_do_not_exist_are_nothing() {
    let running = start().await;
    let response = running.review(&review(&asking(), &json!([]))).await;
    assert_eq!(response["patchType"], "JSONPatch");
}

#[tokio::test]
async fn a_denial_names_the_key_and_is_counted_by_its_reason() {
    let running = start().await;
    let typo = json!({ "stsidecar.dev/inject": "true", "stsidecar.dev/role-anr": ROLE });
    let response = running.review(&review(&typo, &json!([]))).await;
    assert_eq!(
        (&response["allowed"], &response["status"]["code"]),
        (&false.into(), &403.into())
    );
    let message = response["status"]["message"].as_str().expect("text");
    assert!(
        message.starts_with("stsidecar: ") && message.contains("role-anr"),
        "{message}"
    );
    assert_eq!(running.counted("denied", "unknown_key").await, 1);
    assert!(
        running.api.calls("POST", "events").is_empty(),
        "FailedCreate carries the text"
    );
}

#[tokio::test]
async fn a_warning_is_an_event_on_the_owner_and_never_one_of_a_dry_run() {
    let running = start().await;
    let env = json!([{ "name": "AWS_PROFILE", "value": "dev" }]);
    let mut dry = review(&asking(), &env);
    dry["request"]["dryRun"] = true.into();
    let response = running.review(&dry).await;
    let warning = response["warnings"][0]
        .as_str()
        .expect("a warning")
        .to_owned();
    assert!(
        warning.starts_with("stsidecar: ") && warning.contains("AWS_PROFILE"),
        "{warning}"
    );
    running.review(&review(&asking(), &env)).await;
    let calls = running
        .api
        .called("POST", "/api/v1/namespaces/team/events", 1)
        .await;
    let event = &calls[0].body;
    assert_eq!(
        (&event["reason"], &event["type"]),
        (&"InjectionWarning".into(), &"Warning".into())
    );
    assert_eq!(event["involvedObject"]["uid"], "uid-of-web-1");
    assert_eq!(event["message"], warning.trim_start_matches("stsidecar: "));
    // The next pod of the same owner raises the count.
    running.review(&review(&asking(), &env)).await;
    let name = event["metadata"]["name"].as_str().expect("a name");
    let patches = running.api.called("PATCH", name, 1).await;
    assert_eq!(patches[0].body["count"], 2);
    assert_eq!(
        running.api.calls("POST", "events").len(),
        1,
        "the dry run left no event"
    );
}

#[tokio::test]
async fn a_pod_that_only_its_namespace_asked_for_is_left_alone_and_its_owner_learns_why() {
    let running = start().await;
    with_role(&running.api);
    let env = json!([{ "name": "AWS_ROLE_ARN", "value": ROLE }]);
    let response = running.review(&review(&json!({}), &env)).await;
    assert_eq!(
        (&response["allowed"], &response["patch"]),
        (&true.into(), &Value::Null)
    );
    assert!(
        response["warnings"][0]
            .as_str()
            .expect("a warning")
            .starts_with("stsidecar: not injected: ")
    );
    let calls = running
        .api
        .called("POST", "/api/v1/namespaces/team/events", 1)
        .await;
    assert_eq!(calls[0].body["reason"], "InjectionSkipped");
    assert_eq!(running.counted("skipped", "conflict").await, 1);
}

#[tokio::test]
async fn a_silent_pod_without_a_role_is_admitted_in_silence() {
    let running = start().await;
    running.api.set(
        NAMESPACE,
        200,
        json!({ "metadata": { "labels": { "stsidecar.dev/injection": "enabled" } } }),
    );
    let response = running.review(&review(&json!({}), &json!([]))).await;
    assert_eq!(response, json!({ "uid": "u-1", "allowed": true }));
    assert_eq!(running.counted("skipped", "no_role").await, 1);
}

/// The message of a review that is refused because an object could not be read.
async fn unread(running: &Running) -> String {
    let response = running.review(&review(&asking(), &json!([]))).await;
    let refused = (&response["allowed"], &response["status"]["code"]);
    assert_eq!(refused, (&false.into(), &500.into()));
    response["status"]["message"]
        .as_str()
        .expect("text")
        .to_owned()
}

#[tokio::test]
async fn an_api_server_that_is_slow_or_refuses_denies_with_the_object_and_what_to_do() {
    let running = start().await;
    running.api.set(NAMESPACE, 200, json!({}));
    let says = |code, message: &str| running.api.set(ACCOUNT, code, status(code, message));
    says(403, "serviceaccounts is forbidden");
    let refused = unread(&running).await;
    let beginning = "stsidecar: cannot read ServiceAccount team/app: the API server says 403";
    assert!(refused.starts_with(beginning), "{refused}");
    for part in ["forbidden", "ClusterRole"] {
        assert!(refused.contains(part), "{refused}");
    }
    says(401, "Unauthorized");
    let expired = unread(&running).await;
    assert!(expired.contains("says 401"), "{expired}");
    assert!(
        expired.ends_with("controllers do so by themselves"),
        "{expired}"
    );
    for code in [429, 503] {
        says(code, "too busy");
        let (busy, said) = (unread(&running).await, format!("says {code}: too busy"));
        assert!(
            busy.contains(&format!("{said}; create the pod again")),
            "{busy}"
        );
    }
    running.api.set(ACCOUNT, 200, json!({}));
    running
        .api
        .slow("/api/v1/namespaces/team", Duration::from_secs(30));
    let began = Instant::now();
    let slow = unread(&running).await;
    for part in ["team", "within 1s; create the pod again"] {
        assert!(slow.contains(part), "{slow}");
    }
    let waited = began.elapsed();
    assert!(
        waited < Duration::from_secs(25),
        "{waited:?}: it waited for the API server"
    );
    assert_eq!(running.counted("error", "read_failed").await, 5);
}

#[tokio::test]
async fn a_forged_review_leads_to_no_other_path_of_the_api_server() {
    let running = start().await;
    running.ready().await;
    let before = running.api.calls("GET", "").len();
    let mut forged = review(&asking(), &json!([]));
    forged["request"]["namespace"] = "../../apis".into();
    let response = running.review(&forged).await;
    assert_eq!(response["allowed"], false);
    let mut forged = review(&asking(), &json!([]));
    forged["request"]["object"]["spec"]["serviceAccountName"] = "x/../../secrets/y".into();
    assert_eq!(running.review(&forged).await["allowed"], false);
    let asked: Vec<String> = running
        .api
        .calls("GET", "")
        .into_iter()
        .skip(before)
        .map(|call| call.target)
        .collect();
    assert!(
        asked
            .iter()
            .all(|target| target == "/api/v1/namespaces/team"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_forged_name_is_not_repeated_at_length() {
    let running = start().await;
    let name = "x".repeat(1 << 20);
    let mut of_namespace = review(&asking(), &json!([]));
    of_namespace["request"]["namespace"] = name.clone().into();
    let mut of_account = review(&asking(), &json!([]));
    of_account["request"]["object"]["spec"]["serviceAccountName"] = name.into();
    for forged in [of_namespace, of_account] {
        let answer = running.post(forged.to_string().as_bytes()).await.text;
        assert!(
            answer.contains("is not the name of an object") && answer.len() < 4096,
            "{} bytes",
            answer.len()
        );
    }
}

#[tokio::test]
async fn events_that_cannot_be_posted_delay_no_admission() {
    let running = start().await;
    running.api.slow("/events", Duration::from_mins(1));
    with_role(&running.api);
    let env = json!([{ "name": "AWS_ROLE_ARN", "value": ROLE }]);
    let began = Instant::now();
    let mut stream = running.connect().await.expect("a handshake");
    // More than the queue holds.
    for _ in 0..300 {
        let body = review(&json!({}), &env).to_string();
        let head = format!(
            "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        tokio::io::AsyncWriteExt::write_all(&mut stream, format!("{head}{body}").as_bytes())
            .await
            .expect("open");
        assert_eq!(
            crate::running::Answer::read(&mut stream)
                .await
                .expect("an answer")
                .status,
            200
        );
    }
    assert!(
        began.elapsed() < Duration::from_mins(1),
        "{:?}: each waited for its event",
        began.elapsed()
    );
    assert_eq!(running.counted("skipped", "conflict").await, 300);
}
