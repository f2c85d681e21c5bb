//! Each kind of trouble, as the API server shows it.
use super::*;
use serde_json::{Value, json};

fn scene(pods: Value, events: Value) -> Scene {
    let pods = serde_json::from_value::<Vec<Pod>>(pods).unwrap();
    let desired = pods.len();
    let events = serde_json::from_value(events).unwrap();
    Scene { pods, events, desired, ..Scene::default() }
}

fn pod(name: &str, node: &str, container: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {"nodeName": node}, "status": {"phase": "Pending",
        "initContainerStatuses": [container], "conditions": [{"type": "Ready", "status": "False"}]}})
}

fn lines(scene: &Scene) -> Vec<String> {
    all(scene).iter().map(ToString::to_string).collect()
}

fn only(scene: &Scene) -> String {
    let lines = lines(scene);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

#[test]
fn an_image_that_is_not_pulled_is_named_with_its_nodes() {
    let waiting = json!({"image": "registry/x:1", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such\nhost"}}});
    let scene = scene(json!([pod("a", "n1", &waiting), pod("b", "n2", &waiting)]), json!([]));
    let line = only(&scene);
    assert!(
        line.starts_with(
            "n1 and 1 more: the image registry/x:1 cannot be pulled (ErrImagePull: no such host)"
        ),
        "{line}"
    );
}

#[test]
fn a_crash_loop_tells_its_last_words() {
    let crashed = json!({"name": "process-exporter", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": "starting\nno such port\n\n"}}});
    let line = only(&scene(json!([pod("a", "n1", &crashed)]), json!([])));
    assert!(line.contains("(Error, exit code 1, 3 restarts, its last words: no such port)"), "{line}");
}

#[test]
fn a_missing_certificate_is_told_only_while_it_is_missed() {
    let creating = json!({"state": {"waiting": {"reason": "PodInitializing"}}});
    let event = json!([{"reason": "FailedMount", "involvedObject": {"name": "a"},
        "message": "MountVolume.SetUp failed for volume \"serving\" : secret \"process-exporter-tls\" not found"}]);
    let line = only(&scene(json!([pod("a", "n1", &creating)]), event.clone()));
    assert!(line.contains("the service CA"), "{line}");
    assert!(lines(&scene(json!([pod("b", "n1", &creating)]), event.clone())).is_empty());
    // Mounted since, and unready for another reason.
    let made = json!({"containerID": "cri-o://a", "state": {"running": {}}});
    assert!(lines(&scene(json!([pod("a", "n1", &made)]), event.clone())).is_empty());
    let mut told = pod("a", "n1", &creating);
    let conditions = told["status"]["conditions"].as_array_mut().unwrap();
    conditions.push(json!({"type": "PodReadyToStartContainers", "status": "True"}));
    assert!(lines(&scene(json!([told]), event.clone())).is_empty());
    let mut again = pod("a", "n1", &made);
    let conditions = again["status"]["conditions"].as_array_mut().unwrap();
    conditions.push(json!({"type": "PodReadyToStartContainers", "status": "False"}));
    assert!(only(&scene(json!([again]), event.clone())).contains("the service CA"), "the node was restarted");
    let ready =
        json!([{"metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}]);
    assert!(lines(&scene(ready, event)).is_empty());
}

#[test]
fn pods_that_are_not_made_are_explained_by_the_daemon_sets_event() {
    for (message, expected) in [
        (
            "Error creating: pods \"process-exporter-\" is forbidden: unable to validate against any security context constraint: []",
            "oc get scc",
        ),
        (
            "Error creating: pods \"process-exporter-x\" is forbidden: violates PodSecurity \"restricted:latest\"",
            "oc get scc",
        ),
        (
            "Error creating: pods \"process-exporter-\" is forbidden: failed to retrieve the required SCC \"process-exporter\": not found",
            "oc get scc",
        ),
        ("Error creating: pods is forbidden: exceeded quota: q", "raise the quota"),
    ] {
        let event = json!([{"reason": "FailedCreate", "involvedObject": {"name": "process-exporter"}, "message": message}]);
        let mut scene = scene(json!([]), event);
        assert!(lines(&scene).is_empty(), "nobody is missing");
        scene.desired = 1;
        assert!(only(&scene).contains(expected), "{message}");
        scene.nodes_bare.insert("n1".into());
        assert!(only(&scene).starts_with("n1: no pods can be made"), "{message}");
    }
}

#[test]
fn a_node_that_is_down_explains_its_pod() {
    let mut scene = scene(json!([pod("a", "n1", &json!({}))]), json!([]));
    assert!(lines(&scene).is_empty(), "on its way");
    scene.late = true;
    assert!(only(&scene).contains("n1: its pod is not ready yet"));
    scene.nodes_down.insert("n1".into());
    assert!(only(&scene).contains("n1: the node is not ready"));
}

#[test]
fn a_pod_that_the_kubelet_ends_is_told_from_one_that_starts() {
    let ended = json!({"containerID": "cri-o://b", "restartCount": 2, "state": {"running": {}},
        "lastState": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
    let mut scene = scene(json!([pod("a", "n1", &ended)]), json!([]));
    assert!(lines(&scene).is_empty(), "on its way");
    scene.late = true;
    let line = only(&scene);
    assert!(
        line.contains("n1: its pod is not ready, and was ended 2 times") && line.contains("short of CPU"),
        "{line}"
    );
}

#[test]
fn a_node_without_a_pod_is_named() {
    let mut scene = scene(json!([]), json!([]));
    scene.desired = 2;
    scene.nodes_bare.extend(["n1".to_owned(), "n2".to_owned()]);
    assert!(lines(&scene).is_empty(), "on its way");
    scene.late = true;
    assert!(only(&scene).starts_with("n1 and 1 more: no pod has been made: see oc"));
}
