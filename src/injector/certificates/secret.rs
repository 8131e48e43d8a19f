//! The Secret that all replicas share: its data, and the annotation by which an operator asks for a rotation.
//!
//! Owns reading both and writing both at once, refused when somebody wrote in between. It never decides what is
//! written. Called by `own`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::authority::Names;
use super::held::{Data, Held, KEYS};
use super::object::{Error, Object};
use super::plan::Rotation;

/// `ca` or `leaf`; taken off by the write that begins the rotation.
pub(super) const ROTATE: &str = "stsidecar.dev/rotate";

/// The Secret as read.
pub(super) struct Read {
    object: Value,
    pub(super) held: Option<Held>,
    /// What in it is not usable.
    pub(super) faults: Vec<String>,
    /// What is asked for; the value itself when it is neither `ca` nor `leaf`.
    pub(super) request: Option<Result<Rotation, String>>,
}

pub(super) async fn read(object: &Object, names: &Names) -> Result<Read, Error> {
    let object = object.read().await?;
    let mut faults = Vec::new();
    let mut data = Data::new();
    for key in KEYS {
        match object["data"][key]
            .as_str()
            .map(|text| STANDARD.decode(text))
        {
            Some(Ok(value)) => drop(data.insert(key.to_owned(), value)),
            Some(Err(_)) => faults.push(format!("{key} is not base64")),
            None => {}
        }
    }
    let (held, more) = Held::from_data(&data, names);
    faults.extend(more);
    let request = object["metadata"]["annotations"][ROTATE]
        .as_str()
        .map(|value| match value {
            "ca" => Ok(Rotation::Authority),
            "leaf" => Ok(Rotation::Leaf),
            other => Err(other.to_owned()),
        });
    Ok(Read {
        object,
        held,
        faults,
        request,
    })
}

/// Stores `held` in place of what was read, and takes the request off when it is `done`.
pub(super) async fn write(
    object: &Object,
    read: &Read,
    held: &Held,
    done: bool,
) -> Result<(), Error> {
    let mut secret = read.object.clone();
    if !secret["data"].is_object() {
        secret["data"] = json!({});
    }
    if let Some(data) = secret["data"].as_object_mut() {
        data.retain(|key, _| !KEYS.contains(&key.as_str()));
        data.extend(
            held.to_data()
                .into_iter()
                .map(|(key, value)| (key, json!(STANDARD.encode(value)))),
        );
    }
    if done && let Some(annotations) = secret["metadata"]["annotations"].as_object_mut() {
        annotations.remove(ROTATE);
    }
    object.replace(&secret).await.map(drop)
}
