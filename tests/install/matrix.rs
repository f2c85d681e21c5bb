//! Other people's pods on OpenShift's own admission: what `install` brings changes none of them.
//!
//! Each kind of pod is tried without being made, of a service account with wildcard rights, which may use our constraints
//! too, and of one without any; with the token of the account, as people have them, and without.
use crate::site::{Site, site};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use test_cluster::{Login, Plugin, tool};

const SCC: &str = "/apis/security.openshift.io/v1/securitycontextconstraints/process-exporter";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const ACCOUNTS: [&str; 2] = ["wildcard", "plain"];
/// Creator of the pods; a controller has no right to use constraints either.
const MAKER: &str = "system:serviceaccount:default:maker";

/// Pods of the wildcard account that only `privileged` let in before: with a user, SELinux level or seccomp profile of their
/// own beside the host's PIDs. Ours are tried before it.
const OWN: [&str; 7] = [
    "root-and-both",
    "seccomp",
    "selinux",
    "uid-and-both",
    "uid-and-group",
    "uid-and-host-pid",
    "uid-of-a-container",
];

/// Result of admission for each pod: its constraints and its spec; `None` if it is refused.
type Admitted = BTreeMap<String, Option<(String, Value)>>;

/// The kinds of pods: the pod's own fields, its container's security context, and whether it mounts a folder of the node.
fn kinds() -> Vec<(&'static str, Value, Value, bool)> {
    let all_host = json!({"hostPID": true, "hostIPC": true, "hostNetwork": true});
    let (none, pid) = (json!({}), json!({"hostPID": true}));
    let user = |id: i64| json!({"runAsUser": id});
    let with = |fields: Value, context: Value| {
        let mut fields = fields;
        fields["securityContext"] = context;
        fields
    };
    vec![
        ("nothing", none.clone(), none.clone(), false),
        ("host-path", none.clone(), none.clone(), true),
        ("host-pid", pid.clone(), none.clone(), false),
        ("host-path-and-pid", pid.clone(), none.clone(), true),
        ("host-network", json!({"hostNetwork": true}), none.clone(), false),
        ("host-network-and-path", json!({"hostNetwork": true}), none.clone(), true),
        ("host-ipc", json!({"hostIPC": true}), none.clone(), false),
        ("all-of-the-host", all_host.clone(), none.clone(), true),
        ("uid", with(none.clone(), user(1000)), none.clone(), false),
        ("uid-and-host-path", with(none.clone(), user(1000)), none.clone(), true),
        ("uid-and-host-pid", with(pid.clone(), user(1000)), none.clone(), false),
        ("uid-and-both", with(pid.clone(), user(1000)), none.clone(), true),
        ("uid-of-a-container", pid.clone(), user(1000), true),
        ("uid-and-group", with(pid.clone(), json!({"runAsUser": 1000, "fsGroup": 7})), none.clone(), true),
        ("not-root", with(pid.clone(), json!({"runAsNonRoot": true})), none.clone(), true),
        ("root", with(none.clone(), user(0)), none.clone(), false),
        ("root-and-host-path", with(none.clone(), user(0)), none.clone(), true),
        ("root-and-both", with(pid.clone(), user(0)), none.clone(), true),
        ("privileged", none.clone(), json!({"privileged": true}), false),
        ("privileged-and-both", pid.clone(), json!({"privileged": true}), true),
        ("capability", none.clone(), json!({"capabilities": {"add": ["NET_ADMIN"]}}), true),
        ("escalation", pid.clone(), json!({"allowPrivilegeEscalation": true}), true),
        ("writes-its-root", none.clone(), json!({"readOnlyRootFilesystem": false}), true),
        ("selinux", with(pid.clone(), json!({"seLinuxOptions": {"level": "s0:c1,c2"}})), none.clone(), true),
        ("seccomp", with(pid, json!({"seccompProfile": {"type": "Unconfined"}})), none, true),
    ]
}

fn pod(account: &str, (name, fields, context, host_path): &(&str, Value, Value, bool), token: bool) -> Value {
    let mut spec = fields.clone();
    let port = name.starts_with("host-network").then(|| json!([{"containerPort": 80, "hostPort": 80}]));
    spec["serviceAccountName"] = json!(account);
    spec["automountServiceAccountToken"] = json!(token);
    spec["containers"] =
        json!([{"name": "c", "image": "i", "securityContext": context, "ports": port.unwrap_or(json!([]))}]);
    if *host_path {
        spec["volumes"] = json!([{"name": "v", "hostPath": {"path": "/sys"}}]);
        spec["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/host"}]);
    }
    let metadata = json!({"name": format!("{account}-{name}"), "namespace": "default"});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

/// The two accounts and the maker; they stay, and do nothing.
fn prepare(site: &Site) {
    let api = site.cluster.api();
    for name in ACCOUNTS {
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        api.apply(&format!("/api/v1/namespaces/default/serviceaccounts/{name}"), &account.to_string())
            .unwrap();
    }
    let bind = |name: &str, role: &str, user: &str| {
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]});
        api.apply(&format!("{RBAC}/clusterrolebindings/{name}"), &binding.to_string()).unwrap();
    };
    bind("matrix-wildcard", "cluster-admin", "system:serviceaccount:default:wildcard");
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "matrix-maker"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}]});
    api.apply(&format!("{RBAC}/clusterroles/matrix-maker"), &role.to_string()).unwrap();
    bind("matrix-maker", "matrix-maker", MAKER);
}

/// Has the API server try every pod, with or without the token of its account.
fn admitted(site: &Site, token: bool) -> Admitted {
    let kubectl = Plugin::new(tool("kubectl").unwrap().to_str().unwrap()).unwrap();
    let kubectl = kubectl.kubeconfig(site.cluster.kubeconfig(Login::Installer));
    let kinds = kinds();
    let of_account = |account| kinds.iter().map(move |kind| pod(account, kind, token));
    let pods: Vec<Value> = ACCOUNTS.into_iter().flat_map(of_account).collect();
    let mut all: Admitted =
        pods.iter().map(|pod| (pod["metadata"]["name"].as_str().unwrap().to_owned(), None)).collect();
    let file = kubectl.home().join("pods.json");
    fs::write(&file, json!({"apiVersion": "v1", "kind": "List", "items": pods}).to_string()).unwrap();
    let done = kubectl
        .run([
            "create",
            "-f",
            "pods.json",
            "--dry-run=server",
            "-o",
            "json",
            "--validate=false",
            "--as",
            MAKER,
        ])
        .unwrap();
    let refused = done.stderr.matches("unable to validate against any security context constraint").count();
    // The volume of the token is called by chance.
    let by_chance = Regex::new("kube-api-access-[a-z0-9]+").unwrap();
    // One after the other, since some are refused.
    for pod in serde_json::Deserializer::from_str(&done.stdout).into_iter::<Value>() {
        let pod = pod.unwrap();
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        let by = pod["metadata"]["annotations"]["openshift.io/scc"].as_str().unwrap().to_owned();
        let spec = by_chance.replace_all(&pod["spec"].to_string(), "token").into_owned();
        all.insert(name, Some((by, serde_json::from_str(&spec).unwrap())));
    }
    // Pods that are not admitted were refused for their constraints, and for nothing else.
    assert_eq!(all.values().filter(|outcome| outcome.is_none()).count(), refused, "{}", done.stderr);
    all
}

/// Returns the pods that were admitted differently: by other constraints, with another spec, or only at one time.
fn changed<'a>(before: &'a Admitted, after: &Admitted) -> Vec<&'a str> {
    let changed = before.iter().filter(|(name, outcome)| **outcome != after[*name]);
    changed.map(|(name, _)| name.as_str()).collect()
}

/// Every pod has the spec that it had before, to the byte, and comes in by the same constraints but for those of `OWN`.
fn assert_unchanged(before: &Admitted, after: &Admitted) {
    let specs =
        |all: &Admitted| all.values().map(|one| one.clone().map(|(_, spec)| spec)).collect::<Vec<_>>();
    assert_eq!(specs(before), specs(after));
    assert_eq!(changed(before, after), OWN.map(|kind| format!("wildcard-{kind}")));
    for name in changed(before, after) {
        let by = |all: &Admitted| all[name].clone().map(|(by, _)| by);
        assert_eq!(
            (by(before).as_deref(), by(after).as_deref()),
            (Some("privileged"), Some("process-exporter")),
            "{name}"
        );
    }
}

#[test]
fn installing_changes_nobodys_pods() {
    let site = site();
    prepare(&site);
    let before = admitted(&site, false);
    let before_with_token = admitted(&site, true);
    let by = |name: &str| before[name].as_ref().map(|(by, _)| by.as_str());
    // The accounts are what they are called.
    assert_eq!(by("plain-nothing"), Some("restricted-v2"));
    assert_eq!(by("plain-host-pid"), None);
    assert_eq!(by("wildcard-host-path"), Some("hostmount-anyuid"));
    assert_eq!(by("wildcard-host-path-and-pid"), Some("hostaccess"));
    assert_eq!(by("wildcard-privileged"), Some("privileged"));

    let done = site.install(&["--wait=false"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_unchanged(&before, &admitted(&site, false));
    assert_unchanged(&before_with_token, &admitted(&site, true));

    // The first version's constraints: `status` reports them, and its remedy restores them.
    let first = json!({"allowHostNetwork": false, "allowHostPorts": false, "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true, "requiredDropCapabilities": ["ALL"], "seLinuxContext": {"type": "MustRunAs"},
        "fsGroup": {"type": "MustRunAs"}, "seccompProfiles": ["runtime/default"]});
    site.cluster.api().merge(SCC, &first).unwrap();
    let harmed = admitted(&site, false);
    let harmed = changed(&before, &harmed);
    assert!(harmed.contains(&"wildcard-host-path-and-pid"), "the matrix is blind: {harmed:?}");
    let warned = site.checked("constraints");
    assert_eq!(warned["status"], "warning", "{warned}");
    let remedy = warned["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("run oc interrogate install --force-conflicts"), "{remedy}");
    let again = site.install(&["--wait=false", "--force-conflicts"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(site.checked("constraints")["status"], "ok");
    assert_unchanged(&before, &admitted(&site, false));
}
