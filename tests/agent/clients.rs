//! Each client by itself: when it last asked, in `/status`, on the status page and in the metrics.

use serde_json::{Value, json};

use super::support::agent::{Agent, until};
use super::support::client::Client;
use super::support::fake_sts::Behaviour;
use super::{Scene, status};
use stsidecar::time::Wall;

const APP: &str = "stsidecar_client_last_request_timestamp_seconds{client=\"app\"}";
const WORKER: &str = "stsidecar_client_last_request_timestamp_seconds{client=\"worker\"}";

fn unix_now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
    i64::try_from(since.as_secs()).expect("fits")
}

/// An agent with a client for each of two containers.
fn two_clients(scene: &Scene) -> Agent {
    let file = |name: &str| scene.path(name).display().to_string();
    let clients = ["app", "worker"].map(|name| json!({"name": name, "tokenFile": file(name)}));
    let document = json!({
        "profiles": {"default": {"webIdentity": {
            "roleArn": "arn:aws:iam::111122223333:role/app", "tokenFile": file("volume/token"),
        }}},
        "clients": clients,
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
        .variable("STSIDECAR_CONFIG_INLINE", &document.to_string())
        .start()
}

fn last(agent: &Agent, name: &str) -> Value {
    let status = agent.status();
    let clients = status["clients"].as_array().expect("a list of clients");
    clients
        .iter()
        .find(|client| client["name"] == name)
        .expect("every client is listed")["lastRequest"]
        .clone()
}

#[test]
fn each_client_says_when_it_last_asked_whatever_it_was_answered() {
    let scene = Scene::new();
    scene.sts.set_default(Behaviour::Empty500);
    let agent = two_clients(&scene);
    assert_eq!(last(&agent, "app"), Value::Null);
    assert_eq!(
        (agent.metric::<i64>(APP), agent.metric::<i64>(WORKER)),
        (0, 0),
        "there from the start"
    );
    let mut stranger = Client::new(agent.address(), "not-the-token-of-any-client-0123456789abc");
    assert_eq!(stranger.credentials().expect("an answer").status, 403);
    assert_eq!(
        (agent.metric::<i64>(APP), agent.metric::<i64>(WORKER)),
        (0, 0),
        "a rejected request counts for no client"
    );

    let before = unix_now();
    let mut app = agent.client_with(&scene.path("app"));
    assert_eq!(
        app.credentials().expect("an answer").status,
        503,
        "STS is down"
    );
    let asked = before - 1..=unix_now();
    assert!(
        asked.contains(&agent.metric(APP)),
        "{}",
        agent.metric::<i64>(APP)
    );
    let shown = last(&agent, "app");
    let shown = shown
        .as_str()
        .and_then(Wall::parse_rfc3339)
        .expect("an instant")
        .unix_seconds();
    assert!(asked.contains(&shown), "{shown}");
    assert_eq!(
        (last(&agent, "worker"), agent.metric::<i64>(WORKER)),
        (Value::Null, 0)
    );

    let page = status(&agent, &[]).stdout;
    assert!(
        page.contains("\n  clients       app: last asked "),
        "{page}"
    );
    assert!(
        page.contains("\n                worker: never asked since the agent's start "),
        "{page}"
    );
}

#[test]
fn the_one_client_of_an_agent_without_a_list_is_shown_too() {
    let scene = Scene::new();
    let agent = scene.launch().start();
    assert_eq!(last(&agent, "default"), Value::Null);
    agent.first_credentials();
    let newest =
        agent.metric::<i64>("stsidecar_client_last_request_timestamp_seconds{client=\"default\"}");
    assert!((newest - unix_now()).abs() < 60, "{newest}");
    // It moves on with each request, on a connection that is kept too.
    let mut client = agent.client();
    until("a later second", || {
        assert_eq!(client.credentials().expect("an answer").status, 200);
        let now = agent
            .metric::<i64>("stsidecar_client_last_request_timestamp_seconds{client=\"default\"}");
        (now > newest).then_some(())
    });
}
