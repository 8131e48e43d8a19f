//! What is no review, what is too much, and TLS.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::reviews::{ROLE, patched, review};
use crate::running::{Answer, BOUND, connect, start};

#[tokio::test]
async fn what_is_no_review_is_refused_by_http() {
    let running = start().await;
    for (request, status, said) in [
        ("GET /inject HTTP/1.1\r\nhost: x\r\n\r\n", 405, "use POST"),
        (
            "POST /other HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
            404,
            "/inject",
        ),
        (
            "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: 4194305\r\n\r\n",
            413,
            "4 MiB",
        ),
        (
            "POST /inject HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            411,
            "Content-Length",
        ),
        (
            "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
            400,
            "not an AdmissionReview",
        ),
        (
            "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\ncanary",
            400,
            "it is not JSON",
        ),
    ] {
        let answer = running.send(request.as_bytes()).await;
        assert_eq!(answer.status, status, "{request}");
        assert!(
            answer.text.contains(said) && !answer.text.contains("canary"),
            "{}",
            answer.text
        );
    }
    let mut scale = review(&json!({}), &json!([]));
    scale["request"]["operation"] = "UPDATE".into();
    let answer = running.post(scale.to_string().as_bytes()).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.text.contains("request.operation is \"UPDATE\""),
        "{}",
        answer.text
    );
    assert_eq!(running.counted("error", "bad_review").await, 3);
}

#[tokio::test]
async fn a_client_that_has_closed_its_side_gets_its_review_answered() {
    let running = start().await;
    running
        .api
        .slow("serviceaccounts", Duration::from_millis(300));
    let body = review(&json!({ "stsidecar.dev/role-arn": ROLE }), &json!([])).to_string();
    let head = format!(
        "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = running.connect().await.expect("a handshake");
    stream
        .write_all(&[head.as_bytes(), body.as_bytes()].concat())
        .await
        .expect("open");
    stream.shutdown().await.expect("open");
    let answer = Answer::read(&mut stream).await.expect("an answer");
    assert!(
        answer.status == 200 && answer.text.contains("\"uid\":\"u-1\""),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_refused_request_with_a_body_ends_its_connection() {
    let running = start().await;
    for (request, status) in [
        (
            "GET /inject HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
            405,
        ),
        (
            "POST /other HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
            404,
        ),
        (
            "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: 4194305\r\nexpect: 100-continue\r\n\r\n",
            413,
        ),
        (
            "POST /inject HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            411,
        ),
    ] {
        let mut stream = running.connect().await.expect("a handshake");
        stream.write_all(request.as_bytes()).await.expect("open");
        let answer = Answer::read(&mut stream).await.expect("an answer");
        assert_eq!(answer.status, status, "{request}");
        assert!(
            answer.head.contains("\r\nconnection: close"),
            "{request}: {}",
            answer.head
        );
        let mut rest = Vec::new();
        let end = timeout(BOUND, stream.read_to_end(&mut rest))
            .await
            .expect("closed");
        assert!(end.is_err() || rest.is_empty(), "{request}");
    }
    let mut stream = tokio::net::TcpStream::connect(running.health)
        .await
        .expect("a listener");
    let request = "POST /readyz HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("open");
    let mut text = String::new();
    timeout(BOUND, stream.read_to_string(&mut text))
        .await
        .expect("closed")
        .expect("text");
    assert!(
        text.starts_with("HTTP/1.1 405 ") && text.matches("HTTP/1.1 ").count() == 1,
        "{text}"
    );
}

#[tokio::test]
async fn a_pod_that_would_need_too_much_memory_is_refused() {
    let running = start().await;
    let forged = review(&json!({}), &json!("HERE")).to_string();
    let body = forged.replace("\"HERE\"", &format!("[{}0]", r#"{"":0},"#.repeat(500_000)));
    let answer = running.post(body.as_bytes()).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.text.contains("the pod needs too much memory"),
        "{}",
        answer.text
    );
}

/// In seconds: 50 ms is what is promised; unoptimised code on a busy machine is given more.
const LARGE_TAKES: f64 = if cfg!(debug_assertions) { 30.0 } else { 0.05 };

/// As large as etcd takes, with three hundred containers.
#[tokio::test]
async fn a_pod_of_a_megabyte_and_a_half_is_injected() {
    let running = start().await;
    let mut large = review(
        &json!({ "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE }),
        &json!([]),
    );
    let containers = (0..300).map(|at| {
        let env =
            (0..72).map(|at| json!({ "name": format!("NAME_{at}"), "value": "x".repeat(40) }));
        json!({ "name": format!("app-{at}"), "image": "app", "env": env.collect::<Vec<_>>() })
    });
    large["request"]["object"]["spec"]["containers"] = containers.collect();
    let body = large.to_string();
    assert!(body.len() > 1_500_000, "{}", body.len());
    let response = running.review(&large).await;
    let pod = patched(&large, &response);
    let given = |container: &serde_json::Value| {
        let env = container["env"].as_array().expect("a list");
        env.iter()
            .any(|variable| variable["name"] == "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    };
    assert!(
        pod["spec"]["containers"]
            .as_array()
            .expect("a list")
            .iter()
            .all(given)
    );
    let text = running.page("/metrics").await.text;
    let sum = text
        .split("_admission_duration_seconds_sum ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let took: f64 = sum.expect("a sum").parse().expect("a number");
    println!("{} bytes in {took} s", body.len());
    assert!(took < LARGE_TAKES, "{took} s");
}

#[tokio::test]
async fn the_certificate_handed_in_is_shown_and_nothing_but_tls_is_answered() {
    let running = start().await;
    assert!(
        connect(running.webhook, "ca.pem", "localhost")
            .await
            .is_ok()
    );
    assert!(
        connect(running.webhook, "other-ca.pem", "localhost")
            .await
            .is_err(),
        "another CA"
    );
    assert!(
        connect(running.webhook, "ca.pem", "elsewhere.example")
            .await
            .is_err(),
        "another name"
    );
    let mut plain = TcpStream::connect(running.webhook)
        .await
        .expect("a listener");
    plain
        .write_all(b"POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        .await
        .expect("open");
    let mut said = Vec::new();
    let _ = timeout(BOUND, plain.read_to_end(&mut said))
        .await
        .expect("it is closed");
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
}

#[tokio::test]
async fn who_does_not_get_on_with_the_handshake_is_closed() {
    let running = start().await;
    let mut silent = TcpStream::connect(running.webhook)
        .await
        .expect("a listener");
    let began = Instant::now();
    let read = timeout(BOUND, silent.read(&mut [0; 16]))
        .await
        .expect("it is closed");
    assert!(matches!(read, Ok(0) | Err(_)));
    assert!(began.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn a_hostile_object_is_refused_and_ends_nothing() {
    let running = start().await;
    let asks = json!({ "annotations": { "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE } });
    let app = json!({ "name": "app", "image": "app" });
    let deep = (0..100).fold(json!({}), |inner, _| json!({ "spec": inner }));
    for object in [
        json!(null),
        json!([]),
        json!("pod"),
        json!({}),
        json!({ "metadata": [], "spec": {} }),
        json!({ "metadata": asks, "spec": null }),
        json!({ "metadata": asks, "spec": { "containers": {} } }),
        json!({ "metadata": asks, "spec": { "containers": [null] } }),
        json!({ "metadata": asks, "spec": { "containers": [app, app] } }),
        json!({ "metadata": asks, "spec": { "containers": [{ "name": "x".repeat(1 << 16) }] } }),
        json!({ "metadata": asks, "spec": { "containers": [app], "initContainers": [7], "volumes": [7] } }),
        json!({ "metadata": { "annotations": { "stsidecar.dev/inject": true } }, "spec": { "containers": [app] } }),
        json!({ "metadata": { "annotations": { "stsidecar.dev/inject": null } }, "spec": { "containers": [app] } }),
        json!({ "metadata": { "labels": 7, "ownerReferences": { "controller": true } }, "spec": deep }),
    ] {
        let mut forged = review(&json!({}), &json!([]));
        forged["request"]["object"] = object.clone();
        let response = running.review(&forged).await;
        assert_eq!(response["allowed"], false, "{object}");
        let message = response["status"]["message"].as_str().expect("text");
        assert!(
            message.starts_with("stsidecar: ") && message.len() < 1024,
            "{message}"
        );
    }
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for depth in [200, 1_000_000] {
        let text = review(&json!({}), &json!([])).to_string();
        let forged = text.replace(
            "\"object\":{",
            &format!("\"object\":{{\"x\":{},", nested(depth)),
        );
        assert_eq!(running.post(forged.as_bytes()).await.status, 400, "{depth}");
    }
    assert_eq!(
        running
            .review(&review(&asks["annotations"], &json!([])))
            .await["allowed"],
        true
    );
}
