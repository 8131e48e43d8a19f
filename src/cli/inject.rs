//! `stsidecar inject`: manifests in, injected manifests out, by the same decisions as the webhook.
//!
//! Owns what stands in a stream: which documents are workloads, which ServiceAccounts and Namespaces surround
//! them. A document that is not changed is printed byte for byte. It talks to no cluster.

mod containers;
mod emit;
mod folded;
mod kinds;
mod stream;
mod tree;
mod workloads;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{World, exit};
use crate::config::rendered;
use crate::inject::{self, Decision, Denial, Request, Skip, Template, keys};
use crate::role::{RoleArn, Server};
use crate::{shown, text};
use kinds::{GroupKind, Kinds, PodTemplate};
use stream::Document;
use tree::Tree;
use workloads::{Object, Surroundings, Workload};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Read manifests from this file; - is standard input
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    filename: PathBuf,
    /// The role of workloads for which neither an annotation nor a ServiceAccount of the stream names one
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
    /// Where objects of a further kind hold a pod template: /spec/template, with * for every item; may be repeated
    #[arg(long, value_name = "GROUP/KIND=PATH", value_parser = PodTemplate::parse)]
    pod_template: Vec<PodTemplate>,
    /// A kind whose containers are left alone without a word; may be repeated
    #[arg(long, value_name = "GROUP/KIND", value_parser = GroupKind::parse)]
    ignore: Vec<GroupKind>,
    /// Fail when an object that holds containers is passed over
    #[arg(long)]
    require: bool,
}

/// Whose STS it is for is decided later, by what surrounds the pod.
fn role(text: &str) -> Result<String, String> {
    RoleArn::parse_at(Server::Other, text)
        .map(|role| role.as_str().to_owned())
        .map_err(|error| error.to_string())
}

pub(super) fn run(arguments: &Args, world: &mut World<'_>) -> u8 {
    let template = match template(arguments, world) {
        Ok(template) => template,
        Err(problem) => return world.complaint(&format!("stsidecar: {problem}\n"), exit::CONFIG),
    };
    let (name, text) = match manifests(&arguments.filename, world) {
        Ok(input) => input,
        Err(problem) => {
            return world.complaint(&format!("stsidecar: {problem}\n"), exit::NOT_READY);
        }
    };
    let outcome =
        documents(&name, &text).and_then(|documents| injected(arguments, &template, &documents));
    match outcome {
        Ok((text, warnings)) => {
            if !warnings.is_empty() {
                world.complaint(&warnings, exit::OK);
            }
            world.result(&text, exit::OK)
        }
        Err(problems) => world.complaint(&problems, exit::NOT_READY),
    }
}

fn template(arguments: &Args, world: &World<'_>) -> Result<Template, String> {
    let mut values = match &arguments.values {
        None => Value::Object(serde_json::Map::new()),
        Some(path) => {
            let name = shown::value(&path.display().to_string());
            let content =
                (world.read)(path).map_err(|error| format!("cannot read {name}: {error}"))?;
            let text = text::utf8(&content).map_err(|error| format!("{name}: {error}"))?;
            match Tree::parse(text).map_err(|error| format!("{name}: {error}"))? {
                None | Some(Tree::Null) => Value::Object(serde_json::Map::new()),
                Some(tree) => tree.to_value(),
            }
        }
    };
    if let (Some(region), Some(values)) = (&arguments.region, values.as_object_mut()) {
        let agent = values
            .entry("agent")
            .or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(agent) = agent.as_object_mut() {
            agent.insert("region".to_owned(), region.as_str().into());
        }
    }
    let template = rendered::template(values).map_err(|error| error.to_string())?;
    Ok(if arguments.region.is_some() {
        template.with_callers_region()
    } else {
        template
    })
}

/// How the input is called, and what it holds.
fn manifests(path: &Path, world: &World<'_>) -> Result<(String, String), String> {
    let (file, name) = match path.to_str() {
        Some("-") => (Path::new("/dev/stdin"), "standard input".to_owned()),
        _ => (path, shown::value(&path.display().to_string())),
    };
    let content = (world.read)(file).map_err(|error| format!("cannot read {name}: {error}"))?;
    let text = text::utf8(&content)
        .map(str::to_owned)
        .map_err(|error| format!("{name}: {error}"))?;
    Ok((name, text))
}

/// The stream's documents; empty ones and comments have no tree.
fn documents<'a>(name: &str, text: &'a str) -> Result<Vec<(Document<'a>, Option<Tree>)>, String> {
    let (mut documents, mut problems, mut number) = (Vec::new(), String::new(), 1);
    for document in stream::split(text) {
        match document.parse() {
            Ok(tree) => {
                number += usize::from(tree.is_some());
                documents.push((document, tree));
            }
            Err(error) => {
                line(
                    &mut problems,
                    &format!("{name}: document {number}"),
                    &format!("{error}{}", unrendered(&document)),
                );
                number += 1;
            }
        }
    }
    if problems.is_empty() {
        Ok(documents)
    } else {
        Err(problems)
    }
}

/// What is to be done about a document that is none yet.
fn unrendered(document: &Document<'_>) -> String {
    let marks = |text: &str| ["{{", "{%"].into_iter().find(|mark| text.contains(mark));
    let found = document
        .text
        .lines()
        .enumerate()
        .find_map(|(at, text)| Some((document.line + at, marks(text)?)));
    let hint = |(line, mark)| {
        format!(
            "; it looks like a template that was not rendered (line {line} has {mark}): render it first, such as by \
             helm template"
        )
    };
    found.map(hint).unwrap_or_default()
}

/// The stream with every workload injected, and the warnings; or everything that is wrong.
fn injected(
    arguments: &Args,
    template: &Template,
    documents: &[(Document<'_>, Option<Tree>)],
) -> Result<(String, String), String> {
    let (mut text, mut said) = (String::new(), Said::default());
    let surroundings = Surroundings::of(
        documents.iter().filter_map(|(_, tree)| tree.as_ref()),
        &arguments.namespace,
    );
    let kinds = Kinds {
        more: &arguments.pod_template,
        ignored: &arguments.ignore,
    };
    for (document, tree) in documents {
        let Some(tree) = tree else {
            text.push_str(document.text);
            continue;
        };
        let mut changed = tree.clone();
        for object in workloads::objects(tree) {
            let workloads = object.workloads(&kinds, &arguments.namespace);
            for workload in &workloads {
                match inject(arguments, template, &surroundings, workload, &mut changed) {
                    Ok(warnings) => {
                        for warning in &warnings {
                            line(&mut said.warnings, &workload.name, warning);
                        }
                    }
                    Err(denial) => line(&mut said.problems, &workload.name, &denial.message),
                }
            }
            if let Some((name, what)) =
                passed_over(arguments, &kinds, document, &object, &workloads)
            {
                line(
                    if arguments.require {
                        &mut said.problems
                    } else {
                        &mut said.warnings
                    },
                    &name,
                    &what,
                );
            }
        }
        if changed == *tree {
            text.push_str(document.text);
        } else {
            text.push_str(&document.with(tree, &changed));
        }
    }
    if said.problems.is_empty() {
        Ok((text, said.warnings))
    } else {
        Err(said.warnings + &said.problems)
    }
}

/// Lines for standard error.
#[derive(Default)]
struct Said {
    warnings: String,
    problems: String,
}

/// What an object is called, and what is said of the first of its containers that is in no pod that is known.
fn passed_over(
    arguments: &Args,
    kinds: &Kinds<'_>,
    document: &Document<'_>,
    object: &Object<'_>,
    workloads: &[Workload],
) -> Option<(String, String)> {
    let pods: Vec<_> = workloads
        .iter()
        .map(|workload| workload.pointer[object.place.len()..].to_owned())
        .collect();
    let at = containers::outside(object.tree, &pods)
        .filter(|_| !kinds.ignores(object.group, object.kind))?;
    let what = format!("passed over, although it holds a container at {at}");
    if object.kind.is_empty() {
        return Some((
            format!("the document at line {}", document.line),
            format!("{what}: it is no object of Kubernetes"),
        ));
    }
    let slash = if object.group.is_empty() { "" } else { "/" };
    let kind = format!("{}{slash}{}", object.group, object.kind);
    let what = format!(
        "{what}: --pod-template={kind}=PATH names where such an object holds a complete pod template, \
         --ignore={kind} passes it over without a word"
    );
    Some((object.name(&arguments.namespace), what))
}

fn line(lines: &mut String, name: &str, said: &str) {
    writeln!(lines, "stsidecar: {name}: {said}").expect("a String takes every text");
}

/// Injects one workload's pod; answers its warnings.
fn inject(
    arguments: &Args,
    template: &Template,
    surroundings: &Surroundings,
    workload: &Workload,
    changed: &mut Tree,
) -> Result<Vec<String>, Denial> {
    let request = Request {
        pod: &workload.pod,
        namespace: &workload.namespace,
        account: surroundings.account(
            &workload.namespace,
            inject::service_account_name(&workload.pod),
        ),
        namespace_object: surroundings.namespace(&workload.namespace),
        asked_by_caller: true,
        fallback_role: arguments.role_arn.as_deref(),
    };
    let mut drawn = false;
    let decision = inject::decide(&request, template, &mut || {
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
                changed.apply(&workload.pointer, operation);
            }
            Ok(injection.warnings)
        }
    }
}

/// Its author's own wish is no fault, but a pod without credentials is not left without a word either.
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
