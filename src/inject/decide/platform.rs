//! Whether the sidecar can run where the pod does, and whether loopback is the pod's own there.
//!
//! Owns the refusal of pods that could never run beside this image: on the node's network, on
//! Windows, on an architecture that the image has not. Called by `decide`.

use serde_json::Value;

use crate::inject::nodes::{ANOTHER, Node, candidates, is_empty, terms};
use crate::inject::pod::text;
use crate::inject::template::Template;
use crate::inject::{Denial, Reason};

const DECLINE: &str = "let it run there, or set stsidecar.dev/inject: \"false\"";

pub(super) fn check(pod: &Value, template: &Template) -> Result<(), Denial> {
    let spec = &pod["spec"];
    let message = if spec["hostNetwork"] == true {
        Some(
            "spec.hostNetwork is true: every process of the node could reach the credentials \
             endpoint; remove hostNetwork, or set stsidecar.dev/inject: \"false\""
                .to_owned(),
        )
    } else {
        unsuitable_nodes(spec, &template.injector.agent_architectures)
    };
    message.map_or(Ok(()), |message| {
        Err(Denial::new(Reason::Platform, message))
    })
}

/// Why the pod could run on no node that the image, which is built for these architectures, runs
/// on.
fn unsuitable_nodes(spec: &Value, built: &[String]) -> Option<String> {
    let terms = Terms::of(spec)?;
    let all = candidates(spec, built);
    let on = |os: &str| all.iter().any(|arch| terms.take(arch, os));
    let os = spec.get("os").and_then(|os| text(os, "name"));
    if os == Some("windows") || !on("linux") && on("windows") {
        return Some(format!(
            "the pod is for Windows nodes, by spec.os, nodeSelector or node affinity, and \
             stsidecar is for Linux: {DECLINE}"
        ));
    }
    if built.is_empty() || built.iter().any(|arch| terms.take(arch, "linux")) {
        return None;
    }
    let asked: Vec<&str> = all
        .into_iter()
        .filter(|arch| *arch != ANOTHER && terms.take(arch, "linux"))
        .collect();
    let asked = match asked.as_slice() {
        [] => "another architecture".to_owned(),
        asked => asked.join(", "),
    };
    Some(format!(
        "the pod's nodeSelector or node affinity asks for {asked}, and the sidecar's image is \
         built for {} (injector.agentArchitectures): {DECLINE}",
        built.join(", ")
    ))
}

/// The required terms that some node can meet, one without requirements where nothing is required.
struct Terms<'a> {
    spec: &'a Value,
    terms: Vec<&'a Value>,
}

impl<'a> Terms<'a> {
    /// None where no node at all meets one.
    fn of(spec: &'a Value) -> Option<Self> {
        let mut terms = terms(spec).unwrap_or_else(|| vec![&Value::Null]);
        terms.retain(|term| term.is_null() || !is_empty(term));
        (!terms.is_empty()).then_some(Self { spec, terms })
    }

    fn take(&self, arch: &str, os: &str) -> bool {
        let node = Node { arch, os };
        self.terms.iter().any(|term| node.takes(self.spec, term))
    }
}
