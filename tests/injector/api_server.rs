//! An API server that knows a few objects, can be slow, and remembers what it was asked.
//! What is replaced or patched is what it answers from then on, and a watch ends with the
//! next change of anything.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// One request that came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: Value,
}

#[derive(Default)]
struct State {
    answers: HashMap<String, (u16, Value)>,
    slow: Vec<(&'static str, Duration)>,
    calls: Vec<Call>,
    changes: usize,
}

/// The server; it ends with the runtime of its test.
#[derive(Clone)]
pub(crate) struct ApiServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl ApiServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let server = Self {
            address,
            state: Arc::default(),
        };
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let own = own.clone();
                let service = service_fn(move |request| own.clone().answer(request));
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service);
                tokio::spawn(async move { drop(serving.await) });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn client(&self) -> kube::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = kube::Config::new(self.url().parse().expect("a URL"));
        config.root_cert = Some(Vec::new());
        stsidecar::injector::client_of(config).expect("a client")
    }

    /// From now on `METHOD target` is answered so.
    pub(crate) fn set(&self, call: &str, status: u16, answer: Value) {
        self.state
            .lock()
            .expect("no panic")
            .store(call.to_owned(), status, answer);
    }

    /// What `METHOD target` is answered.
    pub(crate) fn known(&self, call: &str) -> Option<Value> {
        self.state
            .lock()
            .expect("no panic")
            .answers
            .get(call)
            .map(|(_, answer)| answer.clone())
    }

    /// Targets that hold `part` are answered this late.
    pub(crate) fn slow(&self, part: &'static str, by: Duration) {
        self.state.lock().expect("no panic").slow.push((part, by));
    }

    pub(crate) fn calls(&self, method: &str, part: &str) -> Vec<Call> {
        let calls = self.state.lock().expect("no panic").calls.clone();
        calls
            .into_iter()
            .filter(|call| call.method == method && call.target.contains(part))
            .collect()
    }

    /// Waits until so many calls of a kind have come.
    pub(crate) async fn called(&self, method: &str, part: &str, count: usize) -> Vec<Call> {
        let come = async {
            while self.calls(method, part).len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            self.calls(method, part)
        };
        tokio::time::timeout(Duration::from_mins(1), come)
            .await
            .expect("they come")
    }

    async fn changed(&self) {
        let changes = || self.state.lock().expect("no panic").changes;
        let before = changes();
        while changes() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let (method, target) = (head.method.to_string(), head.uri.to_string());
        let late = self.note(&method, &target, &body);
        if let Some(late) = late {
            tokio::time::sleep(late).await;
        }
        let query = head.uri.query().unwrap_or_default();
        if query.contains("watch=true") {
            self.changed().await;
            let event = json!({ "type": "MODIFIED" }).to_string();
            return Ok(Response::new(Full::new(event.into())));
        }
        let mut state = self.state.lock().expect("no panic");
        let known = state.answers.get(&format!("{method} {target}")).cloned();
        let known = known.or_else(|| state.write(&method, head.uri.path(), &body));
        let (status, answer) = known.unwrap_or_else(|| match method.as_str() {
            "GET" => (404, status(404, "not found")),
            _ => (201, json!({ "kind": "Event" })),
        });
        let response = Response::builder().status(status);
        let response = response.header("content-type", "application/json");
        Ok(response
            .body(Full::new(answer.to_string().into()))
            .expect("a response"))
    }

    /// Remembers the call; by how much its answer is late.
    fn note(&self, method: &str, target: &str, body: &[u8]) -> Option<Duration> {
        let mut state = self.state.lock().expect("no panic");
        state.calls.push(Call {
            method: method.to_owned(),
            target: target.to_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
        });
        let mut slow = state.slow.iter();
        slow.find(|(part, _)| target.contains(part))
            .map(|(_, by)| *by)
    }
}

impl State {
    fn store(&mut self, call: String, status: u16, answer: Value) {
        self.answers.insert(call, (status, answer));
        self.changes += 1;
    }

    /// Writes an object that can be read; what is stored then. Of any other the refusal is the
    /// same as when it is read.
    fn write(&mut self, method: &str, path: &str, body: &[u8]) -> Option<(u16, Value)> {
        let call = format!("GET {path}");
        let (code, before) = self.answers.get(&call)?.clone();
        if code != 200 {
            return Some((code, before));
        }
        let sent: Value = serde_json::from_slice(body).expect("JSON");
        let written = match method {
            "PUT" => sent,
            "PATCH" => with_bundles(before, &sent),
            _ => return None,
        };
        self.store(call, 200, written.clone());
        Some((200, written))
    }
}

/// As a strategic merge of annotations, and of `webhooks` by name, leaves them.
fn with_bundles(mut stored: Value, patch: &Value) -> Value {
    for (key, value) in patch["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
    {
        stored["metadata"]["annotations"][key] = value.clone();
    }
    for change in patch["webhooks"].as_array().expect("a list") {
        let mut webhooks = stored["webhooks"]
            .as_array_mut()
            .expect("a list")
            .iter_mut();
        let webhook = webhooks
            .find(|webhook| webhook["name"] == change["name"])
            .expect("a known name");
        webhook["clientConfig"]["caBundle"] = change["clientConfig"]["caBundle"].clone();
    }
    stored
}

/// How the API server says no.
pub(crate) fn status(code: u16, message: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": "x" })
}
