//! The program and its `MutatingWebhookConfiguration`: the configuration that the object carries decides the next
//! review, without a restart, and its absence is seen.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::api_server::{ApiServer, status};
use crate::program::{free_port, kubeconfig};
use crate::running::{Answer, BOUND, ROLE, connect, page, patched, review};

const SECRET: &str = "GET /api/v1/namespaces/stsidecar-system/secrets/stsidecar-injector-tls";
const REGISTRATION: &str =
    "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/stsidecar-injector";
const ANNOTATION: &str = "stsidecar.dev/configuration";
const RELOADS: &str = "stsidecar_injector_configuration_reloads_total";
const REGISTERED: &str = "stsidecar_injector_webhook_registered";

/// The running program, and what it logs.
struct Program {
    api: ApiServer,
    webhook: SocketAddr,
    health: SocketAddr,
    log: Arc<Mutex<String>>,
    child: Child,
    folder: TempDir,
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
    async fn start() -> Self {
        let (api, folder) = (
            ApiServer::start().await,
            tempfile::tempdir().expect("a folder"),
        );
        let [webhook, health] = [free_port(), free_port()];
        let values = values(webhook, health);
        api.set(
            SECRET,
            200,
            json!({ "kind": "Secret", "metadata": { "name": "stsidecar-injector-tls" } }),
        );
        api.set(
            REGISTRATION,
            200,
            registration(&json!({ ANNOTATION: values.to_string() })),
        );
        let [config, known] = ["config.yaml", "kubeconfig"].map(|name| folder.path().join(name));
        std::fs::write(&config, values.to_string()).expect("a file");
        std::fs::write(&known, kubeconfig(&api).to_string()).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_stsidecar-injector"))
            .arg("run")
            .arg(format!("--config={}", config.display()))
            .env("KUBECONFIG", known)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let (log, mut lines) = (
            Arc::<Mutex<String>>::default(),
            BufReader::new(child.stderr.take().expect("piped")).lines(),
        );
        let said = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                said.lock().expect("no panic").push_str(&(line + "\n"));
            }
        });
        let [webhook, health] =
            [webhook, health].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let program = Self {
            api,
            webhook,
            health,
            log,
            child,
            folder,
            values,
        };
        program
            .until("it is ready", async || {
                page(health, "/readyz")
                    .await
                    .is_ok_and(|page| page.status == 200)
            })
            .await;
        program
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let polled = async {
            while !holds().await {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(BOUND, polled)
            .await
            .unwrap_or_else(|_| panic!("{what}: never; its log:\n{}", self.log()));
    }

    fn log(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    /// As `helm upgrade` leaves the object: everything else in it stays.
    fn annotate(&self, text: Option<&str>) {
        let mut stored = self.api.known(REGISTRATION).expect("it is there");
        stored["metadata"]["annotations"] =
            text.map_or(json!({}), |text| json!({ ANNOTATION: text }));
        self.api.set(REGISTRATION, 200, stored);
    }

    /// What the chart renders with other values.
    fn with(&self, changes: &[(&str, Value)]) -> String {
        let mut values = self.values.clone();
        for (pointer, value) in changes {
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            values.pointer_mut(parent).expect("it is there")[key] = value.clone();
        }
        values.to_string()
    }

    /// The sidecar of a pod that is created now.
    async fn sidecar(&self) -> Value {
        let secret = self.api.known(SECRET).expect("it is there");
        let bundle = base64::engine::general_purpose::STANDARD
            .decode(secret["data"]["ca.crt"].as_str().expect("a CA"));
        let authority = self.folder.path().join("ca.crt");
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

    async fn region(&self) -> String {
        let sidecar = self.sidecar().await;
        let mut variables = sidecar["env"].as_array().expect("variables").iter();
        let region = variables
            .find(|variable| variable["name"] == "AWS_REGION")
            .expect("a region");
        region["value"].as_str().expect("text").to_owned()
    }

    async fn image(&self) -> String {
        self.sidecar().await["image"]
            .as_str()
            .expect("text")
            .to_owned()
    }

    async fn metric(&self, series: &str) -> Option<u32> {
        let text = page(self.health, "/metrics").await.expect("an answer").text;
        text.lines()
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }

    async fn reloads(&self, outcome: &str) -> u32 {
        self.metric(&format!("{RELOADS}{{outcome=\"{outcome}\"}}"))
            .await
            .expect("the series")
    }

    /// Ready, and what the page says.
    async fn readiness(&self) -> String {
        let page = page(self.health, "/readyz?verbose")
            .await
            .expect("an answer");
        assert_eq!(page.status, 200, "{}", page.text);
        page.text
    }

    fn assert_same_process(&mut self) {
        assert!(
            self.child.try_wait().expect("our child").is_none(),
            "it ended:\n{}",
            self.log()
        );
    }
}

/// `helm upgrade --wait` returns while injectors of before are still asked, by API servers that keep their connections.
#[tokio::test]
async fn the_configuration_of_the_registration_decides_the_next_review() {
    let mut program = Program::start().await;
    assert_eq!(program.region().await, "eu-central-1");
    program.annotate(Some(
        &program.with(&[("/agent/region", json!("eu-west-1"))]),
    ));
    program
        .until("the new region", async || {
            program.region().await == "eu-west-1"
        })
        .await;
    let role = json!([{ "namespaces": ["*"], "roleArns": ["arn:aws:iam::*:role/app"] }]);
    let both = [
        ("/agent/region", json!("eu-west-2")),
        ("/injector/allowedRoleArns", role),
    ];
    program.annotate(Some(&program.with(&both)));
    program
        .until("the next region", async || {
            program.region().await == "eu-west-2"
        })
        .await;
    // Manifests without the annotation, or an older chart's: the mounted file.
    program.annotate(None);
    program
        .until("the file's region", async || {
            program.region().await == "eu-central-1"
        })
        .await;
    assert_eq!(program.reloads("error").await, 0);
    assert!(program.reloads("success").await >= 3);
    assert!(program.readiness().await.contains("[+]configuration ok"));
    program.assert_same_process();
}

/// What could not be read must not take away what works, and must be seen.
#[tokio::test]
async fn a_configuration_that_cannot_be_read_leaves_the_last_one_in_effect() {
    let mut program = Program::start().await;
    program.annotate(Some(
        &program.with(&[("/agent/region", json!("eu-west-1"))]),
    ));
    program
        .until("the new region", async || {
            program.region().await == "eu-west-1"
        })
        .await;
    for (number, (broken, said)) in [
        ("{".to_owned(), ANNOTATION),
        (
            program.with(&[("/agent/regoin", json!("eu-west-2"))]),
            "regoin",
        ),
        (
            program.with(&[("/agent/sessionDuration", json!("5s"))]),
            "sessionDuration",
        ),
        (
            program.with(&[("/injector/namespace", json!("elsewhere"))]),
            "elsewhere",
        ),
    ]
    .iter()
    .enumerate()
    {
        program.annotate(Some(broken));
        let expected = u32::try_from(number + 1).expect("few");
        program
            .until(said, async || program.reloads("error").await == expected)
            .await;
        let page = program.readiness().await;
        let line = page
            .lines()
            .find(|line| line.starts_with("[!]configuration: "))
            .expect("it is shown");
        assert!(line.contains(said), "{line}");
        let is_it = |line: &str| {
            ["ERROR", said, ANNOTATION]
                .iter()
                .all(|part| line.contains(part))
        };
        program
            .until("an error line", async || program.log().lines().any(is_it))
            .await;
        assert_eq!(program.region().await, "eu-west-1", "{broken}");
    }
    program.annotate(Some(
        &program.with(&[("/agent/region", json!("eu-west-3"))]),
    ));
    program
        .until("it is read again", async || {
            program.region().await == "eu-west-3"
        })
        .await;
    assert!(program.readiness().await.contains("[+]configuration ok"));
    program.assert_same_process();
}

/// An upgrade of the image: an injector and an agent of different builds were never tried together, so each injector
/// adds the agent of its own. The settings hold at once where it knows them all.
#[tokio::test]
async fn the_agent_of_another_build_is_left_to_its_injector() {
    let mut program = Program::start().await;
    assert_eq!(program.image().await, "one.example/stsidecar:1.0.0");
    let moved = [("/image/registry", json!("two.example"))];
    program.annotate(Some(&program.with(&moved)));
    program
        .until("the same build from elsewhere", async || {
            program.image().await.starts_with("two.example/")
        })
        .await;
    let next = [
        ("/image/registry", json!("two.example")),
        ("/image/tag", json!("1.1.0")),
        ("/agent/region", json!("eu-west-1")),
    ];
    program.annotate(Some(&program.with(&next)));
    program
        .until("the new region", async || {
            program.region().await == "eu-west-1"
        })
        .await;
    assert_eq!(program.image().await, "one.example/stsidecar:1.0.0");
    // A key that only the next build knows.
    let mut later = next.to_vec();
    later.extend([
        ("/agent/region", json!("eu-west-2")),
        ("/agent/inventedLater", json!(true)),
    ]);
    program.annotate(Some(&program.with(&later)));
    program
        .until("it says so", async || {
            program.log().contains("inventedLater")
        })
        .await;
    assert_eq!(
        (program.region().await, program.reloads("error").await),
        ("eu-west-1".to_owned(), 0)
    );
    assert!(!program.log().contains("ERROR"), "{}", program.log());
    program.assert_same_process();
}

/// Without it the API server asks no injector, and pods start without credentials.
#[tokio::test]
async fn a_registration_that_is_gone_is_seen_and_not_made_again() {
    let mut program = Program::start().await;
    let here = program.api.known(REGISTRATION).expect("it is there");
    program
        .until("it is seen", async || {
            program.metric(REGISTERED).await == Some(1)
        })
        .await;
    let mut half = here.clone();
    half["webhooks"].as_array_mut().expect("webhooks").remove(0);
    let mut of_another = here.clone();
    of_another["webhooks"][1]["clientConfig"]["service"]["namespace"] = json!("elsewhere");
    let mut missing = status(404, "not found");
    missing["reason"] = "NotFound".into();
    for (number, (code, answer, said)) in [
        (
            404,
            missing,
            "MutatingWebhookConfiguration stsidecar-injector does not exist",
        ),
        (200, half, "pods.stsidecar.dev"),
        (200, of_another, "namespaces.stsidecar.dev"),
    ]
    .into_iter()
    .enumerate()
    {
        program.api.set(REGISTRATION, code, answer);
        program
            .until(said, async || program.metric(REGISTERED).await == Some(0))
            .await;
        let page = program.readiness().await;
        let line = page
            .lines()
            .find(|line| line.starts_with("[!]webhook: "))
            .expect("it is shown");
        assert!(line.contains(said), "{line}");
        let errors = || {
            program
                .log()
                .lines()
                .filter(|line| line.contains("ERROR"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        program
            .until("an error line", async || errors().len() > number)
            .await;
        assert!(
            errors().len() == number + 1 && errors()[number].contains(said),
            "{:?}",
            errors()
        );
        assert_eq!(
            program.region().await,
            "eu-central-1",
            "a review that comes is answered"
        );
        program.api.set(REGISTRATION, 200, here.clone());
        program
            .until("it is back", async || {
                program.metric(REGISTERED).await == Some(1)
            })
            .await;
        assert!(program.readiness().await.contains("[+]webhook ok"));
    }
    let written = program
        .api
        .calls("POST", "mutatingwebhookconfigurations")
        .len()
        + program
            .api
            .calls("PUT", "mutatingwebhookconfigurations")
            .len();
    assert_eq!(written, 0);
    program.assert_same_process();
}
