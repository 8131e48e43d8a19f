//! `stsidecar inject`: manifests in, injected manifests out, by the same decisions as the webhook.
//!
//! Owns what stands in a stream: which documents are workloads, which ServiceAccounts and Namespaces surround
//! them. A document that is not changed is printed byte for byte. It talks to no cluster.

mod emit;
mod stream;
mod tree;
mod workloads;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{World, exit};
use crate::config::rendered;
use crate::inject::{self, Decision, Denial, Request, Template};
use crate::role::{RoleArn, Server};
use crate::{shown, text};
use stream::Document;
use tree::Tree;
use workloads::{Surroundings, Workload};

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
}

/// Whose STS it is for is decided later, by what surrounds the pod.
fn role(text: &str) -> Result<String, String> {
    RoleArn::parse_at(Server::Other, text).map(|role| role.as_str().to_owned()).map_err(|error| error.to_string())
}

pub(super) fn run(arguments: &Args, world: &mut World<'_>) -> u8 {
    let template = match template(arguments, world) {
        Ok(template) => template,
        Err(problem) => return world.complaint(&format!("stsidecar: {problem}\n"), exit::CONFIG),
    };
    let text = match manifests(&arguments.filename, world) {
        Ok(text) => text,
        Err(problem) => return world.complaint(&format!("stsidecar: {problem}\n"), exit::NOT_READY),
    };
    let outcome = documents(&text).and_then(|documents| injected(arguments, &template, &documents));
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
            let content = (world.read)(path).map_err(|error| format!("cannot read {name}: {error}"))?;
            let text = text::utf8(&content).map_err(|error| format!("{name}: {error}"))?;
            match Tree::parse(text).map_err(|error| format!("{name}: {error}"))? {
                None | Some(Tree::Null) => Value::Object(serde_json::Map::new()),
                Some(tree) => tree.to_value(),
            }
        }
    };
    if let (Some(region), Some(values)) = (&arguments.region, values.as_object_mut()) {
        let agent = values.entry("agent").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(agent) = agent.as_object_mut() {
            agent.insert("region".to_owned(), region.as_str().into());
        }
    }
    rendered::template(values).map_err(|error| error.to_string())
}

fn manifests(path: &Path, world: &World<'_>) -> Result<String, String> {
    let (file, name) = match path.to_str() {
        Some("-") => (Path::new("/dev/stdin"), "standard input".to_owned()),
        _ => (path, shown::value(&path.display().to_string())),
    };
    let content = (world.read)(file).map_err(|error| format!("cannot read {name}: {error}"))?;
    text::utf8(&content).map(str::to_owned).map_err(|error| format!("{name}: {error}"))
}

/// The stream's documents; empty ones and comments have no tree.
fn documents(text: &str) -> Result<Vec<(Document<'_>, Option<Tree>)>, String> {
    let mut documents = Vec::new();
    for document in stream::split(text) {
        let tree = document.parse().map_err(|error| {
            let line = document.line;
            format!("stsidecar: the document that begins at line {line}: {error}\n")
        })?;
        documents.push((document, tree));
    }
    Ok(documents)
}

/// The stream with every workload injected, and the warnings; or everything that is wrong.
fn injected(
    arguments: &Args,
    template: &Template,
    documents: &[(Document<'_>, Option<Tree>)],
) -> Result<(String, String), String> {
    let (mut text, mut warnings, mut problems) = (String::new(), String::new(), String::new());
    let surroundings = Surroundings::of(documents.iter().filter_map(|(_, tree)| tree.as_ref()), &arguments.namespace);
    for (document, tree) in documents {
        let Some(tree) = tree else {
            text.push_str(document.text);
            continue;
        };
        let mut changed = tree.clone();
        for workload in workloads::of(tree, &arguments.namespace) {
            let name = workload.name.clone();
            match inject(arguments, template, &surroundings, &workload, &mut changed) {
                Ok(said) => said.iter().for_each(|warning| line(&mut warnings, &name, warning)),
                Err(denial) => line(&mut problems, &name, &denial.message),
            }
        }
        if changed == *tree {
            text.push_str(document.text);
        } else {
            text.push_str(document.head());
            text.push_str(&emit::document(&changed));
        }
    }
    if problems.is_empty() { Ok((text, warnings)) } else { Err(problems) }
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
        account: surroundings.account(&workload.namespace, inject::service_account_name(&workload.pod)),
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
        Decision::Skip(_) => Ok(Vec::new()),
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

#[cfg(test)]
mod tests;
