//! The running program, whose API server has a `MutatingWebhookConfiguration` that
//! carries a configuration.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr};
use tokio::time::{sleep, timeout};

use crate::api_server::ApiServer;
use crate::reviews::{ROLE, patched, review};
use crate::running::{Answer, BOUND, connect, page};
use crate::started::{Files, free_port, local};

const SECRET: &str = "GET /api/v1/namespaces/stsidecar-system/secrets/stsidecar-injector-tls";
pub(super) const REGISTRATION: &str =
    "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/stsidecar-injector";
pub(super) const ANNOTATION: &str = "stsidecar.dev/configuration";
const RELOADS: &str = "stsidecar_injector_configuration_reloads_total";
const REGISTERED: &str = "stsidecar_injector_webhook_registered";

/// The running program, and what it logs.
pub(super) struct Program {
    pub(super) api: ApiServer,
    webhook: SocketAddr,
    health: SocketAddr,
    log: Arc<Mutex<String>>,
    child: Child,
    files: Files,
    /// What the chart would render now.
    values: Value,
}

/// What the chart renders, of the first image there was.
fn values(webhook: u16, health: u16) -> Value {
    json!({
        "image": { "registry": "one.example", "repository": "stsidecar", "tag": "1.0.0", "digest": "", "pullPolicy": "Always" },
        "agent": { "region": "eu-central-1" },
        "injector": {
            "namespace": "stsidecar-system", "serviceName": "stsidecar-injector",
            "webhookConfiguration": "stsidecar-injector", "port": webhook, "metricsPort": health,
            "certs": { "mode": "self", "secretName": "stsidecar-injector-tls" },
        },
    })
}

fn registration(annotations: &Value) -> Value {
    let service =
        json!({ "name": "stsidecar-injector", "namespace": "stsidecar-system", "path": "/inject" });
    let webhook = |name: &str| json!({ "name": name, "clientConfig": { "service": service } });
    let webhooks = ["pods.stsidecar.dev", "namespaces.stsidecar.dev"].map(webhook);
    json!({ "metadata": { "name": "stsidecar-injector", "annotations": annotations }, "webhooks": webhooks })
}

impl Program {
    /// Started by a file and an annotation that say the same, and ready.
    pub(super) async fn start() -> Self {
        let api = ApiServer::start().await;
        let [webhook, health] = [free_port(), free_port()];
        let values = values(webhook, health);
        let secret = json!({ "kind": "Secret", "metadata": { "name": "stsidecar-injector-tls" } });
        api.set(SECRET, 200, secret);
        let annotations = json!({ ANNOTATION: values.to_string() });
        api.set(REGISTRATION, 200, registration(&annotations));
        let files = Files::new(&api, &values.to_string());
        let mut command = files.command("config.yaml");
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let log = collected(child.stderr.take().expect("piped"));
        let program = Self {
            api,
            webhook: local(webhook),
            health: local(health),
            log,
            child,
            files,
            values,
        };
        let is_ready = async || {
            let page = page(program.health, "/readyz").await;
            page.is_ok_and(|page| page.status == 200)
        };
        program.until("it is ready", is_ready).await;
        program
    }

    pub(super) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let polled = async {
            while !holds().await {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(BOUND, polled)
            .await
            .unwrap_or_else(|_| panic!("{what}: never; its log:\n{}", self.log()));
    }

    pub(super) async fn until_region(&self, region: &str) {
        self.until(region, async || self.region().await == region)
            .await;
    }

    pub(super) async fn until_registered(&self, value: u32) {
        let what = format!("{REGISTERED} {value}");
        self.until(&what, async || self.metric(REGISTERED).await == Some(value))
            .await;
    }

    pub(super) fn errors(&self) -> Vec<String> {
        let log = self.log();
        let errors = log.lines().filter(|line| line.contains("ERROR"));
        errors.map(str::to_owned).collect()
    }

    pub(super) fn log(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    /// As `helm upgrade` leaves the object: everything else in it stays.
    pub(super) fn annotate(&self, text: Option<&str>) {
        let mut stored = self.api.known(REGISTRATION).expect("it is there");
        stored["metadata"]["annotations"] =
            text.map_or(json!({}), |text| json!({ ANNOTATION: text }));
        self.api.set(REGISTRATION, 200, stored);
    }

    /// What the chart renders with other values.
    pub(super) fn with(&self, changes: &[(&str, Value)]) -> String {
        let mut values = self.values.clone();
        for (pointer, value) in changes {
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            values.pointer_mut(parent).expect("it is there")[key] = value.clone();
        }
        values.to_string()
    }

    /// The sidecar of a pod that is created now.
    pub(super) async fn sidecar(&self) -> Value {
        let secret = self.api.known(SECRET).expect("it is there");
        let bundle = base64::engine::general_purpose::STANDARD
            .decode(secret["data"]["ca.crt"].as_str().expect("a CA"));
        let authority = self.files.path("ca.crt");
        std::fs::write(&authority, bundle.expect("base64")).expect("a file");
        let name = "stsidecar-injector.stsidecar-system.svc";
        let mut stream = connect(self.webhook, authority.to_str().expect("a path"), name)
            .await
            .expect("a handshake");
        let pod = review(
            &json!({ "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE }),
            &json!([]),
        );
        let body = pod.to_string();
        let head = format!(
            "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream
            .write_all((head + &body).as_bytes())
            .await
            .expect("open");
        let answer = Answer::read(&mut stream).await.expect("an answer");
        let answer: Value = serde_json::from_str(&answer.text).expect("JSON");
        patched(&pod, &answer["response"])["spec"]["initContainers"][0].clone()
    }

    pub(super) async fn region(&self) -> String {
        let sidecar = self.sidecar().await;
        let mut variables = sidecar["env"].as_array().expect("variables").iter();
        let region = variables
            .find(|variable| variable["name"] == "AWS_REGION")
            .expect("a region");
        region["value"].as_str().expect("text").to_owned()
    }

    pub(super) async fn image(&self) -> String {
        self.sidecar().await["image"]
            .as_str()
            .expect("text")
            .to_owned()
    }

    pub(super) async fn metric(&self, series: &str) -> Option<u32> {
        let text = page(self.health, "/metrics").await.expect("an answer").text;
        text.lines()
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }

    pub(super) async fn reloads(&self, outcome: &str) -> u32 {
        self.metric(&format!("{RELOADS}{{outcome=\"{outcome}\"}}"))
            .await
            .expect("the series")
    }

    /// Ready, and what the page says.
    pub(super) async fn readiness(&self) -> String {
        let page = page(self.health, "/readyz?verbose")
            .await
            .expect("an answer");
        assert_eq!(page.status, 200, "{}", page.text);
        page.text
    }

    pub(super) async fn readiness_line(&self, beginning: &str) -> String {
        let page = self.readiness().await;
        let line = page.lines().find(|line| line.starts_with(beginning));
        line.unwrap_or_else(|| panic!("no {beginning} in {page}"))
            .to_owned()
    }

    pub(super) fn assert_same_process(&mut self) {
        assert!(
            self.child.try_wait().expect("our child").is_none(),
            "it ended:\n{}",
            self.log()
        );
    }
}

/// What a stream says, while it is said.
fn collected(stream: ChildStderr) -> Arc<Mutex<String>> {
    let log = Arc::<Mutex<String>>::default();
    let (said, mut lines) = (Arc::clone(&log), BufReader::new(stream).lines());
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            said.lock().expect("no panic").push_str(&(line + "\n"));
        }
    });
    log
}
