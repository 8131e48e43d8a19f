//! The program as a process of its own: the files that it starts by, its signals, and
//! waiting for what health says.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::api_server::ApiServer;
use crate::certificates;
use crate::running::{BOUND, page};

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}

pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The injector's account at the API server; nothing of it is used to trust a plain address.
fn kubeconfig(api: &ApiServer) -> Value {
    let authority = std::fs::read(certificates::file("ca.pem")).expect("a file");
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{ "name": "c", "cluster": { "server": api.url(), "certificate-authority-data": authority } }],
        "users": [{ "name": "u", "user": { "token": "canary-token" } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    })
}

/// A file as the chart makes it, with these two ports.
pub(crate) fn configuration(port: u16, metrics_port: u16) -> String {
    format!(
        "
injector:
  namespace: stsidecar-system
  release: stsidecar
  serviceName: stsidecar-injector
  webhookConfiguration: stsidecar-injector
  port: {port}
  metricsPort: {metrics_port}
  certs: {{mode: self, secretName: stsidecar-injector-tls}}
  excludedNamespaces: [kube-system, stsidecar-system]
"
    )
}

/// A folder with the program's configuration and its kubeconfig.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new(api: &ApiServer, config: &str) -> Self {
        let files = Self(tempfile::tempdir().expect("a folder"));
        files.write("config.yaml", config);
        files.write("kubeconfig", &kubeconfig(api).to_string());
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).expect("a file");
    }

    /// `run` of a file in the folder; its streams lead nowhere, and it ends with the child.
    pub(crate) fn command(&self, config: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stsidecar-injector"));
        command
            .arg("run")
            .arg(format!("--config={}", self.path(config).display()))
            .env("KUBECONFIG", self.path("kubeconfig"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// The program, whose log does not matter.
    pub(crate) fn start(&self) -> Child {
        self.command("config.yaml").spawn().expect("it starts")
    }
}

/// What the kubelet sends first.
pub(crate) fn terminate(child: &Child) {
    let id = child
        .id()
        .and_then(|id| Pid::from_raw(id.try_into().expect("a process id")));
    kill_process(id.expect("it runs"), Signal::TERM).expect("it is ours");
}

/// Waits until a line is in what health says, and hands the page back.
pub(crate) async fn says(health: SocketAddr, line: &str) -> String {
    let said = async {
        loop {
            match page(health, "/readyz?verbose").await {
                Ok(page) if page.text.contains(line) => return page.text,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    timeout(BOUND, said)
        .await
        .unwrap_or_else(|_| panic!("health never says {line}"))
}
