//! `stsidecar inject`: manifests in, injected manifests out, by the same decisions as the webhook.
//!
//! Owns the command: which workloads of a stream are decided on, and what is printed. A document
//! that is not changed is printed byte for byte. It talks to no cluster. The parts: `input` reads,
//! `workloads` and `kinds` find pods, `edit` writes.

mod containers;
mod edit;
mod emit;
mod folded;
mod input;
mod kinds;
mod positions;
mod stream;
mod workloads;
mod yaml;

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::{Env, exit};
use crate::inject::patch::parts;
use crate::inject::{self, Decision, Denial, Operation, Request, Skip, Template, keys};
use crate::role::{RoleArn, Server};
use kinds::{GroupKind, Kinds, PodTemplate};
use stream::Document;
use workloads::{Object, RelatedObjects, Workload};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Read manifests from this file; - is standard input
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    filename: PathBuf,
    /// The role of workloads for which neither an annotation nor a ServiceAccount of the stream
    /// names one
    #[arg(long, value_name = "ARN", value_parser = role)]
    role_arn: Option<String>,
    /// The chart's values: its image, agent and injector keys are read
    #[arg(long, value_name = "FILE")]
    values: Option<PathBuf>,
    /// The region when no annotation names one; beats agent.region of the values
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The namespace of workloads that name none
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// Where objects of a further kind hold a pod template: /spec/template, with * for every item;
    /// may be repeated
    #[arg(long, value_name = "GROUP/KIND=PATH", value_parser = PodTemplate::parse)]
    pod_template: Vec<PodTemplate>,
    /// A kind whose containers are left alone without a word; may be repeated
    #[arg(long, value_name = "GROUP/KIND", value_parser = GroupKind::parse)]
    ignore: Vec<GroupKind>,
    /// Fail when an object that holds containers is passed over
    #[arg(long)]
    require: bool,
}

/// The pod's settings decide later which STS the role is for.
fn role(text: &str) -> Result<String, String> {
    RoleArn::parse_at(Server::Other, text)
        .map(|role| role.as_str().to_owned())
        .map_err(|error| error.to_string())
}

pub(super) fn run(arguments: &Args, env: &mut Env<'_>) -> u8 {
    let template = match input::template(arguments, env) {
        Ok(template) => template,
        Err(problem) => return env.complaint(&format!("stsidecar: {problem}\n"), exit::CONFIG),
    };
    let (name, text) = match input::manifests(&arguments.filename, env) {
        Ok(input) => input,
        Err(problem) => {
            return env.complaint(&format!("stsidecar: {problem}\n"), exit::NOT_READY);
        }
    };
    let outcome = input::documents(&name, &text)
        .and_then(|documents| injected(arguments, &template, &documents));
    match outcome {
        Ok((text, warnings)) => {
            if !warnings.is_empty() {
                env.complaint(&warnings, exit::OK);
            }
            env.result(&text, exit::OK)
        }
        Err(problems) => env.complaint(&problems, exit::NOT_READY),
    }
}

/// The stream with every workload injected, and the warnings; or everything that is wrong.
fn injected(
    arguments: &Args,
    template: &Template,
    documents: &[(Document<'_>, Option<Value>)],
) -> Result<(String, String), String> {
    let (mut text, mut lines) = (String::new(), Lines::default());
    let related = RelatedObjects::of(
        documents.iter().filter_map(|(_, value)| value.as_ref()),
        &arguments.namespace,
    );
    let run = Run {
        arguments,
        template,
        related: &related,
        kinds: Kinds {
            more: &arguments.pod_template,
            ignored: &arguments.ignore,
        },
    };
    for (document, value) in documents {
        let changed = value
            .as_ref()
            .map(|own| run.document(document, own, &mut lines));
        match (value, changed) {
            (Some(value), Some(changed)) if changed != *value => {
                match document.with(value, &changed) {
                    Ok(edited) => text.push_str(&edited),
                    Err(refusal) => {
                        let name = format!("the document at line {}", document.line);
                        line(&mut lines.problems, &name, &refusal.to_string());
                    }
                }
            }
            _ => text.push_str(document.text),
        }
    }
    if lines.problems.is_empty() {
        Ok((text, lines.warnings))
    } else {
        Err(lines.warnings + &lines.problems)
    }
}

/// Lines for standard error.
#[derive(Default)]
struct Lines {
    warnings: String,
    problems: String,
}

/// What every workload of a stream is decided by.
struct Run<'a> {
    arguments: &'a Args,
    template: &'a Template,
    related: &'a RelatedObjects,
    kinds: Kinds<'a>,
}

impl Run<'_> {
    /// What a document means with its workloads injected.
    fn document(&self, document: &Document<'_>, value: &Value, lines: &mut Lines) -> Value {
        let mut changed = value.clone();
        for object in workloads::objects(value) {
            let workloads = object.workloads(&self.kinds, &self.arguments.namespace);
            for workload in &workloads {
                match self.inject(workload, &mut changed) {
                    Ok(warnings) => {
                        for warning in &warnings {
                            line(&mut lines.warnings, &workload.name, warning);
                        }
                    }
                    Err(denial) => line(&mut lines.problems, &workload.name, &denial.message),
                }
            }
            if let Some((name, what)) = self.passed_over(document, &object, &workloads) {
                let lines = if self.arguments.require {
                    &mut lines.problems
                } else {
                    &mut lines.warnings
                };
                line(lines, &name, &what);
            }
        }
        changed
    }

    /// The name of an object, and the warning about its first container that is in no known pod.
    fn passed_over(
        &self,
        document: &Document<'_>,
        object: &Object<'_>,
        workloads: &[Workload],
    ) -> Option<(String, String)> {
        let pods: Vec<_> = workloads
            .iter()
            .map(|workload| workload.pointer[object.place.len()..].to_owned())
            .collect();
        let at = containers::outside(object.value, &pods)
            .filter(|_| !self.kinds.ignores(object.group, object.kind))?;
        let what = format!("passed over, although it holds a container at {at}");
        if object.kind.is_empty() {
            return Some((
                format!("the document at line {}", document.line),
                format!("{what}: it is no object of Kubernetes"),
            ));
        }
        let kind = kinds::name(object.group, object.kind);
        let what = format!(
            "{what}: --pod-template={kind}=PATH names where such an object holds a complete pod template, \
         --ignore={kind} passes it over without a word"
        );
        Some((object.name(&self.arguments.namespace), what))
    }

    /// Injects one workload's pod; answers its warnings.
    fn inject(&self, workload: &Workload, changed: &mut Value) -> Result<Vec<String>, Denial> {
        let request = Request {
            pod: &workload.pod,
            namespace: &workload.namespace,
            account: self.related.account(
                &workload.namespace,
                inject::service_account_name(&workload.pod),
            ),
            namespace_object: self.related.namespace(&workload.namespace),
            asked_by_caller: true,
            fallback_role: self.arguments.role_arn.as_deref(),
        };
        let mut drawn = false;
        let decision = inject::decide(&request, self.template, &mut || {
            drawn = true;
            "0".repeat(32)
        });
        match decision {
        Decision::Deny(denial) => Err(denial),
        Decision::Skip(skip) => Ok(vec![left_alone(&skip)]),
        Decision::Inject(_) if drawn => Err(Denial::new(
            inject::Reason::Combination,
            "stsidecar.dev/legacy-clients: its tokens are made when a pod is created, and a manifest is no place for \
             them: let the webhook inject this workload, or remove legacy-clients"
                .to_owned(),
        )),
        Decision::Inject(injection) => {
            for operation in &injection.operations {
                apply(changed, &workload.pointer, operation);
            }
            Ok(injection.warnings)
        }
    }
    }
}

/// Applies an operation that was made for the value at `pointer`.
fn apply(document: &mut Value, pointer: &str, operation: &Operation) {
    let path = format!("{pointer}{}", operation.path());
    let (parent, _) = path
        .rsplit_once('/')
        .expect("no operation is aimed at the whole");
    let part = parts(&path).pop().unwrap_or_default();
    match (document.pointer_mut(parent), operation) {
        (Some(Value::Object(map)), Operation::Remove { .. }) => drop(map.remove(&part)),
        (
            Some(Value::Object(map)),
            Operation::Add { value, .. } | Operation::Replace { value, .. },
        ) => {
            map.insert(part, value.clone());
        }
        (Some(Value::Array(items)), operation) => {
            let at = part.parse().unwrap_or(items.len());
            match operation {
                Operation::Add { value, .. } => items.insert(at, value.clone()),
                Operation::Replace { value, .. } => items[at] = value.clone(),
                Operation::Remove { .. } => drop(items.remove(at)),
            }
        }
        _ => unreachable!("the patch was made for this"),
    }
}

fn line(lines: &mut String, name: &str, said: &str) {
    writeln!(lines, "stsidecar: {name}: {said}").expect("a String takes every text");
}

/// A pod that its author excludes is no fault, but the user sees which pods have no credentials.
fn left_alone(skip: &Skip) -> String {
    let why = match skip.reason {
        "mirror" => "it is the mirror of a static pod".to_owned(),
        "disabled" => format!(
            "it says {}: \"false\", or its Namespace {}: disabled",
            keys::INJECT,
            keys::INJECTION
        ),
        reason => skip.message.clone().unwrap_or_else(|| reason.to_owned()),
    };
    format!("left alone: {why}")
}

#[cfg(test)]
mod tests;
