//! What `helm upgrade` does: a Deployment's rolling update from one mode to another.

use std::path::Path;
use std::time::Duration;

use stsidecar::injector::config::Mode;
use tokio::time::Instant;

use crate::api::{Api, Health, SECRET};
use crate::scene::{Replica, SECOND, Time, call_all};

pub const MINUTE: Duration = Duration::from_mins(1);

/// A Deployment's rolling update: one more at first, and an old one goes once a new one is ready.
/// API servers call each that is ready.
pub async fn roll(
    api: &Api,
    time: Time,
    mut old: Vec<Replica>,
    start: impl Fn(f64) -> Replica,
) -> Vec<Replica> {
    let mut new: Vec<Replica> = Vec::new();
    for draw in [0.1, 0.8] {
        let (next, began) = (start(draw), Instant::now());
        while !next.serving.is_ready() {
            assert!(
                began.elapsed() < 2 * MINUTE,
                "never ready: {:?}",
                next.serving.readiness()
            );
            let ready: Vec<&Replica> = old.iter().chain(&new).collect();
            call_all(api, time, &ready, SECOND, SECOND).await;
        }
        new.push(next);
        let ready: Vec<&Replica> = old.iter().chain(&new).collect();
        call_all(api, time, &ready, SECOND, 5 * SECOND).await;
        if let Some(replica) = old.pop() {
            replica.stop().await;
        }
    }
    new
}

/// What Helm does to the Secret of mode `self` before the pods are replaced.
pub fn prepare(api: &Api, mode: Mode) {
    let is_own = matches!(mode, Mode::SelfSigned(_));
    if !is_own {
        api.edit(SECRET, |secret| {
            drop(secret.as_object_mut().expect("an object").remove("data"));
        });
    }
    api.set(if is_own {
        Health::Up
    } else {
        Health::SecretGone
    });
}

pub fn start<'a>(
    api: &'a Api,
    time: Time,
    mode: Mode,
    folder: &'a Path,
) -> impl Fn(f64) -> Replica + 'a {
    move |draw| Replica::mounted(api, time, mode, draw, folder.to_owned())
}
