//! Injection decided: a raw pod, the objects around it and the chart's values in; a minimal JSON patch, a
//! skip or a denial out.
//!
//! Owns the order of the decisions: first whether to inject, then what forbids it, then the patch. It is pure
//! and names no Kubernetes client; the only chance in it is drawn by its caller. A second call on its own
//! result changes nothing, and completes what other injectors added in between. Used by the webhook and by
//! `stsidecar inject`.

mod assembly;
mod checks;
mod denial;
mod earlier;
mod environment;
mod handover;
pub mod keys;
mod mesh;
mod nodes;
pub mod patch;
mod pattern;
mod pod;
mod pull_secrets;
mod quantity;
mod release;
mod resources;
mod settings;
mod sidecar;
mod status;
pub mod template;

use serde_json::{Value, json};

pub use denial::{Denial, Reason};
pub use patch::Operation;
pub use release::injecting_release;
pub use settings::SettingsHash;
pub use template::Template;

use environment::Surroundings;
use handover::Tokens;
use keys::Place;
use patch::Draft;
use pod::{Choice, metadata};
use settings::{Settings, Sources};
use sidecar::Plan;

/// The name of the container that is added.
pub const CONTAINER: &str = "stsidecar";

/// A pod that is about to be created, and what surrounds it. It is not printed: a pod can hold tokens.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The raw pod; a template's `metadata` and `spec` are enough.
    pub pod: &'a Value,
    /// Where it is created; the pod's own metadata may not say.
    pub namespace: &'a str,
    /// Its ServiceAccount as it is now; none when there is none.
    pub account: Option<&'a Value>,
    /// Its Namespace as it is now.
    pub namespace_object: Option<&'a Value>,
    /// Whether a pod that says nothing is taken as one that asks: so does `stsidecar inject`.
    pub asked_by_caller: bool,
    /// The role of a pod for which neither its annotations nor its ServiceAccount name one.
    pub fallback_role: Option<&'a str>,
}

/// What is to happen to a pod.
#[derive(Clone, Debug)]
pub enum Decision {
    /// It is admitted with this patch; an empty one says that nothing is missing.
    Inject(Injection),
    /// It is admitted as it is.
    Skip(Skip),
    /// It is refused.
    Deny(Denial),
}

/// A patch and what to tell about it.
#[derive(Clone, Debug)]
pub struct Injection {
    /// In order; each is aimed at the result of those before.
    pub operations: Vec<Operation>,
    /// For whoever creates the pod, and for its owner's events; empty when nothing is patched.
    pub warnings: Vec<String>,
}

impl Injection {
    /// The JSON patch (RFC 6902).
    #[must_use]
    pub fn patch(&self) -> Value {
        json!(self.operations)
    }

    /// The same as text, without a copy of every operation.
    ///
    /// # Panics
    /// Never: operations are texts and JSON values.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.operations).expect("texts and JSON values serialize")
    }
}

/// Why a pod is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// One of [`Skip::REASONS`], for a metric's label.
    pub reason: &'static str,
    /// What the owner's event says; none when nobody expected an injection.
    pub message: Option<String>,
}

impl Skip {
    /// Every reason there is.
    pub const REASONS: [&'static str; 6] = [
        "conflict",
        "disabled",
        "mirror",
        "no_role",
        "not_asked",
        "other_release",
    ];
}

/// The name of the ServiceAccount that a pod runs as, which the caller reads.
#[must_use]
pub fn service_account_name(pod: &Value) -> &str {
    let spec = &pod["spec"];
    let names = ["serviceAccountName", "serviceAccount"]
        .into_iter()
        .filter_map(|key| pod::text(spec, key));
    names
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or("default")
}

/// Decides what is to happen to a pod. `draw` makes random text of 32 or more letters and digits, for legacy
/// clients only.
pub fn decide(
    request: &Request<'_>,
    template: &Template,
    draw: &mut dyn FnMut() -> String,
) -> Decision {
    match consider(request, template, draw) {
        Ok(decision) => decision,
        Err(denial) => Decision::Deny(denial),
    }
}

/// Who asked for a pod's injection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The pod itself, or whoever calls: an obstacle is an error.
    Explicitly,
    /// Only its namespace: an obstacle outside the pod's own words leaves it alone.
    ByNamespace,
}

/// The hash that `settingsHash` of a pod's status would have today; a pod that runs by other settings has another. A
/// pod that exists may be asked for: what was injected into it changes nothing.
///
/// # Errors
/// When the pod would be refused.
///
/// The inner one says why it would be left alone.
pub fn settings_hash(
    request: &Request<'_>,
    template: &Template,
) -> Result<Result<SettingsHash, Skip>, Denial> {
    Ok(settle(request, template)?.map(|settled| SettingsHash::of(&settled.settings, template)))
}

/// What is known before the pod's specification is looked at more closely.
struct Settled {
    asked: Asked,
    settings: Settings,
    choice: Choice,
}

fn consider(
    request: &Request<'_>,
    template: &Template,
    draw: &mut dyn FnMut() -> String,
) -> Result<Decision, Denial> {
    match settle(request, template)? {
        Ok(settled) => complete(request, template, &settled, draw),
        Err(skip) => Ok(Decision::Skip(skip)),
    }
}

fn settle(request: &Request<'_>, template: &Template) -> Result<Result<Settled, Skip>, Denial> {
    let pod = request.pod;
    pod::check_shape(pod)?;
    let asked = match asked(request)? {
        Ok(asked) => asked,
        Err(skip) => return Ok(Err(skip)),
    };
    if let Some(skip) = release::of_another(pod, template) {
        return Ok(Err(skip));
    }
    let account_name = service_account_name(pod);
    let sources = Sources {
        pod: metadata(pod, "annotations"),
        account: request
            .account
            .and_then(|account| metadata(account, "annotations")),
        namespace: request
            .namespace_object
            .and_then(|namespace| metadata(namespace, "annotations")),
        account_name,
        namespace_name: request.namespace,
        fallback_role: request.fallback_role,
    };
    keys::check_annotations(Place::Pod, "", sources.pod)?;
    keys::check_labels(metadata(pod, "labels"))?;
    keys::check_annotations(
        Place::Account,
        &format!("ServiceAccount {account_name}: "),
        sources.account,
    )?;
    let silent = !keys::speaks(sources.pod);
    if asked == Asked::ByNamespace && !sources.names_a_role() && silent {
        return Ok(Err(Skip {
            reason: "no_role",
            message: None,
        }));
    }
    keys::check_annotations(
        Place::Namespace,
        &format!("Namespace {}: ", request.namespace),
        sources.namespace,
    )?;
    let settings = Settings::of(&sources, template)?;
    earlier::check_name(pod)?;
    let choice = Choice::of(pod, &settings, template)?;
    match (asked, checks::lacks_role(&sources, &settings, &choice)) {
        (Asked::ByNamespace, Some(message)) => {
            return Ok(Err(Skip {
                reason: "no_role",
                message: Some(message),
            }));
        }
        (Asked::Explicitly, Some(message)) if !template.agent.allow_no_role => {
            let message = format!(
                "{message}; for an STS that derives the role, set the chart's agent.allowNoRole"
            );
            return Err(Denial::new(Reason::NoRole, message));
        }
        _ => {}
    }
    Ok(Ok(Settled {
        asked,
        settings,
        choice,
    }))
}

/// Whether and by whom an injection is asked for, or why not.
fn asked(request: &Request<'_>) -> Result<Result<Asked, Skip>, Denial> {
    let pod = request.pod;
    let skip = |reason| {
        Ok(Err(Skip {
            reason,
            message: None,
        }))
    };
    if metadata(pod, "annotations")
        .is_some_and(|map| map.contains_key("kubernetes.io/config.mirror"))
    {
        return skip("mirror");
    }
    let namespace = request
        .namespace_object
        .and_then(|object| metadata(object, "labels"));
    let namespace = namespace
        .and_then(|labels| labels.get(keys::INJECTION))
        .and_then(Value::as_str);
    if namespace == Some("disabled") {
        return skip("disabled");
    }
    let said = ["annotations", "labels"].into_iter().find_map(|kind| {
        let text = metadata(pod, kind)?.get(keys::INJECT)?.as_str()?;
        Some((kind.trim_end_matches('s'), text))
    });
    if let Some((kind, text)) = said {
        let given = settings::Given::new(format!("{kind} {}", keys::INJECT), text);
        return if given.read(settings::boolean)? {
            Ok(Ok(Asked::Explicitly))
        } else {
            skip("disabled")
        };
    }
    match namespace {
        _ if request.asked_by_caller => Ok(Ok(Asked::Explicitly)),
        Some("enabled") => Ok(Ok(Asked::ByNamespace)),
        _ => skip("not_asked"),
    }
}

fn complete(
    request: &Request<'_>,
    template: &Template,
    Settled {
        asked,
        settings,
        choice,
    }: &Settled,
    draw: &mut dyn FnMut() -> String,
) -> Result<Decision, Denial> {
    // From here on an earlier call's share that would be another now was never there.
    let renewed = earlier::take_back(request.pod, settings, template, choice);
    let pod = renewed.as_ref().map_or(request.pod, Draft::pod);
    let own = pod::own(pod);
    checks::platform(pod, template)?;
    checks::roles(request.namespace, settings, template)?;
    let region = checks::region(pod, settings, choice)?;
    let resources = resources::of(pod, settings);
    let hash = SettingsHash::of(settings, template).to_string();
    let plan = Plan {
        settings,
        template,
        choice,
        region: region.as_deref(),
        resources,
        hash,
    };
    earlier::check(pod, &plan)?;
    checks::ports(pod, settings)?;
    let tokens = if settings.legacy_clients {
        handover::tokens(own.as_ref(), choice, draw)
    } else {
        Tokens::new()
    };
    let in_variables = region.as_deref().map(sidecar::literal);
    let surroundings = Surroundings {
        port: settings.port,
        region: in_variables.as_deref(),
        has_explicit_region: settings.has_explicit_region,
        ec2_metadata: settings.ec2_metadata,
    };
    if let Some(message) = checks::environment(pod, choice, &surroundings, &tokens, template)? {
        return match asked {
            Asked::Explicitly => Err(Denial::new(Reason::Environment, message)),
            Asked::ByNamespace => Ok(Decision::Skip(Skip {
                reason: "conflict",
                message: Some(message),
            })),
        };
    }
    let inline = handover::document(settings, choice, &tokens)?;
    let mut draft = renewed.clone().unwrap_or_else(|| Draft::of(pod));
    let added = assembly::give_containers(&mut draft, pod, choice, &surroundings, &tokens);
    earlier::volumes(&mut draft, &plan);
    assembly::place_sidecar(&mut draft, &plan, &inline);
    resources::refit(&mut draft);
    assembly::name_safe_volumes(&mut draft, &plan);
    let is_narrowed = nodes::narrow(&mut draft, template);
    status::write(&mut draft, &plan, &added, is_narrowed);
    let of_secrets = pull_secrets::add(&mut draft, request, template);
    let mut warnings = Vec::new();
    if !draft.is_untouched() {
        warnings = checks::warnings(draft.pod(), &plan, &surroundings);
        warnings.extend(mesh::warnings(draft.pod(), request.namespace_object, &plan));
        warnings.extend(of_secrets);
    }
    Ok(Decision::Inject(Injection {
        operations: draft.into_operations(),
        warnings,
    }))
}
