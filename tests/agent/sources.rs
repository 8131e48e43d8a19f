//! Sources other than the token, where time and files matter: codes that are not due yet, keys that
//! change.

use std::fs;

use serde_json::{Value, json};

use super::Scene;
use super::support::agent::{Agent, Launch, ROLE, until};
use super::support::fake_sts::Issued;
use super::support::fake_sts::mfa::Device;

const SERIAL: &str = "arn:aws:iam::111122223333:mfa/agent";
/// `12345678901234567890` in base 32.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const KEYS: [&str; 2] = ["AKIAFIRST00000000001", "AKIASECOND0000000002"];

pub(super) fn path(scene: &Scene, name: &str) -> String {
    scene.path(name).display().to_string()
}

/// An agent of one profile, which refreshes as often as it may.
pub(super) fn launch(scene: &Scene, profile: &Value) -> Launch {
    let token_file = path(scene, "endpoint/token");
    let clients = json!([{"name": "default", "profile": "default", "tokenFile": token_file}]);
    let document = json!({"profiles": {"default": profile}, "clients": clients});
    fs::write(scene.path("config.yaml"), document.to_string()).expect("room");
    let flags = [
        "role-arn",
        "web-identity-token-file",
        "authorization-token-file",
    ];
    let launch = flags
        .iter()
        .fold(scene.launch(), |launch, flag| launch.without(flag));
    launch.flag("config", &path(scene, "config.yaml"))
}

/// What is vended, once anything is.
pub(super) fn vended(scene: &Scene, agent: &Agent) -> Issued {
    let mut client = agent.client_with(&scene.path("endpoint/token"));
    until("a 200", || {
        let answer = client.credentials().expect("an answer to every request");
        (answer.status == 200).then(|| answer.issued().expect("credentials"))
    })
}

fn write_keys(scene: &Scene, key: &str) {
    let secret = format!("secret-of-{key}");
    scene.sts.add_user(key, &secret);
    let file = format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
    fs::write(scene.path("credentials"), file).expect("room");
}

#[test]
fn while_a_code_is_not_due_yet_the_hops_behind_go_on_and_nothing_fails() {
    let scene = Scene::new();
    write_keys(&scene, KEYS[0]);
    fs::write(scene.path("secret"), SECRET).expect("room");
    scene
        .sts
        .add_device(SERIAL, Device::Totp(b"12345678901234567890".to_vec()));
    scene
        .sts
        .set_session_lifetime(Some(std::time::Duration::from_mins(1)));
    let mfa = json!({"serialNumber": SERIAL, "totpSecretFile": path(&scene, "secret")});
    let source = json!({"credentialsFile": path(&scene, "credentials"), "mfa": mfa});
    let profile = json!({"sessionToken": source, "chain": [{"roleArn": ROLE}]});
    let agent = launch(&scene, &profile).flag("refresh-at", "1s").start();
    assert_eq!(vended(&scene, &agent).role_arn.as_deref(), Some(ROLE));
    let calls = until("eight calls of the hop", || {
        let calls = scene.sts.calls();
        (calls
            .iter()
            .filter(|call| call.operation == "AssumeRole")
            .count()
            >= 8)
            .then_some(calls)
    });
    let mut codes: Vec<&str> = calls
        .iter()
        .filter_map(|call| Some(call.form.get("TokenCode")?.as_str()))
        .collect();
    let sent = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), sent, "no code twice: {codes:?}");
    assert!(
        (1..=3).contains(&sent),
        "one for each half minute: {codes:?}"
    );
    let errors: u64 = agent
        .metric("stsidecar_credentials_refreshes_total{outcome=\"error\",profile=\"default\"}");
    assert_eq!(errors, 0);
}

#[test]
fn a_credentials_file_that_turns_bad_keeps_its_last_keys_and_new_ones_are_used_at_once() {
    let scene = Scene::new();
    write_keys(&scene, KEYS[0]);
    let source = json!({"credentialsFile": path(&scene, "credentials")});
    let agent = launch(
        &scene,
        &json!({"accessKey": source, "chain": [{"roleArn": ROLE}]}),
    )
    .start();
    let first = vended(&scene, &agent);
    assert_eq!(first.parent.as_deref(), Some(KEYS[0]));
    fs::write(scene.path("credentials"), "[default]\naws_access_key_id\n").expect("room");
    // A write in place empties the file first, and the agent may read it then: that error comes
    // before this one.
    let status = until("the bad line in the status", || {
        let status = agent.status();
        let error = status["profiles"][0]["token"]["error"].as_str();
        error
            .is_some_and(|error| error.contains("line 2"))
            .then_some(status)
    });
    let token = &status["profiles"][0]["token"];
    assert_eq!(
        (&token["kind"], &token["accessKeyId"]),
        (&json!("access key"), &json!("..0001"))
    );
    assert_eq!(
        (scene.sts.calls().len(), &status["ready"]),
        (1, &json!(true)),
        "nothing is asked again for it"
    );
    write_keys(&scene, KEYS[1]);
    until("a call with the new key", || {
        let calls = scene.sts.calls();
        calls
            .iter()
            .any(|call| call.signer() == Some(KEYS[1]))
            .then_some(())
    });
    until("credentials of the new key", || {
        (vended(&scene, &agent).parent.as_deref() == Some(KEYS[1])).then_some(())
    });
    assert_eq!(scene.sts.calls().len(), 2);
}
