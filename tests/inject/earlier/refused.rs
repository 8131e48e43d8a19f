//! What never was ours is refused, and an image is replaced only in a pod that an injection marked.

use serde_json::{Value, json};

use super::{Change, called, case, injected, lay, sidecar_mut};

#[test]
fn what_never_was_ours_is_refused() {
    let changes: [(&str, Change); 27] = [
        ("command", |own| own["command"] = json!(["/bin/sh"])),
        ("command", |own| {
            own["command"] = json!(["/stsidecar", "status"]);
        }),
        ("command", |own| own["command"] = Value::Null),
        ("args", |own| {
            own["args"] = json!(["run", "--log-level=trace"]);
        }),
        ("args", |own| own["args"] = json!([])),
        ("restartPolicy", |own| own["restartPolicy"] = Value::Null),
        ("image", |own| own["image"] = "evil".into()),
        ("image", |own| {
            own["image"] = "evil.example/agent:0.1.0".into();
        }),
        ("image", |own| own["image"] = Value::Null),
        ("image", |own| {
            own["image"] = format!(
                "ghcr.io/stsidecar/stsidecar/x:{}",
                env!("CARGO_PKG_VERSION")
            )
            .into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["privileged"] = true.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["runAsUser"] = 0.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["runAsGroup"] = 0.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["runAsNonRoot"] = false.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["readOnlyRootFilesystem"] = false.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["allowPrivilegeEscalation"] = true.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["capabilities"]["add"] = json!(["SYS_PTRACE"]);
        }),
        ("securityContext", |own| {
            own["securityContext"]["capabilities"] = json!({ "drop": ["NET_RAW"] });
        }),
        ("securityContext", |own| {
            own["securityContext"]["seccompProfile"] = json!({ "type": "Unconfined" });
        }),
        ("securityContext", |own| {
            own["securityContext"]["appArmorProfile"] = json!({ "type": "Unconfined" });
        }),
        ("securityContext", |own| {
            own["securityContext"]["seLinuxOptions"] = json!({ "type": "spc_t" });
        }),
        ("securityContext", |own| {
            own["securityContext"]["procMount"] = "Unmasked".into();
        }),
        ("securityContext", |own| {
            own["securityContext"] = Value::Null;
        }),
        ("securityContext", |own| own["securityContext"] = json!({})),
        ("volumeMounts", |own| mount(own, "theirs", "/stsidecar")),
        ("volumeMounts", |own| {
            mount(own, "theirs", "/x/..//stsidecar/");
        }),
        ("volumeMounts", |own| {
            mount(
                own,
                "theirs",
                "/var/run/secrets/stsidecar.dev/serviceaccount/token",
            );
        }),
    ];
    let case = case(Value::Null);
    let first = injected(&case);
    for (at, (field, change)) in changes.into_iter().enumerate() {
        let mut pod = first.clone();
        change(sidecar_mut(&mut pod));
        let refused = called(&case, &pod).expect_err(&format!("{at}: {field}"));
        assert!(
            refused.contains("stsidecar is reserved") && refused.contains(field),
            "{at}: {refused}"
        );
    }
}

fn mount(container: &mut Value, volume: &str, path: &str) {
    lay(
        container,
        &json!({ "volumeMounts": [{ "name": volume, "mountPath": path }] }),
    );
}

#[test]
fn an_earlier_image_is_replaced_only_in_a_pod_that_an_injection_marked() {
    let case = case(Value::Null);
    let mut pod = injected(&case);
    let first = pod.clone();
    sidecar_mut(&mut pod)["image"] = "ghcr.io/stsidecar/stsidecar:0.0.9".into();
    assert_eq!(called(&case, &pod).expect("another version's"), first);
    pod["metadata"]["annotations"]
        .as_object_mut()
        .expect("a map")
        .remove("stsidecar.dev/status");
    assert!(
        called(&case, &pod)
            .expect_err("an author's")
            .contains("image")
    );
}

#[test]
fn our_volumes_are_for_us_alone() {
    let case = case(Value::Null);
    let first = injected(&case);
    let changes: [Change; 9] = [
        |pod| {
            mount(
                &mut pod["spec"]["containers"][0],
                "stsidecar-token",
                "/loot",
            );
        },
        |pod| {
            mount(
                &mut pod["spec"]["containers"][0],
                "stsidecar-state",
                "/loot",
            );
        },
        |pod| {
            mount(
                &mut pod["spec"]["containers"][0],
                "stsidecar-endpoints",
                "/loot",
            );
        },
        |pod| {
            mount(
                &mut pod["spec"]["containers"][0],
                "theirs",
                "//var/run/./secrets/stsidecar.dev/endpoint",
            );
        },
        |pod| pod["spec"]["containers"][0]["volumeMounts"][0]["subPath"] = "worker".into(),
        |pod| {
            pod["spec"]["volumes"][0] =
                json!({ "name": "stsidecar-token", "hostPath": { "path": "/" } });
        },
        |pod| {
            pod["spec"]["volumes"][1] =
                json!({ "name": "stsidecar-endpoints", "hostPath": { "path": "/tmp" } });
        },
        |pod| {
            pod["spec"]["volumes"][0]["projected"]["sources"] =
                json!([{ "secret": { "name": "s" } }]);
        },
        |pod| {
            let volumes = pod["spec"]["volumes"].as_array_mut().expect("volumes");
            volumes.push(json!({ "name": "stsidecar-mine", "emptyDir": {} }));
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut pod = first.clone();
        change(&mut pod);
        let refused = called(&case, &pod).expect_err(&format!("change {at}"));
        assert!(refused.contains("reserved"), "{at}: {refused}");
    }
}
