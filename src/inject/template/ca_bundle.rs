//! The chart's `agent.awsCaBundle`: certificates to trust instead of the image's, from one of two
//! places.
//!
//! Owns how each of them reaches the sidecar, always as a file, which the agent follows. A
//! `ConfigMap` must exist in each namespace and may be of any size; certificates of the values go
//! with each pod, in an annotation. Whether they are certificates the agent's own parser says
//! (`config`). Used by `sidecar`, `status` and `settings`.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::inject::keys::CA_BUNDLE;

/// Annotations of a pod have 256 KiB together, and each pod's object in etcd grows by what is here
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/>).
const LONGEST: usize = 64 << 10;
/// The file of certificates that come with the pod.
const FILE: &str = "ca.crt";

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(in crate::inject) struct CaBundle {
    /// Empty for none.
    pub(super) config_map: String,
    pub(super) key: String,
    /// Certificates; empty for none.
    pub(super) pem: String,
}

impl Default for CaBundle {
    fn default() -> Self {
        Self {
            config_map: String::new(),
            key: FILE.to_owned(),
            pem: String::new(),
        }
    }
}

impl CaBundle {
    /// What is wrong, behind the name of the value.
    pub(in crate::inject) fn check(&self, is_key: fn(&str) -> bool) -> Result<(), String> {
        let problem = |text: &str| Err(format!("agent.awsCaBundle{text}"));
        let pem = self.as_written().unwrap_or_default();
        if !self.config_map.is_empty() && !pem.is_empty() {
            return problem(": configMap and pem exclude each other: leave one of them");
        }
        if !self.config_map.is_empty() && !is_key(&self.key) {
            return problem(".key: name the key of the ConfigMap: letters, digits and -._ only");
        }
        if pem.contains("PRIVATE KEY-----") {
            return problem(
                ".pem: it holds a private key, and every pod would show it: leave the certificates \
                 alone",
            );
        }
        if pem.len() > LONGEST {
            let size = pem.len();
            return problem(&format!(
                ".pem: it has {size} bytes, and goes with every pod: at most {LONGEST}, or a \
                 ConfigMap in each namespace (agent.awsCaBundle.configMap)"
            ));
        }
        Ok(())
    }

    /// The certificates that go with each pod; none when a `ConfigMap` has them. In one line, which
    /// `kubectl describe` cuts (`printAnnotationsMultiline` in
    /// <https://github.com/kubernetes/kubectl/blob/master/pkg/describe/describe.go>), and without
    /// what is between them; the agent's parser takes them so.
    pub(in crate::inject) fn of_values(&self) -> Option<String> {
        let (mut text, mut is_inside) = (String::new(), false);
        for line in self.pem.lines().map(str::trim_ascii) {
            // The older label of the same.
            let line = line.replace(" X509 CERTIFICATE-----", " CERTIFICATE-----");
            if line.starts_with("-----BEGIN CERTIFICATE-----") {
                is_inside = true;
                text.push_str(if text.is_empty() { "" } else { " " });
            }
            if is_inside {
                text.push_str(&line);
            }
            is_inside = is_inside && !line.contains("-----END ");
        }
        self.as_written().map(|_| text)
    }

    /// The certificates as they were written; none without.
    pub(in crate::inject) fn as_written(&self) -> Option<&str> {
        let pem = self.pem.trim_ascii();
        (!pem.is_empty()).then_some(pem)
    }

    /// The file's name in the volume; none without a bundle.
    pub(in crate::inject) fn file(&self) -> Option<&str> {
        let of_config_map = || (!self.config_map.is_empty()).then_some(&*self.key);
        self.as_written().map(|_| FILE).or_else(of_config_map)
    }

    /// The volume of that name with the file; none without a bundle.
    pub(in crate::inject) fn volume(&self, name: &str) -> Option<Value> {
        self.file()?;
        if self.as_written().is_none() {
            return Some(json!({ "name": name, "configMap": { "name": self.config_map } }));
        }
        let field = json!({ "fieldPath": format!("metadata.annotations['{CA_BUNDLE}']") });
        Some(
            json!({ "name": name, "downwardAPI": { "items": [{ "fieldRef": field, "path": FILE }] } }),
        )
    }
}
