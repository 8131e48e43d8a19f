//! The sidecar's two ports, of which no other container may declare one: the pod's network has each
//! once.
//!
//! Owns that refusal. It sees declared ports only; a program may listen without. Called by
//! `decide`.

use serde_json::Value;

use crate::inject::gather::PodSettings;
use crate::inject::keys::PREFIX;
use crate::inject::pod::{items, others, text};
use crate::inject::{Denial, Reason};

pub(super) fn check(pod: &Value, settings: &PodSettings) -> Result<(), Denial> {
    let own = [
        (settings.port, "the credentials endpoint", "port"),
        (settings.metrics_port, "health and metrics", "metrics-port"),
    ];
    for container in others(pod) {
        for declared in items(container.value, "ports") {
            let number = declared.get("containerPort").and_then(Value::as_u64);
            let is_tcp = text(declared, "protocol").is_none_or(|protocol| protocol == "TCP");
            let taken = own
                .iter()
                .find(|(port, ..)| is_tcp && number == Some((*port).into()));
            if let Some((port, what, key)) = taken {
                let name = container.name;
                return Err(Denial::new(
                    Reason::Port,
                    format!(
                        "container {name} declares port {port}, which is the sidecar's for {what}: \
                         set {PREFIX}{key} to another"
                    ),
                ));
            }
        }
    }
    Ok(())
}
