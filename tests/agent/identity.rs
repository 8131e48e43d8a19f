//! Who gets which credentials: clients and profiles, chains, rotated tokens, both loopback
//! addresses.

use std::net::TcpListener;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::support::agent::{Agent, Launch, ROLE, free_port, until};
use super::support::client::Client;
use super::support::fake_sts::Issued;
use super::support::tokens::ServiceAccountToken;
use super::{Scene, sources};

const PARTNER: &str = "arn:aws:iam::444455556666:role/partner";
const ENTRY: &str = "arn:aws:iam::111122223333:role/entry";

/// Two containers with two profiles, the second one of which is a chain.
pub(crate) fn launch_two(scene: &Scene) -> Launch {
    let path = |name: &str| scene.path(name).display().to_string();
    let web_identity = |role: &str| json!({"roleArn": role, "tokenFile": path("volume/token")});
    let hop = json!({"roleArn": PARTNER, "externalId": "external-7", "sessionDuration": "15m"});
    let document = json!({
        "profiles": {
            "default": {"webIdentity": web_identity(ROLE)},
            "partner": {"webIdentity": web_identity(ENTRY), "chain": [hop]},
        },
        "clients": [
            {"name": "app", "profile": "default", "tokenFile": path("endpoints/app/token")},
            {"name": "exporter", "profile": "partner", "tokenFile": path("endpoints/exporter/token")},
        ],
    });
    std::fs::write(scene.path("config.yaml"), document.to_string()).expect("room");
    let flags = [
        "role-arn",
        "web-identity-token-file",
        "authorization-token-file",
    ];
    flags
        .iter()
        .fold(scene.launch(), |launch, flag| launch.without(flag))
        .flag("config", &path("config.yaml"))
}

fn clients(scene: &Scene, agent: &Agent) -> [Client; 2] {
    ["app", "exporter"]
        .map(|name| agent.client_with(&scene.path(&format!("endpoints/{name}/token"))))
}

fn role(client: &mut Client) -> Option<String> {
    let answer = client.credentials().expect("an answer");
    answer.issued().expect("credentials").role_arn
}

#[test]
fn each_clients_token_opens_its_own_profile_and_nothing_else() {
    let scene = Scene::new();
    let agent = launch_two(&scene).start();
    until("both profiles", || {
        (agent.admin("/readyz").status == 200).then_some(())
    });
    let [mut app, mut exporter] = clients(&scene, &agent);
    for _ in 0..20 {
        assert_eq!(role(&mut app).as_deref(), Some(ROLE));
        assert_eq!(role(&mut exporter).as_deref(), Some(PARTNER));
    }
    let token = |name: &str| {
        std::fs::read_to_string(scene.path(&format!("endpoints/{name}/token"))).expect("there")
    };
    let (one, other) = (token("app"), token("exporter"));
    assert_ne!(one, other);
    let mixed = format!("{}{}", &one[..20], &other[20..]);
    for wrong in [
        "",
        "none",
        &one[1..],
        &format!("{one}{other}"),
        &format!("Bearer {one}"),
        &mixed,
    ] {
        let answer = Client::new(agent.address(), wrong)
            .credentials()
            .expect("an answer");
        assert_eq!(
            (answer.status, &answer.json()["Code"]),
            (403, &"InvalidAuthorizationToken".into())
        );
    }
    assert!(agent.metric::<u64>("stsidecar_requests_rejected_total{reason=\"token\"}") >= 6);
}

#[test]
fn a_chain_ends_in_the_last_role_signed_by_the_hop_before() {
    let scene = Scene::new();
    let agent = launch_two(&scene).start();
    until("both profiles", || {
        (agent.admin("/readyz").status == 200).then_some(())
    });
    let [_, mut exporter] = clients(&scene, &agent);
    let issued = exporter
        .credentials()
        .expect("an answer")
        .issued()
        .expect("credentials");
    assert_eq!(issued.operation, "AssumeRole");
    let parent = scene
        .sts
        .issued(issued.parent.as_deref().expect("signed"))
        .expect("issued here");
    assert_eq!(
        (parent.operation.as_str(), parent.role_arn.as_deref()),
        ("AssumeRoleWithWebIdentity", Some(ENTRY))
    );
    let calls = scene.sts.calls();
    assert_eq!(calls.len(), 3, "one for each hop of each profile");
    let hop = calls
        .iter()
        .find(|call| call.operation == "AssumeRole")
        .expect("made");
    let parameters = hop.parameters();
    assert_eq!(
        (parameters["ExternalId"], parameters["DurationSeconds"]),
        ("external-7", "900")
    );
    assert!(!hop.form.contains_key("WebIdentityToken"));
    let status = agent.status();
    let partner = status["profiles"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["profile"] == "partner");
    let hops = partner.expect("shown")["hops"].as_array().expect("a list");
    assert_eq!((hops.len(), &hops[1]["roleArn"]), (2, &PARTNER.into()));
}

#[test]
fn the_call_after_a_rotation_carries_the_new_token() {
    let mut scene = Scene::new();
    let agent = scene.launch_restless().start();
    agent.first_credentials();
    for _ in 0..3 {
        let before = scene.sts.calls().len();
        // Calls are about a second apart, so this one's successor is far away.
        until("a call", || {
            (scene.sts.calls().len() > before).then_some(())
        });
        let (seen, token) = (scene.sts.calls().len(), scene.rotate());
        let next = until("the next call", || scene.sts.calls().get(seen).cloned());
        assert_eq!(next.form["WebIdentityToken"], token);
    }
    assert!(agent.events("refresh failed").is_empty());
    let latest = &agent.status()["profiles"][0]["token"];
    assert_eq!(
        (&latest["generation"], &latest["error"]),
        (&4.into(), &serde_json::Value::Null)
    );
}

#[test]
fn an_expired_token_is_told_and_its_successor_is_used_without_waiting_for_a_refresh() {
    let mut scene = Scene::without_token();
    let now = super::support::tokens::unix_now();
    scene.rotate_to(&ServiceAccountToken {
        issued_at: now - 100,
        lifetime: 60,
        ..ServiceAccountToken::default()
    });
    let agent = scene.launch().start();
    let failed = agent.event("refresh failed");
    assert_eq!(
        (&failed["code"], &failed["class"]),
        (&"ExpiredTokenException".into(), &"token".into())
    );
    scene.rotate();
    agent.first_credentials().issued().expect("credentials");
}

#[test]
fn both_loopback_addresses_answer_where_both_exist() {
    let scene = Scene::new();
    if TcpListener::bind("[::1]:0").is_err() {
        println!("not run: [::1] does not exist here");
        return;
    }
    let agent = scene.launch().flag("listen", "[::1]:0").start();
    let address = agent.address();
    assert!(address.is_ipv6());
    agent.first_credentials().issued().expect("credentials");
    drop(agent);

    let port = free_port();
    let agent = scene
        .launch()
        .flag("listen", &format!("localhost:{port}"))
        .start();
    let token = std::fs::read_to_string(scene.path("endpoint/token")).expect("written");
    for address in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let mut client = Client::new(address.parse().expect("an address"), &token);
        until("credentials", || {
            (client.credentials().expect("an answer").status == 200).then_some(())
        });
    }
    assert_eq!(agent.port(), port);
}

/// A profile of the pod's token with `hops` hops behind its role.
fn chain(scene: &Scene, hops: usize) -> Value {
    let chain: Vec<_> = (0..hops)
        .map(|hop| json!({"roleArn": format!("{PARTNER}-{hop}")}))
        .collect();
    json!({"webIdentity": {"roleArn": ROLE, "tokenFile": sources::path(scene, "volume/token")}, "chain": chain})
}

/// The call of the source that what is vended stems from.
fn origin(scene: &Scene, vended: &Issued) -> Issued {
    let mut issued = vended.clone();
    while let Some(parent) = &issued.parent {
        issued = scene.sts.issued(parent).expect("issued here");
    }
    issued
}

#[test]
fn another_identity_reaches_the_end_of_a_chain_without_waiting_for_a_refresh() {
    for hops in 0..3 {
        let mut scene = Scene::new();
        let agent = sources::launch(&scene, &chain(&scene, hops)).start();
        let before = origin(&scene, &sources::vended(&scene, &agent));
        scene.rotate_to(&ServiceAccountToken {
            service_account: "billing".to_owned(),
            ..Default::default()
        });
        let after = until("credentials that stem from the new identity", || {
            let after = origin(&scene, &sources::vended(&scene, &agent));
            (after != before).then_some(after)
        });
        assert_eq!(after.operation, "AssumeRoleWithWebIdentity");
        assert_eq!(
            scene.sts.calls().len(),
            2 * (hops + 1),
            "each step once more"
        );
    }
}

#[test]
fn the_same_audiences_in_another_order_cost_no_call() {
    let mut scene = Scene::without_token();
    let token = |audiences: &[&str]| {
        let mut claims = ServiceAccountToken::default().claims();
        claims["aud"] = json!(audiences);
        format!(
            "eyJhbGciOiJSUzI1NiJ9.{}.c2ln",
            URL_SAFE_NO_PAD.encode(claims.to_string())
        )
    };
    scene.volume.rotate(token(&["a", "b"]).as_bytes());
    let agent = scene.launch().start();
    agent.first_credentials().issued().expect("credentials");
    for (generation, audiences) in [(2, ["b", "a"]), (3, ["a", "b"])] {
        scene.volume.rotate(token(&audiences).as_bytes());
        until("the new content", || {
            (agent.status()["profiles"][0]["token"]["generation"] == generation).then_some(())
        });
    }
    assert_eq!(scene.sts.calls().len(), 1, "the same identity");
    scene.volume.rotate(token(&["a", "c"]).as_bytes());
    until("a call for another identity", || {
        (scene.sts.calls().len() == 2).then_some(())
    });
}

#[test]
fn an_opaque_tokens_rotation_is_no_change_of_identity() {
    let mut scene = Scene::without_token();
    scene.volume.rotate(b"Atza|first-opaque-token");
    let profile = json!({"webIdentity": {
        "roleArn": ROLE, "tokenFile": sources::path(&scene, "volume/token"), "providerId": "www.amazon.com",
    }});
    let agent = sources::launch(&scene, &profile).start();
    let first = sources::vended(&scene, &agent);
    scene.volume.rotate(b"Atza|second-opaque-token");
    until("the new content", || {
        (agent.status()["profiles"][0]["token"]["generation"] == 2).then_some(())
    });
    assert_eq!(
        (sources::vended(&scene, &agent), scene.sts.calls().len()),
        (first, 1)
    );
}
