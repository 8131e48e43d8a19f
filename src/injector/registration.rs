//! The `MutatingWebhookConfiguration` as a running injector follows it: by which configuration pods
//! are injected, and whether the API server still asks.
//!
//! Owns what decides a review from now on, the looks at the object, and what is said when it is
//! gone. It never writes the object (`caBundle` is `certificates`'), and never creates it: that
//! right cannot be limited to a name
//! (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources>). Run by
//! the composition; the webhook and health read [`Current`].
//!
//! An upgrade is over for `helm upgrade --wait` when the new pods are ready, while those of before
//! still answer the API server's kept connections. So the object carries the configuration in an
//! annotation, and every running injector takes it within milliseconds, by a watch. The rule is
//! one: what the annotation says decides; without it, the file.

mod carried;
pub mod metrics;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use kube::Client;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tracing::{debug, error, info, warn};

use super::certificates::object::{Error, Object};
use super::check::webhooks;
use super::config::Config;
use crate::inject::Template;
use carried::Carried;
use metrics::Metrics;

/// Holds the configuration, as the chart's ConfigMap does.
pub const ANNOTATION: &str = "stsidecar.dev/configuration";
/// The longest between two looks: bounds how long a watch that hangs can hide a change.
const LOOK: Duration = Duration::from_secs(4);
/// Helm makes the object after the Deployment
/// (<https://github.com/helm/helm/blob/v3.16.0/pkg/releaseutil/kind_sorter.go>), so a first
/// injector may look before it is there.
const INSTALLED_WITHIN: Duration = Duration::from_secs(30);

/// What is known of the object; reviews and health read it, and never wait.
pub struct Current {
    template: ArcSwap<Template>,
    standing: ArcSwap<Standing>,
}

#[derive(Clone)]
struct Standing {
    has_looked: bool,
    configuration: Result<(), String>,
    webhooks: Result<(), String>,
}

impl Current {
    /// The file's, until the first look.
    #[must_use]
    pub fn new(template: Template) -> Self {
        let standing = Standing {
            has_looked: false,
            configuration: Ok(()),
            webhooks: Ok(()),
        };
        Self {
            template: ArcSwap::from_pointee(template),
            standing: ArcSwap::from_pointee(standing),
        }
    }

    /// By what a review that is decided now is decided.
    #[must_use]
    pub fn template(&self) -> Arc<Template> {
        self.template.load_full()
    }

    /// Whether the object was read, or found missing. Before that, a review could be decided by a
    /// file that an upgrade has overtaken.
    #[must_use]
    pub fn has_looked(&self) -> bool {
        self.standing.load().has_looked
    }

    /// Whether the carried configuration is in effect, or why not.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn configuration(&self) -> Result<(), String> {
        self.standing.load().configuration.clone()
    }

    /// Whether the API server asks for every pod that it should.
    ///
    /// # Errors
    /// What is missing.
    pub fn webhooks(&self) -> Result<(), String> {
        self.standing.load().webhooks.clone()
    }

    fn note(&self, change: impl FnOnce(&mut Standing)) {
        let mut standing = Standing::clone(&self.standing.load());
        change(&mut standing);
        self.standing.store(Arc::new(standing));
    }
}

/// Whether the webhooks have been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Unknown,
    Present,
    Missing,
}

/// The annotation when it was last read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Annotation {
    Unread,
    Absent,
    Text(String),
}

/// Keeps a [`Current`] as the object is.
pub struct Registration {
    object: Object,
    own: Config,
    current: Arc<Current>,
    metrics: Metrics,
    began: Instant,
    presence: Presence,
    annotation: Annotation,
}

impl Registration {
    /// For an injector whose file is `own`.
    #[must_use]
    pub fn new(own: Config, client: Client, current: Arc<Current>, metrics: Metrics) -> Self {
        let object = Object::webhooks(client, &own.webhook_configuration);
        Self {
            object,
            own,
            current,
            metrics,
            began: Instant::now(),
            presence: Presence::Unknown,
            annotation: Annotation::Unread,
        }
    }

    /// Looks for ever: at each event of a watch, and at the latest after four seconds.
    pub async fn run(mut self) {
        let (object, changed) = (self.object.clone(), Notify::new());
        tokio::join!(object.watch(&changed), self.keep_looking(&changed));
    }

    async fn keep_looking(&mut self, changed: &Notify) {
        loop {
            self.look().await;
            let _ = timeout(LOOK, changed.notified()).await;
        }
    }

    /// Reads the object itself: an event, or a watch's first answer, may be
    /// older than what is stored.
    async fn look(&mut self) {
        let problem = match self.object.read().await {
            Ok(object) => {
                self.follow(object["metadata"]["annotations"][ANNOTATION].as_str());
                self.missing(&webhooks::absent(&object, &self.own))
            }
            // Nothing is asked then, so nothing changes either.
            Err(missing @ Error::Missing(_)) => Some(missing.to_string()),
            // `certificates` reads the same object and warns.
            Err(error) => return debug!(%error, "the registration could not be read"),
        };
        self.judge(problem);
        self.current.note(|standing| standing.has_looked = true);
    }

    fn missing(&self, webhooks: &[&str]) -> Option<String> {
        let (object, names) = (self.object.title(), webhooks.join(" and no "));
        let service = format!("{}/{}", self.own.namespace, self.own.service_name);
        (!webhooks.is_empty()).then(|| {
            format!(
                "{object} has no {names} that calls Service {service}; {}",
                webhooks::UPGRADE
            )
        })
    }

    /// Says once that the webhooks are gone, and once that they are back.
    fn judge(&mut self, problem: Option<String>) {
        let is_overdue =
            self.presence == Presence::Unknown && self.began.elapsed() >= INSTALLED_WITHIN;
        self.metrics.registered(problem.is_none());
        match &problem {
            None => {
                if self.presence == Presence::Missing {
                    info!("the API server asks this injector again");
                }
                self.presence = Presence::Present;
            }
            Some(problem) if self.presence == Presence::Present || is_overdue => {
                error!(
                    problem,
                    "the API server does not ask this injector: pods start without credentials"
                );
                self.presence = Presence::Missing;
            }
            Some(_) => {}
        }
        self.current
            .note(|standing| standing.webhooks = problem.map_or(Ok(()), Err));
    }

    /// Puts what the annotation says into effect; nothing when it says what it said before.
    fn follow(&mut self, text: Option<&str>) {
        let now = text.map_or(Annotation::Absent, |text| Annotation::Text(text.to_owned()));
        if now == self.annotation {
            return;
        }
        let is_first = std::mem::replace(&mut self.annotation, now) == Annotation::Unread;
        let mut refused = Ok(());
        if let Some(text) = text {
            refused = self.take(carried::read(text, &self.own), is_first);
        } else if !is_first {
            let source = "the mounted file, since no annotation carries another";
            self.put_into_effect(self.own.template.clone(), source);
        }
        self.current
            .note(|standing| standing.configuration = refused);
    }

    /// Puts a carried configuration into effect, or says why not.
    fn take(&self, carried: Carried, is_first: bool) -> Result<(), String> {
        match carried {
            Carried::Taken {
                template,
                is_the_files,
            } => {
                if is_first && !is_the_files {
                    warn!(
                        ANNOTATION,
                        "the mounted file says something else than the annotation, which decides"
                    );
                }
                self.put_into_effect(*template, ANNOTATION);
            }
            Carried::OfAnotherBuild(problem) => info!(
                problem,
                "what is in effect stays: the configuration is for the injectors of another image"
            ),
            Carried::Refused(problem) => {
                self.metrics.refused();
                let problem = format!("{}: {problem}", self.object.title());
                error!(
                    problem,
                    "a configuration cannot be read; the one before stays in effect"
                );
                return Err(format!("{problem}; the one before stays in effect"));
            }
        }
        Ok(())
    }

    fn put_into_effect(&self, template: Template, source: &'static str) {
        info!(source, image = template.image(), "configuration in effect");
        self.current.template.store(Arc::new(template));
        self.metrics.taken();
    }
}
