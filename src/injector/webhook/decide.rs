//! What becomes of a decision: the answer to the API server, a log line, a count, and
//! events on the pod's owner.
//!
//! Owns which decision is reported where. It decides nothing about a pod: `inject` does. Called by
//! the webhook for each review, on another thread for a large one.

use super::Webhook;
use crate::failure::safe_line;
use crate::inject::{self, Decision, Denial, Injection, Skip};
use crate::injector::events::{Event, Owner, Reason};
use crate::injector::metrics::{AdmissionOutcome, Failure};
use crate::injector::objects::{self, RelatedObjects};
use crate::injector::review::{Review, Verdict};

impl Webhook {
    pub(super) fn decide(&self, review: &Review, surroundings: &RelatedObjects) -> Verdict {
        let request = inject::Request {
            pod: &review.pod,
            namespace: &review.namespace,
            account: surroundings.account.as_ref(),
            namespace_object: surroundings.namespace.as_ref(),
            asked_by_caller: false,
            fallback_role: None,
        };
        match inject::decide(&request, &self.current.template(), &mut || {
            (self.uses.draw)()
        }) {
            Decision::Deny(denial) => self.denied(review, &denial),
            Decision::Skip(skip) => self.skipped(review, skip),
            Decision::Inject(injection) => self.injected(review, injection),
        }
    }

    /// An object that the decision depends on could not be read.
    pub(super) fn unread(&self, review: &Review, error: &objects::Error) -> Verdict {
        let (namespace, owner) = (safe_line(&review.namespace), shown(review));
        tracing::error!(namespace, owner, %error, "a pod is refused");
        self.count(AdmissionOutcome::Error(Failure::ReadFailed));
        Verdict::Refused {
            code: 500,
            message: format!("stsidecar: {error}"),
        }
    }

    fn denied(&self, review: &Review, denial: &Denial) -> Verdict {
        self.count(AdmissionOutcome::Denied(denial.reason));
        tracing::info!(
            namespace = review.namespace,
            owner = shown(review),
            reason = denial.reason.as_str(),
            "a pod is refused"
        );
        Verdict::Refused {
            code: 403,
            message: denial.to_string(),
        }
    }

    fn skipped(&self, review: &Review, skip: Skip) -> Verdict {
        self.count(AdmissionOutcome::Skipped(skip.reason));
        let (namespace, owner, reason) = (&review.namespace, shown(review), skip.reason);
        let mut warnings = Vec::new();
        if let Some(message) = skip.message {
            tracing::info!(namespace, owner, reason, "a pod is left alone");
            self.inform(review, Reason::Skipped, &message);
            warnings.push(format!("not injected: {message}"));
        } else {
            tracing::debug!(namespace, owner, reason, "a pod is left alone");
        }
        Verdict::Admitted {
            patch: None,
            warnings,
        }
    }

    fn injected(&self, review: &Review, injection: Injection) -> Verdict {
        // The second call for a pod that is complete: the first one has said everything.
        if injection.operations.is_empty() {
            return Verdict::Admitted {
                patch: None,
                warnings: Vec::new(),
            };
        }
        self.count(AdmissionOutcome::Injected);
        tracing::debug!(
            namespace = review.namespace,
            owner = shown(review),
            "a pod is injected"
        );
        for warning in &injection.warnings {
            self.inform(review, Reason::Warned, warning);
        }
        Verdict::Admitted {
            patch: Some(injection.to_json()),
            warnings: injection.warnings,
        }
    }

    pub(super) fn count(&self, outcome: AdmissionOutcome) {
        self.uses.metrics.count(outcome);
    }

    /// Puts an event on the owner, whose user does not see our answer; never for a dry run.
    fn inform(&self, review: &Review, reason: Reason, message: &str) {
        if review.dry_run {
            return;
        }
        if let Some(owner) = Owner::of(&review.pod) {
            self.uses.events.put(Event {
                namespace: review.namespace.clone(),
                owner,
                reason,
                message: message.to_owned(),
            });
        }
    }
}

/// The pod's owner for a log line: `ReplicaSet/web-1`, or the pod itself, whose
/// name may not be there yet.
fn shown(review: &Review) -> String {
    if let Some(Owner { kind, name, .. }) = Owner::of(&review.pod) {
        return safe_line(&format!("{kind}/{name}"));
    }
    let metadata = &review.pod["metadata"];
    let name = metadata["name"].as_str();
    let name = name.or(metadata["generateName"].as_str());
    safe_line(&format!("Pod/{}", name.unwrap_or_default()))
}
