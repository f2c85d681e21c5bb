//! The cluster is what the other tests take it for.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

#[path = "up/service_ca.rs"]
mod service_ca;

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use test_cluster::{Cluster, Fleet, Login, Spec, directory, shared, until};

const QUERY: &str = "/api/v1/query?query=vector(1)";

#[test]
fn the_door_lets_in_who_may_query_and_nobody_else() {
    let cluster = shared();
    let host = &cluster.prometheus().host;
    let cases = [
        (Login::Viewer, 200, r#""status":"success""#),
        (Login::Blind, 200, r#""status":"success""#),
        (Login::Nobody, 403, "Forbidden (user=nobody, verb=get, resource=prometheuses, subresource=api)"),
        (Login::WrongToken, 401, "Unauthorized"),
        (Login::NoUser, 401, "Unauthorized"),
    ];
    for (login, status, text) in cases {
        let answer = cluster.fetch(host, QUERY, login.token()).unwrap();
        assert_eq!(answer.0, status, "{login:?}: {}", answer.1);
        assert!(answer.1.contains(text), "{login:?}: {}", answer.1);
    }
}

#[test]
fn the_cluster_grants_each_login_what_its_description_says() {
    let cluster = shared();
    let route = ("openshift-monitoring", "route.openshift.io", "routes", "prometheus-k8s");
    let ca = ("openshift-config-managed", "", "configmaps", "default-ingress-cert");
    let cases = [
        (Login::Viewer, route, true),
        (Login::Viewer, ca, true),
        (Login::Nobody, route, true),
        (Login::Nobody, ca, true),
        (Login::Blind, route, false),
        (Login::Blind, ca, true),
        (Login::Stranger, route, true),
        (Login::Stranger, ca, false),
    ];
    for (login, object, allowed) in cases {
        assert_eq!(may_get(cluster, login, object), allowed, "{login:?} {object:?}");
    }
}

/// Returns true if the API server lets a login's token read an object.
fn may_get(
    cluster: &Cluster,
    login: Login,
    (namespace, group, resource, name): (&str, &str, &str, &str),
) -> bool {
    let root = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
    let path = format!("{root}/namespaces/{namespace}/{resource}/{name}");
    match cluster.api().get_as(&path, login.token()).unwrap() {
        200 => true,
        403 => false,
        status => panic!("{path}: {status}"),
    }
}

#[test]
fn the_route_leads_where_a_test_wants_and_back() {
    let cluster = shared();
    let history = directory().unwrap().join("history.txt");
    fs::write(&history, "# TYPE answer gauge\nanswer 42 1700000000\nanswer 42 1700000015\n# EOF\n").unwrap();
    let arguments = ["--storage.tsdb.retention.time=30y"];
    let spec = Spec { config: "{}", history: Some(&history), arguments: &arguments, ..Spec::default() };
    let other = cluster.start_prometheus("other", &spec).unwrap();
    let answer = |query: &str| {
        let route: Value = serde_json::from_str(&cluster.api().get(ROUTE).unwrap()).unwrap();
        let host = route["status"]["ingress"][0]["host"].as_str().unwrap().to_owned();
        cluster.fetch(&host, query, Login::Viewer.token()).unwrap().1
    };
    let query = "/api/v1/query?query=answer&time=1700000015";
    let door = cluster.door();
    assert!(answer(query).contains(r#""result":[]"#));
    door.lead_to(&other).unwrap();
    assert!(answer(query).contains(r#""value":[1700000015,"42"]"#), "{}", answer(query));
    door.remove().unwrap();
    assert!(cluster.api().get(ROUTE).is_err());
    drop(door);
    let _door = cluster.door();
    assert!(answer(query).contains(r#""result":[]"#));
}

/// A node's reserved CPUs are read from such objects.
#[test]
fn a_performance_profile_is_taken_as_openshift_takes_it() {
    let (group, version, plural) = ("performance.openshift.io", "v2", "performanceprofiles");
    shared().serve(group, version, plural).unwrap();
    let path = |name: &str| format!("/apis/{group}/{version}/{plural}/{name}");
    let profile = |cpu: Value| {
        let spec = json!({"cpu": cpu, "nodeSelector": {"node-role.kubernetes.io/master": ""}});
        json!({"apiVersion": format!("{group}/{version}"), "kind": "PerformanceProfile",
            "metadata": {"name": "sno"}, "spec": spec})
        .to_string()
    };
    let half = shared().api().apply(&path("sno"), &profile(json!({"isolated": "2-63"}))).unwrap_err();
    assert!(half.to_string().contains("spec.cpu.reserved: Required value"), "{half}");
    let whole = json!({"isolated": "2-31,34-63", "reserved": "0-1,32-33"});
    shared().api().apply(&path("sno"), &profile(whole)).unwrap();
    let kept: Value = serde_json::from_str(&shared().api().get(&path("sno")).unwrap()).unwrap();
    assert_eq!(kept["spec"]["cpu"]["reserved"], "0-1,32-33");
}

const ROUTE: &str = "/apis/route.openshift.io/v1/namespaces/openshift-monitoring/routes/prometheus-k8s";

#[test]
fn a_program_that_ends_instead_of_getting_ready_is_named_with_its_last_words() {
    let mut shell =
        test_cluster::start("talker", "sh", &["-c".into(), "echo last words; exit 3".into()]).unwrap();
    let error = shell.await_ready(|| -> anyhow::Result<()> { anyhow::bail!("not ready") }).unwrap_err();
    assert_eq!(error.to_string(), "talker ended (exit status: 3):\nlast words");
}

#[test]
fn pods_are_judged_by_openshifts_own_admission() {
    let cluster = shared();
    let _fleet = Fleet::start(cluster, 1).unwrap();
    let get = |path: &str| -> Value { serde_json::from_str(&cluster.api().get(path).unwrap()).unwrap() };
    let first = |path: &str| {
        until(path, Duration::from_secs(60), || {
            let list: Value = serde_json::from_str(&cluster.api().get(path)?)?;
            anyhow::ensure!(list["items"][0].is_object(), "none");
            Ok(list["items"][0].clone())
        })
        .unwrap()
    };
    // A controller makes the pods: other than the administrator it may use `restricted-v2` alone.
    let make = |name: &str, volumes: &Value| {
        let labels = json!({"app": name});
        let pod = json!({"containers": [{"name": "main", "image": "main"}], "volumes": volumes});
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}});
        cluster.api().apply(&format!("/apis/apps/v1{SHOP}/replicasets/{name}"), &set.to_string()).unwrap();
    };
    make("plain", &json!([]));
    let pod = first(&format!("/api/v1{SHOP}/pods?labelSelector=app=plain"));
    assert_eq!(pod["metadata"]["annotations"]["openshift.io/scc"], "restricted-v2");
    let range = &get("/api/v1/namespaces/shop")["metadata"]["annotations"]["openshift.io/sa.scc.uid-range"];
    let user: u64 = range.as_str().unwrap().split('/').next().unwrap().parse().unwrap();
    let given = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true, "runAsUser": user});
    assert_eq!(pod["spec"]["containers"][0]["securityContext"], given);

    // A container that is added later is judged too.
    let path = format!("/api/v1{SHOP}/pods/{}", pod["metadata"]["name"].as_str().unwrap());
    let more = json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": "debug"}]}});
    cluster.api().merge(&format!("{path}/ephemeralcontainers"), &more).unwrap();
    assert_eq!(get(&path)["spec"]["ephemeralContainers"][0]["securityContext"], given);

    make("host", &json!([{"name": "host", "hostPath": {"path": "/"}}]));
    let events = format!("/api/v1{SHOP}/events?fieldSelector=reason=FailedCreate,involvedObject.name=host");
    let message = first(&events)["message"].as_str().unwrap().to_owned();
    for words in [
        "pods \"host-\" is forbidden: unable to validate against any security context constraint: [",
        "provider \"privileged\": Forbidden: not usable by user or serviceaccount",
        "hostPath volumes are not allowed to be used",
    ] {
        assert!(message.contains(words), "{words}: {message}");
    }
}

const SHOP: &str = "/namespaces/shop";
