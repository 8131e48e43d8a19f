//! `credential-process` as an SDK runs it: what it asks, what it prints and how it ends.

use super::*;

fn credential_process(answer: &'static str) -> (Outcome, String) {
    let (address, served) = agent(answer);
    let flags = [
        "credential-process",
        "--listen",
        &address,
        "--authorization-token-file",
        "/token",
    ];
    let outcome = outcome(&flags, &[]);
    (outcome, served.join().expect("one request"))
}

#[test]
fn credential_process_translates_what_the_endpoint_vends() {
    let vended = json!({"AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T",
                        "Expiration": "2026-11-22T07:00:00Z", "RoleArn": "x", "AccountId": "1"});
    let (outcome, head) = credential_process(http(200, &vended));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let printed: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(
        printed,
        json!({"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": "T",
                               "Expiration": "2026-11-22T07:00:00Z", "AccountId": "1"})
    );
    assert!(
        head.starts_with("GET /v1/credentials HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains("\r\nAuthorization: secret-of-the-client\r\n"),
        "{head}"
    );
}

#[test]
fn credential_process_presents_a_token_without_its_byte_order_mark() {
    let (address, served) = agent(http(403, &json!({"code": "AccessDenied", "message": "no"})));
    outcome(
        &[
            "credential-process",
            "--listen",
            &address,
            "--authorization-token-file=/token-from-windows",
        ],
        &[],
    );
    assert!(
        served
            .join()
            .expect("one request")
            .contains("\r\nAuthorization: secret-of-the-client\r\n")
    );
}

#[test]
fn credential_process_passes_a_refusal_on_and_prints_no_secret() {
    let (outcome, _) = credential_process(http(
        403,
        &json!({"code": "AccessDenied", "message": "no\n", "x": 1}),
    ));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert_eq!(outcome.stderr, "stsidecar: AccessDenied: no\\n\n");
    let (outcome, _) = credential_process(http(
        200,
        &json!({"AccessKeyId": "A", "SecretAccessKey": "canary"}),
    ));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert!(!outcome.stderr.contains("canary"));
}
