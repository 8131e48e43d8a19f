//! What `stsidecar inject` reads: the chart's values, and the manifests' documents.
//!
//! Owns reading both and the messages about what cannot be read. It decides nothing; `inject` calls
//! it.

use std::path::Path;

use serde_json::{Map, Value};

use super::stream::{self, Document};
use super::{Args, line, yaml};
use crate::cli::Env;
use crate::config::rendered;
use crate::inject::Template;
use crate::{redact, text};

pub(super) fn template(arguments: &Args, env: &Env<'_>) -> Result<Template, String> {
    let mut values = match &arguments.values {
        None => Map::new().into(),
        Some(path) => {
            let name = redact::value(&path.display().to_string());
            let content =
                (env.read)(path).map_err(|error| format!("cannot read {name}: {error}"))?;
            let text = text::utf8(&content).map_err(|error| format!("{name}: {error}"))?;
            match yaml::parse(text).map_err(|error| format!("{name}: {error}"))? {
                None | Some(Value::Null) => Map::new().into(),
                Some(values) => values,
            }
        }
    };
    if let (Some(region), Some(values)) = (&arguments.region, values.as_object_mut()) {
        let agent = values.entry("agent").or_insert_with(|| Map::new().into());
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
pub(super) fn manifests(path: &Path, env: &Env<'_>) -> Result<(String, String), String> {
    let (file, name) = match path.to_str() {
        Some("-") => (Path::new("/dev/stdin"), "standard input".to_owned()),
        _ => (path, redact::value(&path.display().to_string())),
    };
    let content = (env.read)(file).map_err(|error| format!("cannot read {name}: {error}"))?;
    text::utf8(&content).map_err(|error| format!("{name}: {error}"))?;
    // With its byte order mark.
    let text = String::from_utf8(content).expect("it was read as a text");
    Ok((name, text))
}

/// The stream's documents; empty ones and comments have no value.
pub(super) fn documents<'a>(
    name: &str,
    text: &'a str,
) -> Result<Vec<(Document<'a>, Option<Value>)>, String> {
    let (mut documents, mut problems, mut number) = (Vec::new(), String::new(), 1);
    for document in stream::split(text) {
        match document.parse() {
            Ok(value) => {
                number += usize::from(value.is_some());
                documents.push((document, value));
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

/// What to do about a document that is a template.
fn unrendered(document: &Document<'_>) -> String {
    let found = document.text.lines().enumerate().find_map(|(at, text)| {
        let mark = ["{{", "{%"].into_iter().find(|mark| text.contains(mark))?;
        Some((document.line + at, mark))
    });
    found.map_or_else(String::new, |(line, mark)| {
        format!(
            "; it looks like a template that was not rendered (line {line} has {mark}): render it first, such as by \
             helm template"
        )
    })
}
