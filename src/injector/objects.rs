//! The ServiceAccount and the Namespace of a pod, as they are at this moment.
//!
//! Owns reading both, in parallel and within a limit: a cache would miss a ServiceAccount that was
//! made a millisecond before its pod. An object that does not exist is nothing; one that cannot be
//! read is an error that names it. It never writes. Called by the webhook for each review.

use std::time::Duration;

use kube::Client;
use serde_json::Value;
use tokio::time::timeout;

use super::config::is_object_name;
use crate::failure::{root_cause, safe_line};

/// How long both may take. Within a cluster it is a millisecond; an API server under load may take
/// the second that Kubernetes' own objective allows for reading one object
/// (<https://github.com/kubernetes/community/blob/master/sig-scalability/slos/api_call_latency.md>).
/// The webhook's limit is 5 s.
pub const LIMIT: Duration = Duration::from_secs(1);
/// A connection that the API server closed while it was idle fails once.
const ATTEMPTS: usize = 2;

/// What surrounds a pod; none where there is none.
#[derive(Clone, Debug, Default)]
pub struct RelatedObjects {
    /// The pod's ServiceAccount.
    pub account: Option<Value>,
    /// The pod's Namespace.
    pub namespace: Option<Value>,
}

/// Why an object is not known.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {object}: {cause}; {fix}")]
pub struct Error {
    object: String,
    cause: String,
    fix: &'static str,
    #[source]
    source: Option<Box<kube::Error>>,
}

const AGAIN: &str = "create the pod again; controllers do so by themselves";
const RIGHTS: &str = "the injector's ServiceAccount needs the right to get serviceaccounts and \
                      namespaces, which the chart's ClusterRole gives";

/// Reads from one API server.
#[derive(Clone)]
pub struct Objects {
    client: Client,
    limit: Duration,
}

impl Objects {
    /// Each read ends after `limit`, which is [`LIMIT`] outside tests.
    #[must_use]
    pub fn new(client: Client, limit: Duration) -> Self {
        Self { client, limit }
    }

    /// Reads both.
    ///
    /// # Errors
    /// When one of them cannot be read, or not in time; it is named.
    pub async fn read(&self, namespace: &str, account: &str) -> Result<RelatedObjects, Error> {
        let (account, namespace) = tokio::try_join!(
            self.one(
                format!("ServiceAccount {namespace}/{account}"),
                [("namespaces", namespace), ("serviceaccounts", account)]
            ),
            self.one(
                format!("Namespace {namespace}"),
                [("namespaces", namespace)]
            ),
        )?;
        Ok(RelatedObjects { account, namespace })
    }

    async fn one<const N: usize>(
        &self,
        object: String,
        path: [(&str, &str); N],
    ) -> Result<Option<Value>, Error> {
        let object = safe_line(&object);
        let mut target = "/api/v1".to_owned();
        for (kind, name) in path {
            // It becomes a part of a path of the API server, and every client that reaches the port
            // can send a review.
            if !is_object_name(name) {
                let cause = format!("{:?} is not the name of an object", safe_line(name));
                return Err(Error {
                    object,
                    cause,
                    fix: "correct the name",
                    source: None,
                });
            }
            target.extend(["/", kind, "/", name]);
        }
        let (cause, fix, source) = match timeout(self.limit, self.ask(&target)).await {
            Ok(Ok(found)) => return Ok(Some(found)),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Ok(None),
            Ok(Err(kube::Error::Api(status))) => {
                // 401 is a token that has ended; the client reads the file again within a minute.
                let fix = if status.code == 403 { RIGHTS } else { AGAIN };
                let cause = format!("the API server says {}: {}", status.code, status.message);
                (cause, fix, Some(kube::Error::Api(status)))
            }
            Ok(Err(other)) => (root_cause(&other), AGAIN, Some(other)),
            Err(_) => (
                format!("no answer of the API server within {:?}", self.limit),
                AGAIN,
                None,
            ),
        };
        Err(Error {
            object,
            cause,
            fix,
            source: source.map(Box::new),
        })
    }

    async fn ask(&self, target: &str) -> Result<Value, kube::Error> {
        let mut attempts = 0;
        loop {
            let request = http::Request::get(target)
                .body(Vec::new())
                .map_err(kube::Error::HttpError)?;
            attempts += 1;
            match self.client.request(request).await {
                Err(kube::Error::HyperError(_) | kube::Error::Service(_))
                    if attempts < ATTEMPTS => {}
                answered => return answered,
            }
        }
    }
}
