//! `stsidecar-injector check`: whether a pod that asks for credentials would get them.
//!
//! Owns the order of the checks and the dry run at their end; each part of the cluster is judged by
//! its own function. It stores nothing: the pod is created as a dry run. Called by the command
//! line, and so by `helm test`.

mod certificate;
pub(super) mod webhooks;

use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::config::Config;
use crate::failure::root_cause;
use crate::finding::Finding;
use crate::inject;

/// How long one call may take; the API server gives a webhook 5 s of it.
const LIMIT: Duration = Duration::from_secs(15);

/// The subject of the last finding.
const DRY_RUN: &str = "dry run";

/// Checks everything with a runtime of its own. The asking pod would be made in
/// `namespace` and name `role`.
///
/// # Errors
/// When the runtime cannot be made.
pub fn run(config: &Config, namespace: &str, role: &str) -> std::io::Result<Vec<Finding>> {
    let runtime = super::runtime()?;
    let findings = runtime.block_on(async {
        match super::client().await {
            Ok(client) => {
                let address = format!("{}.{}.svc:443", config.service_name, config.namespace);
                examine(&client, config, namespace, role, &address).await
            }
            Err(error) => vec![Finding::failure(
                "API server",
                error.to_string(),
                "run it where kubectl would work",
            )],
        }
    });
    runtime.shutdown_background();
    Ok(findings)
}

/// Checks everything; the Service is reached at `address`.
pub async fn examine(
    client: &Client,
    config: &Config,
    namespace: &str,
    role: &str,
    address: &str,
) -> Vec<Finding> {
    let mut findings = registration(client, config, address).await;
    findings.push(if config.template.allows_role(namespace, role) {
        dry_run(client, config, namespace, role).await
    } else {
        Finding::failure(
            DRY_RUN,
            format!(
                "injector.allowedRoleArns does not allow {role} in namespace {namespace}: no pod \
                 was asked for"
            ),
            "set the chart's tests.roleArn to a role that the list allows there (it need not \
             exist), or tests.namespace to a namespace that the list names",
        )
    });
    findings
}

/// The webhooks as the API server has them, and the certificate by which it trusts their Service.
async fn registration(client: &Client, config: &Config, address: &str) -> Vec<Finding> {
    let name = &config.webhook_configuration;
    let target =
        format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}");
    let (message, fix) = match call(client, http::Request::get(target), Vec::new()).await {
        Ok(found) => {
            let mut findings = webhooks::judge(&found, config);
            let bundles = webhooks::bundles(&found);
            if !bundles.is_empty() {
                let host = format!("{}.{}.svc", config.service_name, config.namespace);
                let now = crate::clock::wall();
                findings.extend(certificate::judge(&host, address, &bundles, now).await);
            }
            return findings;
        }
        Err(refusal) if refusal.code == Some(404) => (
            format!("there is no MutatingWebhookConfiguration {name}"),
            "install the chart; injector.enabled must be true",
        ),
        Err(refusal) => (
            format!(
                "MutatingWebhookConfiguration {name} cannot be read: {}",
                refusal.text
            ),
            "let the account that runs this check get it",
        ),
    };
    vec![Finding::failure("webhooks", message, fix)]
}

/// Creates a pod that asks, without storing it, and looks at what comes back.
async fn dry_run(client: &Client, config: &Config, namespace: &str, role: &str) -> Finding {
    let target = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let request =
        http::Request::post(target).header(http::header::CONTENT_TYPE, "application/json");
    let pod = asking_pod(role).to_string().into_bytes();
    match call(client, request, pod).await {
        Ok(created) => judge(&created, config, namespace, role),
        Err(refusal) => Finding::failure(
            DRY_RUN,
            format!(
                "a pod that asks in namespace {namespace} is refused: {}",
                refusal.text
            ),
            "do what the message says; kubectl logs of the injector has more",
        ),
    }
}

/// Whether a pod that was created is injected, and by this release.
fn judge(created: &Value, config: &Config, namespace: &str, role: &str) -> Finding {
    if let Some(other) = of_another(created, config) {
        return Finding::failure(
            DRY_RUN,
            format!(
                "a pod that asks in namespace {namespace} is injected by another release, {other}"
            ),
            "uninstall one of the two releases, or let their namespaceSelectors not overlap",
        );
    }
    if is_injected(created) {
        return Finding::ok(
            DRY_RUN,
            format!("a pod that asks for {role} in namespace {namespace} is injected"),
        );
    }
    Finding::failure(
        DRY_RUN,
        format!("a pod that asks in namespace {namespace} comes back without the sidecar"),
        "look whether the namespace is excluded or labelled stsidecar.dev/injection=disabled, \
         whether selectors or conditions of injector.webhook leave it out (tests.namespace names \
         another), or whether a failurePolicy of Ignore hides an injector that does not answer",
    )
}

/// Allowed by every Pod Security level
/// (<https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>), and by most
/// quotas.
fn asking_pod(role: &str) -> Value {
    let annotations = json!({
        "stsidecar.dev/inject": "true",
        "stsidecar.dev/role-arn": role,
        // Whether or not the chart names one.
        "stsidecar.dev/region": "us-east-1",
    });
    let resources = json!({ "cpu": "1m", "memory": "1Mi" });
    let seccomp = json!({ "type": "RuntimeDefault" });
    let nothing = json!({ "drop": ["ALL"] });
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "generateName": "stsidecar-check-", "annotations": annotations },
        "spec": {
            "automountServiceAccountToken": false,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": seccomp,
            },
            "containers": [{
                "name": "app",
                "image": "stsidecar.invalid/app",
                "resources": { "requests": resources, "limits": resources },
                "securityContext": {
                    "allowPrivilegeEscalation": false, "capabilities": nothing,
                },
            }],
        },
    })
}

/// The release that injected a pod, where it is not this one.
fn of_another<'a>(pod: &'a Value, config: &Config) -> Option<&'a str> {
    let ours = config.template.release()?;
    inject::injecting_release(pod).filter(|other| *other != ours)
}

fn is_injected(pod: &Value) -> bool {
    let containers = pod["spec"]["initContainers"].as_array();
    containers.is_some_and(|all| {
        all.iter()
            .any(|container| container["name"] == inject::CONTAINER)
    })
}

struct Refusal {
    code: Option<u16>,
    text: String,
}

async fn call(
    client: &Client,
    request: http::request::Builder,
    body: Vec<u8>,
) -> Result<Value, Refusal> {
    let refusal = |code, text| Refusal { code, text };
    let request = request
        .body(body)
        .map_err(|error| refusal(None, error.to_string()))?;
    match timeout(LIMIT, client.request(request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err(refusal(Some(status.code), status.message)),
        Ok(Err(error)) => Err(refusal(None, root_cause(&error))),
        Err(_) => Err(refusal(
            None,
            format!("no answer of the API server within {LIMIT:?}"),
        )),
    }
}
