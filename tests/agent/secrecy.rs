//! Nothing that the agent says holds a token, a key or a session: not at `trace`, and not when STS
//! echoes them.
//!
//! Every agent of this crate is searched for traces when it ends; here each secret is known in
//! full, every fault that could echo one is provoked, and everything that can be read is searched.

use std::fs;
use std::io::{BufReader, Read, Write};

use serde_json::json;

use super::Scene;
use super::support::agent::{Agent, Launch, ROLE, until};
use super::support::client::{Client, connect, get};
use super::support::fake_sts::Behaviour;
use super::support::secrets::{assert_hidden, assert_unmarked, url_encoded};

const WANTED: &str = "canary-of-a-legacy-client-0123456789";

fn launch(scene: &Scene) -> Launch {
    let path = |name: &str| scene.path(name).display().to_string();
    let web_identity = json!({"roleArn": ROLE, "tokenFile": path("volume/token")});
    let hop =
        json!({"roleArn": "arn:aws:iam::444455556666:role/target", "externalId": "external-7"});
    let document = json!({
        "profiles": {"default": {"webIdentity": web_identity, "chain": [hop]}},
        "clients": [
            {"name": "app", "profile": "default", "tokenFile": path("endpoints/app/token")},
            {"name": "old", "profile": "default", "tokenFile": path("endpoints/old/token"), "authorizationToken": WANTED},
        ],
    });
    let flags = [
        "role-arn",
        "web-identity-token-file",
        "authorization-token-file",
    ];
    let launch = flags
        .iter()
        .fold(scene.launch(), |launch, flag| launch.without(flag));
    launch
        .flag("refresh-at", "1s")
        .variable("STSIDECAR_CONFIG_INLINE", &document.to_string())
}

/// Everything that can be read at this moment, but for 200s with credentials.
fn read_everything(agent: &Agent, token: &str, seen: &mut Vec<String>) {
    for path in [
        "/status",
        "/metrics",
        "/readyz?verbose",
        "/readyz",
        "/livez",
        "/nothing",
    ] {
        let answer = agent.admin(path);
        seen.push(format!("{path}: {}{}", answer.head, answer.text()));
    }
    let port = agent.port();
    let mut refused = vec![get(port, "/v1/credentials").expect("an answer")];
    refused.push(get(port, &format!("/v1/credentials?token={token}")).expect("an answer"));
    refused.push(get(port, &format!("/{token}")).expect("an answer"));
    refused.push(
        Client::new(agent.address(), &format!("Bearer {token}"))
            .credentials()
            .expect("an answer"),
    );
    let own = Client::new(agent.address(), token)
        .credentials()
        .expect("an answer");
    if own.status == 200 {
        seen.push(own.head);
    } else {
        refused.push(own);
    }
    seen.extend(
        refused
            .iter()
            .map(|answer| format!("{}{}", answer.head, answer.text())),
    );
    let mut stream = connect(agent.address()).expect("open").into_inner();
    stream
        .write_all(format!("nonsense {token}\r\n\r\n").as_bytes())
        .expect("open");
    let mut text = String::new();
    BufReader::new(stream)
        .read_to_string(&mut text)
        .expect("an answer, and the end");
    assert!(
        text.starts_with("HTTP/1.1 400 ") && text.contains("\"Code\":\"BadRequest\""),
        "{text}"
    );
    seen.push(text);
}

fn echoes(token: &str) -> Vec<Behaviour> {
    let echo = format!("Token {token} is bad");
    let raw = |status, body| Behaviour::Raw {
        status,
        content_type: "text/xml",
        body,
    };
    let document = format!(
        "<Error><Code>{token}</Code><Message>{token}</Message><RequestId>{token}</RequestId></Error>"
    );
    vec![
        Behaviour::error(400, "InvalidIdentityToken", &echo),
        Behaviour::error(400, token, &url_encoded(&echo)),
        raw(500, document),
        raw(200, format!("<x>{token}</x>")),
        Behaviour::Redirect(format!("http://127.0.0.1:1/?t={token}")),
        Behaviour::ResetMidBody,
        Behaviour::MissingFields,
    ]
}

#[test]
fn no_log_metric_status_or_error_shows_a_secret_even_at_trace() {
    let mut scene = Scene::new();
    let jwt = fs::read_to_string(scene.volume.path("token")).expect("there");
    let mut seen = Vec::new();
    let launch = launch(&scene);
    // Nothing is held while STS echoes, so that its words reach the error bodies.
    for echo in echoes(&jwt) {
        scene.sts.script([echo]);
        said(&scene, &launch, &mut seen);
    }
    // A chain is held, and its refresh is answered so.
    let rotated = scene.rotate();
    let kept = launch
        .clone()
        .flag("state-dir", &scene.path("state").display().to_string());
    for echo in echoes(&rotated) {
        scene.sts.script([Behaviour::Ok, Behaviour::Ok, echo]);
        said(&scene, &kept, &mut seen);
        fs::remove_file(scene.state("default.state")).expect("kept");
    }
    // A restart from a state, and from one that is torn.
    let mut agent = kept.start();
    until("both hops", || {
        (agent.admin("/readyz").status == 200).then_some(())
    });
    agent.kill();
    let mut again = kept.start();
    read_everything(&again, &token(&scene), &mut seen);
    again.kill();
    let state = fs::read(scene.state("default.state")).expect("kept");
    fs::write(scene.state("default.state"), &state[..state.len() / 2]).expect("ours");
    let torn = kept.start();
    torn.event("starting without saved credentials");
    read_everything(&torn, &token(&scene), &mut seen);
    seen.extend([agent.log(), again.log(), torn.log()].concat());
    search(&scene, &seen, &[&jwt, &rotated, &token(&scene), WANTED]);
}

fn token(scene: &Scene) -> String {
    fs::read_to_string(scene.path("endpoints/app/token")).expect("written")
}

/// Runs an agent until its first failure, and takes down everything it says.
fn said(scene: &Scene, launch: &Launch, seen: &mut Vec<String>) {
    let mut agent = launch.start();
    agent.event("refresh failed");
    read_everything(&agent, &token(scene), seen);
    let status = launch.clone().variable(
        "STSIDECAR_ADMIN_LISTEN",
        &format!("127.0.0.1:{}", agent.admin_port()),
    );
    let output = status.command("status").output().expect("it runs");
    seen.push(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned());
    seen.push(agent.proc("cmdline").expect("readable"));
    agent.kill();
    seen.extend(agent.log());
}

fn search(scene: &Scene, seen: &[String], known: &[&str]) {
    let issued: Vec<_> = (1_u64..)
        .map_while(|serial| scene.sts.issued(&format!("ASIAFAKE{serial:012}")))
        .collect();
    assert!(
        issued.len() >= 2 && seen.len() > 100,
        "{} sessions, {} texts",
        issued.len(),
        seen.len()
    );
    let secrets = issued
        .iter()
        .flat_map(|issued| [&*issued.secret_access_key, &*issued.session_token]);
    let secrets: Vec<&str> = secrets.chain(known.iter().copied()).collect();
    let seen = seen.join("\n");
    assert_hidden(&seen, secrets.iter().copied(), "everything that was said");
    assert_unmarked(&seen, "everything that was said");
    println!(
        "{} secrets in every form, {} bytes of output at trace: none found",
        secrets.len(),
        seen.len()
    );
}
