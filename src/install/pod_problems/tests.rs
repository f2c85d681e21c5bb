//! Each kind of problem, from what the API server sends.
use super::*;
use crate::golden::Page;
use serde_json::{Value, json};

fn observed(pods: Value, events: Value) -> Observed {
    let pods = serde_json::from_value::<Vec<Pod>>(pods).unwrap();
    let desired = pods.len();
    let events = serde_json::from_value(events).unwrap();
    Observed { pods, events, desired, ..Observed::default() }
}

fn pod(name: &str, node: &str, container: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {"nodeName": node}, "status": {"phase": "Pending",
        "initContainerStatuses": [container], "conditions": [{"type": "Ready", "status": "False"}]}})
}

fn lines(observed: &Observed) -> Vec<String> {
    find_problems(observed).iter().map(ToString::to_string).collect()
}

/// Adds the only problem of what was observed.
#[track_caller]
fn add(page: &mut Page, case: &str, observed: &Observed) {
    let lines = lines(observed);
    assert_eq!(lines.len(), 1, "{case}: {lines:?}");
    page.add(case, &lines[0]);
}

#[test]
fn each_problem_is_a_line_with_its_remedy() {
    let mut page = Page::new("What keeps pods from becoming ready, as `install` and `status` say it.");
    page.part("Containers");
    containers(&mut page);
    page.part("Volumes");
    volumes(&mut page);
    page.part("Pods that are not made");
    not_created(&mut page);
    page.part("Nodes, and pods on their way when the time is over");
    nodes(&mut page);
    page.check("tests/golden/install/pods.txt");
}

fn containers(page: &mut Page) {
    let state = |state: Value| json!({"name": "process-exporter", "image": "registry/x:1", "state": state});
    let waiting =
        |reason: &str, message: &str| state(json!({"waiting": {"reason": reason, "message": message}}));
    let pull = waiting("ErrImagePull", "no such\nhost");
    let pods = json!([pod("a", "n1", &pull), pod("b", "n2", &pull)]);
    add(page, "an image that two nodes cannot pull", &observed(pods, json!([])));
    let config = waiting("CreateContainerConfigError", "configmap \"x\" not found");
    add(page, "a container that cannot be made", &observed(json!([pod("a", "n1", &config)]), json!([])));
    let mut crashed = waiting("CrashLoopBackOff", "back-off");
    crashed["restartCount"] = json!(3);
    crashed["lastState"] =
        json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "starting\nno such port\n\n"}});
    add(page, "a crash loop with last words", &observed(json!([pod("a", "n1", &crashed)]), json!([])));
    crashed["lastState"] = json!({"terminated": {"exitCode": 137}});
    add(page, "a crash loop without a word", &observed(json!([pod("a", "n1", &crashed)]), json!([])));
    let mut pending = pod("a", "", &json!({}));
    pending["status"]["conditions"] = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient cpu."}]);
    add(page, "a pod without a node", &observed(json!([pending]), json!([])));
}

/// A missing volume is a problem only while the pod waits for it.
fn volumes(page: &mut Page) {
    let creating = json!({"state": {"waiting": {"reason": "PodInitializing"}}});
    let missing = |kind: &str, name: &str| {
        let message = format!("MountVolume.SetUp failed for volume \"v\" : {kind} \"{name}\" not found");
        json!([{"reason": "FailedMount", "involvedObject": {"name": "a"}, "message": message}])
    };
    let event = missing("secret", "process-exporter-tls");
    let waits = pod("a", "n1", &creating);
    add(page, "no serving certificate", &observed(json!([waits]), event.clone()));
    let authority = missing("configmap", "metrics-client-ca");
    add(page, "no client CA", &observed(json!([waits]), authority));
    add(
        page,
        "no payload",
        &observed(json!([waits]), missing("configmap", "process-exporter-payload-amd64-0")),
    );

    assert!(lines(&observed(json!([pod("b", "n1", &creating)]), event.clone())).is_empty(), "of another pod");
    // The volume has been mounted since. The pod is not ready for another reason.
    let made = json!({"containerID": "cri-o://a", "state": {"running": {}}});
    assert!(lines(&observed(json!([pod("a", "n1", &made)]), event.clone())).is_empty());
    let with_condition = |container: &Value, status: &str| {
        let mut pod = pod("a", "n1", container);
        let conditions = pod["status"]["conditions"].as_array_mut().unwrap();
        conditions.push(json!({"type": "PodReadyToStartContainers", "status": status}));
        json!([pod])
    };
    assert!(lines(&observed(with_condition(&creating, "True"), event.clone())).is_empty());
    let restarted = observed(with_condition(&made, "False"), event.clone());
    add(page, "no serving certificate, after the node was restarted", &restarted);
    let ready =
        json!([{"metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}]);
    assert!(lines(&observed(ready, event)).is_empty());
}

#[test]
fn a_refused_certificate_is_reported_with_and_without_pods_that_wait_for_it() {
    let creating = json!({"state": {"waiting": {"reason": "PodInitializing"}}});
    let event = json!([{"reason": "FailedMount", "involvedObject": {"name": "a"},
        "message": "MountVolume.SetUp failed for volume \"serving\" : secret \"process-exporter-tls\" not found"}]);
    let refused = |events: &Value| Observed {
        certificate: Some(Problem::new("no certificate (why)", "clear it")),
        ..observed(json!([pod("a", "n1", &creating)]), events.clone())
    };
    assert_eq!(lines(&refused(&json!([]))), ["no certificate (why): clear it"]);
    let both = lines(&refused(&event));
    assert!(
        both.len() == 2 && both[1].starts_with("n1: its pod waits") && both[1].ends_with(": clear it"),
        "{both:?}"
    );
}

/// The DaemonSet's event says why pods cannot be created.
fn not_created(page: &mut Page) {
    for (case, message) in [
        (
            "constraints",
            "Error creating: pods \"process-exporter-\" is forbidden: unable to validate against any security context constraint: []",
        ),
        (
            "pod security",
            "Error creating: pods \"process-exporter-x\" is forbidden: violates PodSecurity \"restricted:latest\"",
        ),
        (
            "a required constraint that is gone",
            "Error creating: pods \"process-exporter-\" is forbidden: failed to retrieve the required SCC \"process-exporter\": not found",
        ),
        ("a quota", "Error creating: pods is forbidden: exceeded quota: q"),
        ("a webhook", "Error creating: admission webhook \"w\" denied the request: no"),
        ("anything else", "Error creating: Internal error occurred"),
    ] {
        let event = json!([{"reason": "FailedCreate", "involvedObject": {"name": "process-exporter"}, "message": message}]);
        let mut observed = observed(json!([]), event);
        assert!(lines(&observed).is_empty(), "nobody is missing");
        observed.desired = 1;
        add(page, case, &observed);
        observed.nodes_without_pod.insert("n1".into());
        assert!(lines(&observed)[0].starts_with("n1: no pods can be made"), "{message}");
    }
    let mut observed = observed(json!([]), json!([]));
    observed.desired = 2;
    observed.nodes_without_pod.extend(["n1".to_owned(), "n2".to_owned()]);
    assert!(lines(&observed).is_empty(), "on its way");
    observed.timed_out = true;
    add(page, "nothing tells why, and the time is over", &observed);
}

fn nodes(page: &mut Page) {
    let mut starts = observed(json!([pod("a", "n1", &json!({}))]), json!([]));
    assert!(lines(&starts).is_empty(), "on its way");
    starts.timed_out = true;
    add(page, "a pod that starts", &starts);
    starts.nodes_down.insert("n1".into());
    add(page, "a node that is down explains its pod", &starts);
    // The exporter does not exit without an error by itself, so the kubelet ended it.
    let ended = json!({"containerID": "cri-o://b", "restartCount": 2, "state": {"running": {}},
        "lastState": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
    let mut ended = observed(json!([pod("a", "n1", &ended)]), json!([]));
    assert!(lines(&ended).is_empty(), "on its way");
    ended.timed_out = true;
    add(page, "a pod that the kubelet ended twice", &ended);
}
