//! Which owners there are, and what is posted about them.

use super::*;

#[test]
fn the_owner_is_the_reference_that_controls() {
    let reference = |name: &str, controller: bool| json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": "u", "controller": controller });
    let pod = json!({ "metadata": { "ownerReferences": [reference("no", false), reference("web-1", true)] } });
    let owner = Owner::of(&pod).expect("one controls");
    assert_eq!(
        (owner.kind.as_str(), owner.name.as_str()),
        ("ReplicaSet", "web-1")
    );
    for pod in [
        json!({}),
        json!({ "metadata": { "ownerReferences": [reference("no", false)] } }),
    ] {
        assert_eq!(Owner::of(&pod), None);
    }
    let half = json!({ "metadata": { "ownerReferences": [{ "controller": true, "name": "x" }] } });
    assert_eq!(Owner::of(&half), None);
}

#[test]
fn what_is_too_long_to_name_an_owner_names_none() {
    let reference = json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "u", "controller": true });
    for key in ["apiVersion", "kind", "name", "uid"] {
        let mut long = reference.clone();
        long[key] = "x".repeat(1 << 20).into();
        assert_eq!(
            Owner::of(&json!({ "metadata": { "ownerReferences": [long] } })),
            None,
            "{key}"
        );
    }
}

#[test]
fn the_name_of_an_event_is_that_of_an_object_however_long_its_owners_is() {
    let drawn = "0123456789abcdef0123456789abcdef";
    assert_eq!(name("web-1", drawn), "web-1.0123456789abcdef");
    for owner in [
        "x".repeat(253),
        format!("{}-{}", "x".repeat(235), "y".repeat(17)),
    ] {
        let name = name(&owner, drawn);
        assert!(is_object_name(&name) && !name.contains("-."), "{name}");
    }
}

#[tokio::test]
async fn what_waits_to_be_posted_is_short() {
    let (sender, mut events) = mpsc::channel(1);
    let text = || "x".to_owned();
    let owner = Owner {
        api_version: text(),
        kind: text(),
        name: text(),
        uid: text(),
    };
    let message = "m".repeat(1 << 20);
    Events(sender).put(Event {
        namespace: text(),
        owner,
        reason: Reason::Warned,
        message,
    });
    assert!(
        events.recv().await.expect("it was put").message.len() <= 1024,
        "it is cut"
    );
}
