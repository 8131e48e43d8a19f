//! Reviews on the wire: what is read, what is refused, what is answered.

use super::*;

fn review() -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1", "kind": { "group": "", "version": "v1", "kind": "Pod" }, "namespace": "team",
            "operation": "CREATE", "object": { "spec": {}, "unknown": [1.5, null] }, "oldObject": null,
            "options": {}, "somethingOfLater": true,
        },
    })
}

fn parsed(review: &Value) -> Result<Review, String> {
    Review::parse(review.to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn a_review_is_read_with_its_pod_untouched() {
    let Ok(read) = parsed(&review()) else {
        panic!("it is right")
    };
    assert_eq!(
        (read.uid.as_str(), read.namespace.as_str(), read.dry_run),
        ("u-1", "team", false)
    );
    assert_eq!(read.pod, review()["request"]["object"]);
    let mut dry = review();
    dry["request"]["dryRun"] = true.into();
    assert!(parsed(&dry).is_ok_and(|read| read.dry_run));
}

#[test]
fn what_is_no_creation_of_a_pod_is_refused_by_the_field() {
    for (pointer, value, said) in [
        (
            "/apiVersion",
            json!("admission.k8s.io/v1beta1"),
            "apiVersion is \"admission.k8s.io/v1beta1\"",
        ),
        ("/kind", json!("Pod"), "kind is \"Pod\""),
        (
            "/request/kind/kind",
            json!("Deployment"),
            "request.kind is \"Deployment\", expected \"Pod\"",
        ),
        (
            "/request/kind/group",
            json!("apps"),
            "request.kind's version is \"apps/v1\"",
        ),
        (
            "/request/operation",
            json!("UPDATE"),
            "request.operation is \"UPDATE\"",
        ),
        (
            "/request/uid",
            json!(7),
            "a field is missing or of the wrong kind",
        ),
        (
            "/request",
            Value::Null,
            "a field is missing or of the wrong kind",
        ),
    ] {
        let mut wrong = review();
        *wrong.pointer_mut(pointer).expect("there") = value;
        let Err(error) = parsed(&wrong) else {
            panic!("{said}")
        };
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_broken_body_is_an_error_that_repeats_nothing_of_it() {
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "{",
        "canary",
        "[]",
        "null",
        "{\"apiVersion\":\"canary",
        deep.as_str(),
        "\u{0}",
    ] {
        let Err(error) = Review::parse(body.as_bytes()) else {
            panic!("{body} is none")
        };
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[test]
fn memory_is_counted_from_what_is_outside_of_texts() {
    assert_eq!(
        memory_needed("{\"\":0},".repeat(1 << 20).as_bytes()),
        MOST_MEMORY
    );
    let needed = |text: &str| memory_needed(text.repeat(1024).as_bytes());
    let of =
        |text: &str, objects: usize, values: usize| text.len() + objects * OBJECT + values * VALUE;
    for (text, objects, values) in [
        (r#"{"a":1}"#, 1, 0),
        (r#"{"a,[{":"\",\\\"[{","b":[]}"#, 1, 2),
        (r#"{"a":"\\","b":[1,2],"c":{}}"#, 1, 4),
    ] {
        assert_eq!(needed(text) as usize, of(text, objects, values), "{text}");
    }
}

fn response(verdict: &Verdict) -> Value {
    let answer: Value = serde_json::from_slice(&verdict.body("u-1")).expect("JSON");
    assert_eq!(
        (&answer["apiVersion"], &answer["kind"]),
        (&API_VERSION.into(), &KIND.into())
    );
    assert_eq!(answer["response"]["uid"], "u-1");
    answer["response"].clone()
}

#[test]
fn an_answer_holds_what_the_verdict_says_and_nothing_else() {
    let patch = br#"[{"op":"add","path":"/a","value":1}]"#;
    let patched = response(&Verdict::Admitted {
        patch: Some(patch.to_vec()),
        warnings: vec!["w".to_owned()],
    });
    let encoded = patched["patch"].as_str().expect("base64");
    assert_eq!(STANDARD.decode(encoded).expect("base64"), patch);
    assert_eq!(patched["warnings"], json!(["stsidecar: w"]));
    assert_eq!(
        (&patched["allowed"], &patched["patchType"]),
        (&true.into(), &"JSONPatch".into())
    );
    let plain = response(&Verdict::Admitted {
        patch: None,
        warnings: Vec::new(),
    });
    assert_eq!(plain, json!({ "uid": "u-1", "allowed": true }));
    let refused = response(&Verdict::Refused {
        code: 403,
        message: "stsidecar: no".to_owned(),
    });
    let status = json!({ "code": 403, "message": "stsidecar: no", "reason": "Forbidden", "status": "Failure" });
    assert_eq!(
        refused,
        json!({ "uid": "u-1", "allowed": false, "status": status })
    );
}

#[test]
fn a_long_warning_is_cut_to_what_the_api_server_takes() {
    let long = response(&Verdict::Admitted {
        patch: None,
        warnings: vec!["ä".repeat(400)],
    });
    let text = long["warnings"][0].as_str().expect("text");
    assert_eq!(text.chars().count(), 256);
    assert!(
        text.starts_with("stsidecar: ää") && text.ends_with("ä..."),
        "{text}"
    );
}
