//! Which kinds hold complete pods, and where: a table, and what the command's flags add to it.
//!
//! Owns the table and the flags' form. A kind is in it when its API types have a pod template
//! (`core/v1.PodTemplateSpec`) there from which pods come as written. Operators that lay a template
//! over one of their own (Prometheus, Elasticsearch, Flink, Spark) are not: what they make of it is
//! theirs.

/// Further places by flag, and kinds that are left alone without a word.
pub(super) struct Kinds<'a> {
    pub(super) more: &'a [PodTemplate],
    pub(super) ignored: &'a [GroupKind],
}

/// A kind of an API group; the core group's name is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupKind {
    group: String,
    kind: String,
}

/// Where objects of a kind hold pod templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodTemplate {
    of: GroupKind,
    path: String,
}

impl GroupKind {
    /// Reads `GROUP/KIND`; of the core group `KIND` alone is enough.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (group, kind) = text.split_once('/').unwrap_or(("", text));
        let is_kind = kind.starts_with(|c: char| c.is_ascii_alphabetic())
            && kind.chars().all(char::is_alphanumeric);
        if !is_kind || group.contains(char::is_whitespace) {
            return Err(
                "an API group without its version and a kind are wanted, such as argoproj.io/Rollout".to_owned()
            );
        }
        Ok(Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
        })
    }

    fn is(&self, group: &str, kind: &str) -> bool {
        (self.group.as_str(), self.kind.as_str()) == (group, kind)
    }
}

impl PodTemplate {
    /// Reads `GROUP/KIND=PATH`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (of, path) = text.split_once('=').unwrap_or((text, ""));
        let of = GroupKind::parse(of)?;
        match path {
            "/" => Ok(Self { of, path: String::new() }),
            path if path.starts_with('/') && !path.ends_with('/') => Ok(Self { of, path: path.to_owned() }),
            _ => Err("the place of the pod template is wanted behind the kind, such as =/spec/template or \
                      =/spec/units/*/template; =/ when the object is a pod itself"
                .to_owned()),
        }
    }
}

/// In the form of `--pod-template`: API group, kind and place, a JSON pointer (RFC 6901) in
/// which `*` is every item or member. The kinds of `OpenShift` and Kubeflow are also in the
/// groups that they had before.
pub(super) const KNOWN: &str = "\
Pod=/
PodTemplate=/template
ReplicationController=/spec/template
DeploymentConfig=/spec/template
apps/Deployment=/spec/template
apps/StatefulSet=/spec/template
apps/DaemonSet=/spec/template
apps/ReplicaSet=/spec/template
extensions/Deployment=/spec/template
extensions/DaemonSet=/spec/template
extensions/ReplicaSet=/spec/template
batch/Job=/spec/template
batch/CronJob=/spec/jobTemplate/spec/template
actions.github.com/AutoscalingRunnerSet=/spec/template
agones.dev/GameServer=/spec/template
agones.dev/Fleet=/spec/template/spec/template
agones.dev/GameServerSet=/spec/template/spec/template
apps.kruise.io/CloneSet=/spec/template
apps.kruise.io/StatefulSet=/spec/template
apps.kruise.io/DaemonSet=/spec/template
apps.kruise.io/BroadcastJob=/spec/template
apps.kruise.io/AdvancedCronJob=/spec/template/jobTemplate/spec/template
apps.kruise.io/AdvancedCronJob=/spec/template/broadcastJobTemplate/spec/template
apps.kruise.io/UnitedDeployment=/spec/template/*/spec/template
apps.openshift.io/DeploymentConfig=/spec/template
argoproj.io/AnalysisRun=/spec/metrics/*/provider/job/spec/template
argoproj.io/AnalysisTemplate=/spec/metrics/*/provider/job/spec/template
argoproj.io/ClusterAnalysisTemplate=/spec/metrics/*/provider/job/spec/template
argoproj.io/Experiment=/spec/templates/*/template
argoproj.io/Rollout=/spec/template
batch.volcano.sh/Job=/spec/tasks/*/template
jobset.x-k8s.io/JobSet=/spec/replicatedJobs/*/template/spec/template
keda.sh/ScaledJob=/spec/jobTargetRef/template
kubeflow.org/ClusterTrainingRuntime=/spec/template/spec/replicatedJobs/*/template/spec/template
kubeflow.org/TrainingRuntime=/spec/template/spec/replicatedJobs/*/template/spec/template
kubeflow.org/JAXJob=/spec/jaxReplicaSpecs/*/template
kubeflow.org/MPIJob=/spec/mpiReplicaSpecs/*/template
kubeflow.org/MXJob=/spec/mxReplicaSpecs/*/template
kubeflow.org/Notebook=/spec/template
kubeflow.org/PaddleJob=/spec/paddleReplicaSpecs/*/template
kubeflow.org/PyTorchJob=/spec/pytorchReplicaSpecs/*/template
kubeflow.org/TFJob=/spec/tfReplicaSpecs/*/template
kubeflow.org/XGBoostJob=/spec/xgbReplicaSpecs/*/template
leaderworkerset.x-k8s.io/LeaderWorkerSet=/spec/leaderWorkerTemplate/leaderTemplate
leaderworkerset.x-k8s.io/LeaderWorkerSet=/spec/leaderWorkerTemplate/workerTemplate
operators.coreos.com/ClusterServiceVersion=/spec/install/spec/deployments/*/spec/template
ray.io/RayCluster=/spec/headGroupSpec/template
ray.io/RayCluster=/spec/workerGroupSpecs/*/template
ray.io/RayJob=/spec/rayClusterSpec/headGroupSpec/template
ray.io/RayJob=/spec/rayClusterSpec/workerGroupSpecs/*/template
ray.io/RayJob=/spec/submitterPodTemplate
ray.io/RayService=/spec/rayClusterConfig/headGroupSpec/template
ray.io/RayService=/spec/rayClusterConfig/workerGroupSpecs/*/template
serving.knative.dev/Service=/spec/template
serving.knative.dev/Configuration=/spec/template
serving.knative.dev/Revision=/
sources.knative.dev/ContainerSource=/spec/template
trainer.kubeflow.org/ClusterTrainingRuntime=/spec/template/spec/replicatedJobs/*/template/spec/template
trainer.kubeflow.org/TrainingRuntime=/spec/template/spec/replicatedJobs/*/template/spec/template";

/// Objects that hold whole objects: API group, kind and the place of their list. `List`s are not in
/// it.
const HOLDERS: &str = "\
Template=/objects
template.openshift.io/Template=/objects
hive.openshift.io/SelectorSyncSet=/spec/resources
hive.openshift.io/SyncSet=/spec/resources
work.karmada.io/Work=/spec/workload/manifests
work.open-cluster-management.io/ManifestWork=/spec/workload/manifests";

/// Where an object's own objects are: a List of any kind has items.
pub(super) fn items(group: &str, kind: &str) -> Option<&'static str> {
    let holder = places(HOLDERS, &name(group, kind)).next();
    holder.or_else(|| kind.ends_with("List").then_some("/items"))
}

/// The places of a kind in a table; that of the object itself is empty.
fn places<'t>(table: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    table
        .lines()
        .filter_map(move |line| line.strip_prefix(name)?.strip_prefix('='))
        .map(|path| path.trim_end_matches('/'))
}

/// `GROUP/KIND`, as the flags take it.
pub(super) fn name(group: &str, kind: &str) -> String {
    let slash = if group.is_empty() { "" } else { "/" };
    format!("{group}{slash}{kind}")
}

/// Whether Kubernetes itself makes pods of these kinds: without a template such an object is wrong.
/// An object of another API may take it from elsewhere (a Rollout's `workloadRef`).
pub(super) fn needs_a_template(group: &str) -> bool {
    ["", "apps", "batch", "extensions"].contains(&group)
}

impl Kinds<'_> {
    /// Where objects of a kind hold pod templates; empty for a kind that is not known.
    pub(super) fn places(&self, group: &str, kind: &str) -> Vec<&str> {
        let more = self.more.iter().filter(|more| more.of.is(group, kind));
        places(KNOWN, &name(group, kind))
            .chain(more.map(|more| more.path.as_str()))
            .collect()
    }

    pub(super) fn ignores(&self, group: &str, kind: &str) -> bool {
        self.ignored.iter().any(|ignored| ignored.is(group, kind))
    }
}
