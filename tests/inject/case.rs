//! One case: what its file has, and what injection answers.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use stsidecar::inject::{self, Decision, Operation, Request, Template};

/// A pod, and what surrounds it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub(crate) pod: Value,
    pub(crate) account: Option<Value>,
    pub(crate) namespace: Option<Value>,
    pub(crate) values: Value,
    pub(crate) config_map: Option<Value>,
    pub(crate) later: Option<Value>,
}

/// Makes the same tokens in every run.
pub(crate) fn draw() -> impl FnMut() -> String {
    let mut drawn = 0;
    move || {
        drawn += 1;
        format!("{drawn:0>32}")
    }
}

impl Case {
    pub(crate) fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).expect("a fixture");
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
            .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let mut case = Self::default();
        for document in documents {
            match document["kind"].as_str() {
                Some("Pod") => case.pod = document,
                Some("ServiceAccount") => case.account = Some(document),
                Some("Namespace") => case.namespace = Some(document),
                Some("ConfigMap") => case.config_map = Some(document),
                Some("Values") => case.values = document,
                Some("LaterInjector") => case.later = Some(document["patch"].clone()),
                kind => panic!("{}: what is {kind:?}?", file.display()),
            }
        }
        case
    }

    pub(crate) fn template(&self) -> Template {
        Template::from_values(self.values.clone()).expect("values that are accepted")
    }

    pub(crate) fn decide(&self, pod: &Value, draw: &mut dyn FnMut() -> String) -> Decision {
        let request = Request {
            pod,
            namespace: "shop",
            account: self.account.as_ref(),
            namespace_object: self.namespace.as_ref(),
            asked_by_caller: false,
            fallback_role: None,
        };
        inject::decide(&request, &self.template(), draw)
    }

    /// The reason and message, when the first or the second call is a denial.
    pub(crate) fn denial(&self) -> Option<(String, String)> {
        let mut draw = draw();
        let mut pod = self.pod.clone();
        for _ in 0..2 {
            match self.decide(&pod, &mut draw) {
                Decision::Deny(denial) => {
                    return Some((denial.reason.as_str().to_owned(), denial.message));
                }
                Decision::Inject(injection) => apply(&mut pod, &injection.operations),
                Decision::Skip(_) => return None,
            }
            if let Some(later) = &self.later {
                patch(&mut pod, later);
            }
        }
        None
    }

    /// The answer as it is kept in a file.
    pub(crate) fn answer(&self) -> String {
        let mut draw = draw();
        let first = self.decide(&self.pod, &mut draw);
        let mut text = format!("{{\n{}", shown(&first));
        if let (Decision::Inject(injection), Some(later)) = (&first, &self.later) {
            let mut pod = self.pod.clone();
            apply(&mut pod, &injection.operations);
            patch(&mut pod, later);
            let second = self.decide(&pod, &mut draw);
            write!(text, ",\n\"second call\": {{\n{}\n}}", shown(&second))
                .expect("a String takes every text");
            if let Decision::Inject(injection) = second {
                apply(&mut pod, &injection.operations);
                let names = |list: &str| -> Vec<Value> {
                    pod["spec"][list]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|own| own["name"].clone())
                        .collect()
                };
                write!(
                    text,
                    ",\n\"order\": {}",
                    json!([names("initContainers"), names("containers")])
                )
                .expect("a String takes every text");
            }
        }
        text + "\n}\n"
    }
}

fn shown(decision: &Decision) -> String {
    match decision {
        Decision::Deny(denial) => format!(
            "\"denied\": {}",
            json!([denial.reason.as_str(), denial.message])
        ),
        Decision::Skip(skip) => format!("\"skipped\": {}", json!([skip.reason, skip.message])),
        Decision::Inject(injection) => {
            let operations: Vec<String> = injection
                .operations
                .iter()
                .map(|one| json!(one).to_string())
                .collect();
            let patch = format!("\"patch\": [\n{}\n]", operations.join(",\n"));
            match injection.warnings.as_slice() {
                [] => patch,
                warnings => format!("\"warnings\": {:#},\n{patch}", json!(warnings)),
            }
        }
    }
}

/// By an implementation of RFC 6902 that is not ours.
pub(crate) fn apply(pod: &mut Value, operations: &[Operation]) {
    patch(pod, &json!(operations));
}

fn patch(pod: &mut Value, operations: &Value) {
    let patch: json_patch::Patch =
        serde_json::from_value(operations.clone()).expect("a JSON patch");
    json_patch::patch(pod, &patch).unwrap_or_else(|error| panic!("{error}: {patch}"));
}
