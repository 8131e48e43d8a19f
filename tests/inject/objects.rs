//! Which objects `stsidecar inject` finds pods in, and what it says of the others that hold
//! containers.

use serde_json::{Value, json};

use super::stream::{Outcome, inject};

const FLAGS: [&str; 2] = [
    "--role-arn=arn:aws:iam::111122223333:role/app",
    "--region=us-east-1",
];

/// API version, kind and the places of complete pods, as the types of each API have them. A number
/// is an index.
const PLACES: &[(&str, &str, &[&str])] = &[
    ("v1", "Pod", &[""]),
    ("v1", "PodTemplate", &["/template"]),
    ("v1", "ReplicationController", &["/spec/template"]),
    ("apps/v1", "Deployment", &["/spec/template"]),
    ("apps/v1beta2", "StatefulSet", &["/spec/template"]),
    ("extensions/v1beta1", "Deployment", &["/spec/template"]),
    ("extensions/v1beta1", "DaemonSet", &["/spec/template"]),
    ("extensions/v1beta1", "ReplicaSet", &["/spec/template"]),
    ("batch/v1", "Job", &["/spec/template"]),
    (
        "batch/v1beta1",
        "CronJob",
        &["/spec/jobTemplate/spec/template"],
    ),
    (
        "apps.openshift.io/v1",
        "DeploymentConfig",
        &["/spec/template"],
    ),
    ("v1", "DeploymentConfig", &["/spec/template"]),
    ("argoproj.io/v1alpha1", "Rollout", &["/spec/template"]),
    (
        "argoproj.io/v1alpha1",
        "Experiment",
        &["/spec/templates/0/template"],
    ),
    (
        "argoproj.io/v1alpha1",
        "AnalysisTemplate",
        &["/spec/metrics/0/provider/job/spec/template"],
    ),
    (
        "keda.sh/v1alpha1",
        "ScaledJob",
        &["/spec/jobTargetRef/template"],
    ),
    ("serving.knative.dev/v1", "Service", &["/spec/template"]),
    (
        "serving.knative.dev/v1",
        "Configuration",
        &["/spec/template"],
    ),
    (
        "sources.knative.dev/v1",
        "ContainerSource",
        &["/spec/template"],
    ),
    ("apps.kruise.io/v1alpha1", "CloneSet", &["/spec/template"]),
    ("apps.kruise.io/v1beta1", "StatefulSet", &["/spec/template"]),
    ("apps.kruise.io/v1alpha1", "DaemonSet", &["/spec/template"]),
    (
        "apps.kruise.io/v1alpha1",
        "BroadcastJob",
        &["/spec/template"],
    ),
    (
        "apps.kruise.io/v1alpha1",
        "AdvancedCronJob",
        &["/spec/template/jobTemplate/spec/template"],
    ),
    (
        "apps.kruise.io/v1alpha1",
        "UnitedDeployment",
        &["/spec/template/cloneSetTemplate/spec/template"],
    ),
    (
        "kubeflow.org/v1",
        "PyTorchJob",
        &[
            "/spec/pytorchReplicaSpecs/Master/template",
            "/spec/pytorchReplicaSpecs/Worker/template",
        ],
    ),
    (
        "kubeflow.org/v2beta1",
        "MPIJob",
        &["/spec/mpiReplicaSpecs/Launcher/template"],
    ),
    ("kubeflow.org/v1", "Notebook", &["/spec/template"]),
    (
        "trainer.kubeflow.org/v1alpha1",
        "ClusterTrainingRuntime",
        &["/spec/template/spec/replicatedJobs/0/template/spec/template"],
    ),
    (
        "jobset.x-k8s.io/v1alpha2",
        "JobSet",
        &["/spec/replicatedJobs/0/template/spec/template"],
    ),
    (
        "leaderworkerset.x-k8s.io/v1",
        "LeaderWorkerSet",
        &[
            "/spec/leaderWorkerTemplate/leaderTemplate",
            "/spec/leaderWorkerTemplate/workerTemplate",
        ],
    ),
    (
        "ray.io/v1",
        "RayCluster",
        &[
            "/spec/headGroupSpec/template",
            "/spec/workerGroupSpecs/0/template",
        ],
    ),
    (
        "ray.io/v1",
        "RayJob",
        &["/spec/rayClusterSpec/headGroupSpec/template"],
    ),
    (
        "ray.io/v1",
        "RayService",
        &["/spec/rayClusterConfig/workerGroupSpecs/0/template"],
    ),
    (
        "batch.volcano.sh/v1alpha1",
        "Job",
        &["/spec/tasks/0/template", "/spec/tasks/1/template"],
    ),
    ("agones.dev/v1", "GameServer", &["/spec/template"]),
    ("agones.dev/v1", "Fleet", &["/spec/template/spec/template"]),
    (
        "actions.github.com/v1alpha1",
        "AutoscalingRunnerSet",
        &["/spec/template"],
    ),
    (
        "operators.coreos.com/v1alpha1",
        "ClusterServiceVersion",
        &["/spec/install/spec/deployments/0/spec/template"],
    ),
];

/// Sets what a pointer names; maps and lists on its way come into being.
fn place(object: &mut Value, pointer: &str, value: Value) {
    let mut at = object;
    for part in pointer.split('/').skip(1) {
        at = match part.parse::<usize>() {
            Err(_) => &mut at[part],
            Ok(index) => {
                if !at.is_array() {
                    *at = json!([]);
                }
                let items = at.as_array_mut().expect("a list");
                items.resize(items.len().max(index + 1), json!({}));
                &mut items[index]
            }
        };
    }
    let own = value.as_object().expect("a pod").clone();
    match at.as_object_mut() {
        Some(map) => map.extend(own),
        None => *at = value,
    }
}

fn object(version: &str, kind: &str, places: &[&str]) -> Value {
    let mut object = json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "app" } });
    for pointer in places {
        place(
            &mut object,
            pointer,
            json!({ "spec": { "containers": [{ "name": "app", "image": "example/app" }] } }),
        );
    }
    object
}

fn read(outcome: &Outcome) -> Value {
    serde_saphyr::from_str(&outcome.stdout).expect("YAML")
}

fn sidecar<'a>(object: &'a Value, pointer: &str) -> &'a Value {
    &object.pointer(pointer).expect("it stays there")["spec"]["initContainers"][0]["name"]
}

#[test]
fn every_pod_template_at_a_known_place_is_injected() {
    let mut left_out = Vec::new();
    for (version, kind, places) in PLACES {
        let outcome = inject(&FLAGS, &object(version, kind, places).to_string(), "");
        assert_eq!(outcome.code, 0, "{version} {kind}: {}", outcome.stderr);
        let printed = read(&outcome);
        let missing = places
            .iter()
            .filter(|place| sidecar(&printed, place) != "stsidecar");
        left_out.extend(missing.map(|place| format!("{version} {kind} {place}")));
    }
    assert!(
        left_out.is_empty(),
        "not injected:\n{}",
        left_out.join("\n")
    );
}

#[test]
fn objects_that_hold_objects_are_looked_into() {
    let pod = object("v1", "Pod", &[""]);
    let bare =
        json!({ "metadata": { "name": "app" }, "spec": { "template": object("", "", &[""]) } });
    for (holder, pointer) in [
        (
            json!({ "apiVersion": "v1", "kind": "List", "items": [{ "apiVersion": "v1", "kind": "List", "items": [pod] }] }),
            "/items/0/items/0",
        ),
        (
            json!({ "apiVersion": "apps.openshift.io/v1", "kind": "DeploymentConfigList", "items": [bare] }),
            "/items/0/spec/template",
        ),
        (
            json!({ "apiVersion": "template.openshift.io/v1", "kind": "Template", "objects": [pod] }),
            "/objects/0",
        ),
        (
            json!({ "apiVersion": "work.open-cluster-management.io/v1", "kind": "ManifestWork",
            "spec": { "workload": { "manifests": [pod] } } }),
            "/spec/workload/manifests/0",
        ),
    ] {
        let outcome = inject(
            &[&FLAGS[..], &["--require"]].concat(),
            &holder.to_string(),
            "",
        );
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{holder}");
        assert_eq!(sidecar(&read(&outcome), pointer), "stsidecar", "{holder}");
    }
}

const WORKFLOW: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: build, namespace: ci}\nspec:\n  \
                        templates:\n  - name: main\n    container: {image: example/build}\n";
const PROMETHEUS: &str = "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: k8s}\nspec:\n  \
                          containers:\n  - name: thanos\n    env: []\n";
const TASK: &str = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec:\n  steps:\n  - name: a\n    image: i\n";
const FOREIGN: &str = "apiVersion: example.com/v1\nkind: Farm\nmetadata: {name: f}\nspec:\n  units:\n  - pod:\n      spec:\n        \
                       containers:\n        - name: app\n          image: i\n";

#[test]
fn what_is_passed_over_with_containers_in_it_is_named() {
    for (stream, said) in [
        (
            WORKFLOW,
            "stsidecar: Workflow ci/build: passed over, although it holds a container at /spec/templates/0/container",
        ),
        (
            PROMETHEUS,
            "stsidecar: Prometheus default/k8s: passed over, although it holds a container at /spec/containers/0",
        ),
        (
            TASK,
            "stsidecar: Task default/t: passed over, although it holds a container at /spec/steps/0",
        ),
        (
            FOREIGN,
            "stsidecar: Farm default/f: passed over, although it holds a container at /spec/units/0/pod/spec/containers/0",
        ),
        (
            "spec:\n  containers:\n  - image: i\n",
            "stsidecar: the document at line 1: passed over, although it holds a container at /spec/containers/0",
        ),
    ] {
        let outcome = inject(&FLAGS, stream, "");
        assert_eq!((outcome.code, outcome.stdout.as_str()), (0, stream));
        assert!(outcome.stderr.starts_with(said), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        let strict = inject(&[&FLAGS[..], &["--require"]].concat(), stream, "");
        assert_eq!((strict.code, strict.stdout.as_str()), (1, ""), "{said}");
        assert!(strict.stderr.starts_with(said), "{}", strict.stderr);
    }
    for silent in [
        "kind: CustomResourceDefinition\nspec: {properties: {containers: {type: array, items: {name: a}}}}\n",
        "kind: PodMetrics\ncontainers: [{name: a, usage: {cpu: 1m}}]\n",
        "kind: Rollout\napiVersion: argoproj.io/v1alpha1\nspec: {workloadRef: {kind: Deployment, name: a}}\n",
        "kind: Job\napiVersion: batch.volcano.sh/v1alpha1\nspec: {tasks: []}\n",
        "kind: ConfigMap\ndata: {containers: \"[{name: a, image: b}]\"}\n",
    ] {
        let outcome = inject(&[&FLAGS[..], &["--require"]].concat(), silent, "");
        assert_eq!(
            (
                outcome.code,
                outcome.stdout.as_str(),
                outcome.stderr.as_str()
            ),
            (0, silent, "")
        );
    }
}

#[test]
fn flags_name_further_places_and_kinds_to_ignore() {
    let with = |flag| inject(&[&FLAGS[..], &["--require", flag]].concat(), FOREIGN, "");
    let outcome = with("--pod-template=example.com/Farm=/spec/units/*/pod");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_eq!(sidecar(&read(&outcome), "/spec/units/0/pod"), "stsidecar");
    let ignored = with("--ignore=example.com/Farm");
    assert_eq!(
        (
            ignored.code,
            ignored.stdout.as_str(),
            ignored.stderr.as_str()
        ),
        (0, FOREIGN, "")
    );
    for (flag, said) in [
        ("--pod-template=Farm", "'--pod-template <GROUP/KIND=PATH>'"),
        (
            "--pod-template=example.com/Farm=spec.units",
            "'--pod-template <GROUP/KIND=PATH>'",
        ),
        ("--ignore=example.com/", "'--ignore <GROUP/KIND>'"),
    ] {
        let outcome = with(flag);
        assert!(
            outcome.code == 64 && outcome.stderr.contains(said),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn a_workload_that_opts_out_is_named_and_no_error() {
    let mut own = object("apps/v1", "Deployment", &["/spec/template"]);
    own["spec"]["template"]["metadata"] =
        json!({ "annotations": { "stsidecar.dev/inject": "false" } });
    let stream = own.to_string();
    let outcome = inject(&[&FLAGS[..], &["--require"]].concat(), &stream, "");
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (0, stream.as_str())
    );
    assert!(
        outcome
            .stderr
            .starts_with("stsidecar: Deployment default/app: left alone: "),
        "{}",
        outcome.stderr
    );
}
