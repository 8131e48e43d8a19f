//! A restart with a state directory: credentials at once without STS, and nothing of anybody
//! else's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::agent::{Agent, Launch, ROLE, until};
use super::support::fake_sts::{Behaviour, Issued};
use super::support::tokens::ServiceAccountToken;
use super::{Scene, sources};

/// Runs an agent until it holds credentials and has kept them, and kills it.
fn leave_behind(scene: &Scene) -> Issued {
    let mut agent = scene.launch_with_state().start();
    let issued = agent.first_credentials().issued().expect("credentials");
    until("the mark", || scene.state("started").exists().then_some(()));
    let kept = fs::read_to_string(scene.state("default.state")).expect("kept");
    assert!(
        kept.contains(&issued.access_key_id),
        "what was vended is what was kept"
    );
    agent.kill();
    issued
}

/// The first answer of an agent without STS.
fn first_answer(agent: &Agent) -> Result<Issued, u16> {
    let answer = agent.client().credentials().expect("an answer");
    if answer.status == 200 {
        Ok(answer.issued().expect("credentials"))
    } else {
        Err(answer.status)
    }
}

fn probe(launch: &Launch, agent: &Agent) -> (Option<i32>, String) {
    let launch = launch.clone().variable(
        "STSIDECAR_ADMIN_LISTEN",
        &format!("127.0.0.1:{}", agent.admin_port()),
    );
    let output = launch
        .command("status")
        .arg("--probe")
        .output()
        .expect("it runs");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn a_restart_without_sts_answers_at_once_with_what_was_held() {
    let scene = Scene::new();
    let before = leave_behind(&scene);
    let calls = scene.sts.calls().len();
    scene.sts.set_default(Behaviour::Hang);
    let launch = scene.launch_with_state();
    let agent = launch.start();
    assert_eq!(first_answer(&agent), Ok(before.clone()));
    let status = agent.status();
    assert_eq!(
        (&status["started"], &status["ready"]),
        (&true.into(), &true.into())
    );
    assert_eq!(status["profiles"][0]["hops"][0]["generation"], 1);
    assert_eq!(status["profiles"][0]["sessionName"], before.session_name);
    assert_eq!(probe(&launch, &agent).0, Some(0));
    assert_eq!(
        scene.sts.calls().len(),
        calls,
        "a crash loop is no call loop"
    );
}

#[test]
fn what_is_kept_is_for_this_uid_alone() {
    let scene = Scene::new();
    // As the kubelet makes an emptyDir.
    fs::create_dir(scene.path("state")).expect("room");
    fs::set_permissions(scene.path("state"), fs::Permissions::from_mode(0o777)).expect("ours");
    leave_behind(&scene);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(
        (mode(&scene.path("state")), mode(&scene.state(""))),
        (0o777, 0o700)
    );
    for name in ["default.state", "started"] {
        assert_eq!(mode(&scene.state(name)), 0o600, "{name}");
    }
    let names = |path: &Path| {
        fs::read_dir(path)
            .expect("there")
            .map(|entry| entry.unwrap().file_name())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&scene.path("state")), ["stsidecar"]);
    assert_eq!(
        names(&scene.state("")).len(),
        2,
        "nothing else is left: {:?}",
        names(&scene.state(""))
    );
    assert_eq!(
        mode(&scene.path("endpoint/token")),
        0o444,
        "every uid of the client's container reads it"
    );
}

/// Restarts without STS on a state that must be ignored; then STS comes back.
fn assert_ignored(scene: &Scene, launch: &Launch, what: &str) -> Issued {
    scene.sts.set_default(Behaviour::Empty500);
    let mut agent = launch.start();
    assert_eq!(first_answer(&agent), Err(503), "{what}");
    let status = agent.status();
    assert_eq!(
        (&status["started"], &status["ready"]),
        (&true.into(), &false.into()),
        "{what}: the mark is sticky"
    );
    assert_eq!(probe(launch, &agent).0, Some(0), "{what}");
    scene.sts.set_default(Behaviour::Ok);
    let issued = agent.first_credentials().issued().expect("credentials");
    agent.kill();
    issued
}

#[test]
fn a_torn_or_altered_state_is_ignored() {
    let scene = Scene::new();
    leave_behind(&scene);
    let path = scene.state("default.state");
    let whole = fs::read(&path).expect("there");
    let mut altered = whole.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    let contents: [(&str, &[u8]); 4] = [
        ("torn", &whole[..whole.len() - 1]),
        ("torn early", &whole[..40]),
        ("altered", &altered),
        ("empty", b""),
    ];
    for (what, content) in contents {
        fs::write(&path, content).expect("ours");
        assert_ignored(&scene, &scene.launch_with_state(), what);
    }
    fs::remove_file(&path).expect("ours");
    fs::create_dir(&path).expect("free");
    scene.sts.set_default(Behaviour::Ok);
    let agent = scene.launch_with_state().start();
    agent
        .first_credentials()
        .issued()
        .expect("credentials, though nothing can be kept");
    agent.event("credentials would not survive a crash");
}

#[test]
fn the_state_of_another_role_or_another_identity_is_ignored() {
    let mut scene = Scene::new();
    leave_behind(&scene);
    let kept = fs::read(scene.state("default.state")).expect("there");
    let other_role = scene
        .launch_with_state()
        .flag("role-arn", "arn:aws:iam::111122223333:role/other");
    assert_ignored(&scene, &other_role, "another role");

    fs::write(scene.state("default.state"), kept).expect("ours");
    let pod = "billing-0".to_owned();
    let other = ServiceAccountToken {
        service_account: "billing".to_owned(),
        pod,
        ..ServiceAccountToken::default()
    };
    scene.rotate_to(&other);
    let issued = assert_ignored(&scene, &scene.launch_with_state(), "another identity");
    assert_eq!(
        issued.session_name, "shop.billing-0",
        "the name is that of the new identity"
    );
}

#[test]
fn a_session_name_that_was_changed_between_two_starts_is_used() {
    let scene = Scene::new();
    let before = leave_behind(&scene);
    let launch = scene
        .launch_with_state()
        .flag("role-session-name", "renamed");
    assert_eq!(
        assert_ignored(&scene, &launch, "another name").session_name,
        "renamed"
    );
    assert_ne!(before.session_name, "renamed");
}

#[test]
fn a_state_that_has_expired_is_ignored() {
    let scene = Scene::new();
    scene
        .sts
        .set_session_lifetime(Some(Duration::from_secs(18)));
    let issued = leave_behind(&scene);
    scene.sts.set_session_lifetime(None);
    until("its end", || {
        (super::support::tokens::unix_now() + 10 > issued.expiration).then_some(())
    });
    assert_ignored(&scene, &scene.launch_with_state(), "expired");
}

#[test]
fn a_state_directory_on_a_disk_is_warned_of() {
    let scene = Scene::new();
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("room");
    for directory in [disk.path(), scene.directory.path()] {
        let agent = scene
            .launch()
            .flag("state-dir", &directory.display().to_string())
            .start();
        agent.first_credentials();
        let warned = agent
            .log()
            .iter()
            .any(|line| line.contains("use an emptyDir with medium Memory"));
        assert_eq!(
            warned,
            !stsidecar::state::is_in_memory(directory),
            "{}",
            directory.display()
        );
    }
}

/// What an agent of this profile with a state directory vends, when it has no STS; then STS answers
/// again.
fn restarted_without_sts(scene: &Scene, profile: &Value) -> Result<Issued, u16> {
    scene.sts.set_default(Behaviour::Empty500);
    let agent = launch_of(scene, profile).start();
    let answer = agent
        .client_with(&scene.path("endpoint/token"))
        .credentials()
        .expect("an answer");
    scene.sts.set_default(Behaviour::Ok);
    if answer.status == 200 {
        Ok(answer.issued().expect("credentials"))
    } else {
        Err(answer.status)
    }
}

fn launch_of(scene: &Scene, profile: &Value) -> Launch {
    sources::launch(scene, profile).flag("state-dir", &sources::path(scene, "state"))
}

#[test]
fn a_chain_that_another_identity_had_not_gone_through_restores_nothing_of_the_former_one() {
    let mut scene = Scene::new();
    let source = json!({"roleArn": ROLE, "tokenFile": sources::path(&scene, "volume/token")});
    let chain = [json!({"roleArn": "arn:aws:iam::444455556666:role/partner"})];
    let profile = json!({"webIdentity": source, "chain": chain});
    let mut agent = launch_of(&scene, &profile).start();
    let former = sources::vended(&scene, &agent);
    scene.sts.script([Behaviour::Ok]);
    scene.sts.set_default(Behaviour::Empty500);
    scene.rotate_to(&ServiceAccountToken {
        service_account: "billing".to_owned(),
        ..Default::default()
    });
    until("the source's new session", || {
        (agent.status()["profiles"][0]["hops"][0]["generation"] == 2).then_some(())
    });
    assert_eq!(
        sources::vended(&scene, &agent),
        former,
        "until it is replaced"
    );
    agent.kill();
    assert_eq!(
        restarted_without_sts(&scene, &profile),
        Err(503),
        "the former identity's"
    );
}

#[test]
fn credentials_of_an_opaque_token_are_restored_with_that_token_alone() {
    let mut scene = Scene::without_token();
    let source = json!({
        "roleArn": ROLE, "tokenFile": sources::path(&scene, "volume/token"), "providerId": "www.amazon.com",
    });
    let profile = json!({"webIdentity": source});
    scene.volume.rotate(b"Atza|alice-opaque-token");
    let mut agent = launch_of(&scene, &profile).start();
    let held = sources::vended(&scene, &agent);
    agent.kill();
    let kept = fs::read(scene.state("default.state")).expect("kept");
    assert!(
        !String::from_utf8_lossy(&kept).contains("opaque-token"),
        "the token itself is not kept"
    );
    assert_eq!(
        restarted_without_sts(&scene, &profile),
        Ok(held.clone()),
        "the same token"
    );
    scene.volume.rotate(b"Atza|bobs--opaque-token");
    assert_eq!(
        restarted_without_sts(&scene, &profile),
        Err(503),
        "another user's"
    );

    fs::write(scene.state("default.state"), kept).expect("ours");
    scene.volume.rotate(b"Atza|alice-opaque-token");
    let mut agent = launch_of(&scene, &profile).start();
    assert_eq!(sources::vended(&scene, &agent), held);
    scene.volume.rotate(b"Atza|alice-next-opaque-token");
    until("the new content", || {
        (agent.status()["profiles"][0]["token"]["generation"] == 2).then_some(())
    });
    agent.kill();
    assert_eq!(
        restarted_without_sts(&scene, &profile),
        Ok(held),
        "rotated while it ran: the same user's"
    );
}

#[test]
fn the_state_of_an_earlier_version_is_ignored_with_a_word_about_it() {
    let scene = Scene::new();
    leave_behind(&scene);
    let path = scene.state("default.state");
    let content = fs::read_to_string(&path).expect("text");
    let (_, body) = content.split_once('\n').expect("a checksum and a body");
    let mut record: Value = serde_json::from_str(body).expect("JSON");
    record["version"] = json!(1);
    let body = record.to_string();
    let sum = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    let hex = sum
        .as_ref()
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    fs::write(&path, format!("{hex}\n{body}")).expect("ours");
    scene.sts.set_default(Behaviour::Empty500);
    let agent = scene.launch_with_state().start();
    assert_eq!(first_answer(&agent), Err(503));
    let said = agent
        .event("starting without saved credentials")
        .to_string();
    assert!(said.contains("another version wrote it"), "{said}");
    scene.sts.set_default(Behaviour::Ok);
    agent.first_credentials().issued().expect("credentials");
}
