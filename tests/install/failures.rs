//! Failures during a rollout, reported while `install` waits.
use crate::proxy::{Beyond, Proxy};
use crate::site::{DAEMON_SET, HERE, Site, program, site};
use serde_json::{Value, json};
use std::io::Read;
use std::process::Child;
use std::time::Duration;
use test_cluster::until;

const NAMESPACE: &str = "/api/v1/namespaces/openshift-monitoring";

/// The exporter's pods.
pub(crate) fn pods(site: &Site) -> Vec<Value> {
    let path = format!("/api/v1{HERE}/pods?labelSelector=app.kubernetes.io/name=process-exporter");
    site.get(&path)["items"].as_array().cloned().unwrap_or_default()
}

/// Starts `install` with the exporter of `site` and more arguments.
pub(crate) fn start_install(site: &Site, more: &[&str]) -> Child {
    let exporter = site.exporter.to_str().unwrap();
    let arguments = ["install", "--exporter", exporter, "--timeout", "90s"];
    site.plugin.start(arguments.iter().chain(more).copied()).unwrap()
}

/// Reads standard error until a line holds `text`; gives that line.
pub(crate) fn await_line(child: &mut Child, text: &str) -> String {
    let mut stderr = child.stderr.take().unwrap();
    let mut line = Vec::new();
    let mut byte = [0];
    let mut all = String::new();
    while stderr.read(&mut byte).unwrap() == 1 {
        line.push(byte[0]);
        if byte[0] == b'\n' {
            let said = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            all += &said;
            if said.contains(text) {
                child.stderr = Some(stderr);
                return said;
            }
        }
    }
    panic!("{text} was not told: {all}");
}

#[test]
fn refused_pods_are_reported_and_the_rollout_goes_on_when_they_are_admitted() {
    let site = site();
    let enforce = |level: Option<&str>| {
        let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
        site.cluster.api().merge(NAMESPACE, &labels).unwrap();
    };
    enforce(Some("restricted"));
    let mut child = start_install(&site, &[]);
    let line = await_line(&mut child, "no pods can be made");
    enforce(None);
    assert!(line.starts_with("warning: ") && line.contains("violates PodSecurity"), "{line}");
    assert!(line.contains("oc get scc process-exporter"), "{line}");
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_quota_is_reported_and_what_old_pods_need_stays_until_they_are_gone() {
    let site = site();
    assert_eq!(site.install(&[]).code, 0);
    site.forbid_pods();
    let payloads = || site.names().iter().filter(|name| name.contains("-payload-")).count();
    let before = payloads();
    std::fs::write(&site.exporter, program(300_000, 62)).unwrap();
    let late = site.install(&["--timeout", "8s"]);
    site.allow_pods();
    assert_eq!(late.code, 1, "{}", late.stdout);
    assert!(late.stderr.contains("warning: no pods can be made"), "{}", late.stderr);
    let last = late.stderr.lines().last().unwrap();
    assert!(last.contains("after 8 s 0 of 3 nodes ready") && last.contains("raise the quota"), "{last}");
    assert_eq!(payloads(), before + 1, "the old pods' program is gone, and they may start again");
    let again = site.install(&[]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(again.stdout.matches("deleted (another version's)").count(), before, "{}", again.stdout);
    assert!(again.stdout.contains("installed, 3 nodes are ready") && payloads() == 1, "{}", again.stdout);
}

#[test]
fn an_expired_login_ends_it_with_the_way_on() {
    let site = site();
    for limit in [1, 20, 25] {
        let proxy = Proxy::start(site.cluster, limit, Beyond::LogOut);
        let ended = site.install(&["--server", &proxy.url, "--kubeconfig", "/dev/null"]);
        assert_eq!(ended.code, 1, "{limit}: {}", ended.stdout);
        assert!(
            ended.stderr.contains("refused the credentials (401): log in again with oc login"),
            "{limit}: {}",
            ended.stderr
        );
    }
    assert_eq!(site.install(&[]).code, 0);
}

#[test]
fn a_server_that_is_away_for_a_while_is_waited_for() {
    let site = site();
    for limit in [22, 30] {
        let proxy = Proxy::start(site.cluster, limit, Beyond::Close);
        let mut child = start_install(&site, &["--server", &proxy.url, "--kubeconfig", "/dev/null"]);
        until("it to meet the silence", Duration::from_secs(60), || {
            anyhow::ensure!(proxy.seen() > limit + 1, "{} requests", proxy.seen());
            anyhow::ensure!(child.try_wait()?.is_none(), "it has ended");
            Ok(())
        })
        .unwrap();
        proxy.allow(1_000_000);
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.contains("trying again until --timeout"), "{limit}: {said}");
        site.uninstall();
    }
    let nobody = site.install(&["--server", "http://127.0.0.1:9", "--kubeconfig", "/dev/null"]);
    assert!(nobody.code == 1 && nobody.stderr.contains("refused the connection"), "{}", nobody.stderr);
}

#[test]
fn a_pod_that_cannot_start_is_reported_with_its_node() {
    let site = site();
    let ready = site.install(&[]);
    assert_eq!(ready.code, 0, "{}", ready.stderr);
    let pod = pods(&site)[0].clone();
    let (name, node) = (pod["metadata"]["name"].as_str().unwrap(), pod["spec"]["nodeName"].as_str().unwrap());
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "mount"}, "type": "Warning", "reason": "FailedMount",
        "involvedObject": {"kind": "Pod", "namespace": "openshift-monitoring", "name": name},
        "message": "MountVolume.SetUp failed for volume \"serving\" : secret \"process-exporter-tls\" not found"});
    site.cluster.api().apply(&format!("/api/v1{HERE}/events/mount"), &event.to_string()).unwrap();
    let crashed = json!({"exitCode": 101, "reason": "Error", "message": "starting\nno such port\n", "startedAt": null, "finishedAt": null});
    // The kubelet's status, which kwok does not write for a running pod.
    for (state, last, expected) in [
        (
            json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}),
            json!({}),
            "the image registry/x:1 cannot be pulled (ImagePullBackOff: Back-off pulling image)",
        ),
        (
            json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}),
            json!({"terminated": crashed}),
            "container process-exporter ends again and again (Error, exit code 101, 7 restarts, its last words: no such port)",
        ),
        (
            json!({"waiting": {"reason": "ContainerCreating"}}),
            json!({}),
            "the serving certificate is missing",
        ),
    ] {
        let container = json!({"name": "process-exporter", "image": "registry/x:1", "imageID": "", "ready": false,
            "restartCount": 7, "state": state, "lastState": last});
        let status = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [container]}});
        site.cluster.api().merge(&format!("/api/v1{HERE}/pods/{name}/status"), &status).unwrap();
        until("the set to know", Duration::from_secs(10), || {
            anyhow::ensure!(site.get(DAEMON_SET)["status"]["numberReady"] == 2);
            Ok(())
        })
        .unwrap();
        let late = site.install(&["--timeout", "6s"]);
        assert_eq!(late.code, 1, "{}", late.stdout);
        let warning = late.stderr.lines().find(|line| line.starts_with(&format!("warning: {node}: ")));
        assert!(warning.is_some_and(|line| line.contains(expected)), "{expected}: {}", late.stderr);
        assert!(late.stderr.contains("note: 2 of 3 nodes ready"), "{}", late.stderr);
        let last = late.stderr.lines().last().unwrap();
        assert!(last.contains("after 6 s 2 of 3 nodes ready") && last.contains(expected), "{last}");
    }
    site.cluster.api().delete(&format!("/api/v1{HERE}/events/mount")).unwrap();
}

#[test]
fn the_clusters_own_admission_is_named() {
    let site = site();
    let root = "/apis/admissionregistration.k8s.io/v1";
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "resources": ["services"], "operations": ["CREATE"]});
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "managed"},
        "spec": {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": "false", "message": "not yours to change"}]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "managed"},
        "spec": {"policyName": "managed", "validationActions": ["Deny"]}});
    let paths = [
        format!("{root}/validatingadmissionpolicies/managed"),
        format!("{root}/validatingadmissionpolicybindings/managed"),
    ];
    for (path, object) in paths.iter().zip([policy, binding]) {
        site.cluster.api().apply(path, &object.to_string()).unwrap();
    }
    until("the policy to hold", Duration::from_secs(30), || {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "try"}, "spec": {"ports": [{"port": 1}]}});
        let tried = site.cluster.api().create("/api/v1/namespaces/default/services?dryRun=All", &service);
        anyhow::ensure!(tried.is_err_and(|error| error.to_string().contains("not yours")));
        Ok(())
    })
    .unwrap();
    let refused = site.install(&[]);
    paths.iter().for_each(|path| site.cluster.api().delete(path).unwrap());
    assert_eq!(refused.code, 1);
    let last = refused.stderr.lines().last().unwrap();
    assert!(
        last.contains("applying service/process-exporter: ") && last.contains("not yours to change"),
        "{last}"
    );
    assert!(last.contains("ValidatingAdmissionPolicy 'managed'"), "{last}");
    assert!(last.contains("managed clusters (ROSA, OSD)"), "{last}");
    until("the policy to be gone", Duration::from_secs(30), || {
        let again = site.install(&[]);
        anyhow::ensure!(again.code == 0, "{}", again.stderr);
        Ok(())
    })
    .unwrap();
}
