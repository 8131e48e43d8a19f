//! What our volumes mean to those who move pods: none of them keeps a node from being removed.

use serde_json::{Value, json};

use crate::shape::{injected, pod};

const SAFE: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";

/// As Cluster Autoscaler judges (`isLocalVolume` and `getNonBlockingVolumes` of its `utils/drain`):
/// emptyDirs on disk and hostPaths block, unless the annotation names them, separated by commas and
/// nothing else.
fn blocking(pod: &Value) -> Vec<&str> {
    let said = pod["metadata"]["annotations"][SAFE]
        .as_str()
        .unwrap_or_default();
    let named: Vec<&str> = said.split(',').collect();
    let volumes = pod["spec"]["volumes"].as_array().expect("volumes");
    let is_local = |volume: &&Value| {
        let on_disk = volume
            .get("emptyDir")
            .is_some_and(|dir| dir["medium"] != "Memory");
        on_disk || volume.get("hostPath").is_some()
    };
    let local = volumes
        .iter()
        .filter(is_local)
        .map(|volume| volume["name"].as_str().expect("a name"));
    local.filter(|name| !named.contains(name)).collect()
}

#[test]
fn no_volume_of_ours_keeps_cluster_autoscaler_from_removing_a_node() {
    for (annotations, expected) in [
        (json!({}), vec!["scratch"]),
        (json!({ SAFE: "scratch" }), vec![]),
        (json!({ SAFE: "other" }), vec!["scratch"]),
        (json!({ SAFE: "" }), vec!["scratch"]),
    ] {
        let mut pod = pod();
        pod["metadata"]["annotations"]
            .as_object_mut()
            .expect("a map")
            .extend(annotations.as_object().cloned().unwrap());
        pod["spec"]["volumes"] = json!([{ "name": "scratch", "emptyDir": {} }]);
        let (after, _) = injected(&pod);
        assert_eq!(blocking(&after), expected, "{annotations}");
    }
}

/// Other autoscalers, and older ones of this name, count emptyDirs in memory too.
#[test]
fn a_pod_that_names_its_safe_volumes_names_ours_too_and_each_once() {
    let mut pod = pod();
    pod["metadata"]["annotations"][SAFE] = "scratch,stsidecar-state".into();
    let (after, _) = injected(&pod);
    let said = after["metadata"]["annotations"][SAFE]
        .as_str()
        .expect("the annotation");
    assert_eq!(
        said,
        "scratch,stsidecar-state,stsidecar-endpoints,stsidecar-none"
    );
    let (again, _) = injected(&after);
    assert_eq!(again, after);
    let (without, _) = injected(&crate::shape::pod());
    assert_eq!(
        without["metadata"]["annotations"].get(SAFE),
        None,
        "it is the author's to begin"
    );
}
