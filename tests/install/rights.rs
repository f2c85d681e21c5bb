//! Users who may do less than it takes.
use crate::site::{Site, site};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use test_cluster::{Login, Plugin, until};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// Somebody without any right but those that the roles of `rules` give.
fn somebody(site: &Site) -> Plugin {
    let token = Login::Nobody.token().unwrap();
    let plugin = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap();
    let file = plugin.home().join("kubeconfig");
    let kubeconfig = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": site.cluster.api().server(), "certificate-authority": site.cluster.api_ca()}}],
        "users": [{"name": "c", "user": {"token": token}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]});
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    plugin.kubeconfig(file)
}

/// The roles printed for who has no right at all.
fn printed(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn path(role: &Value) -> String {
    let (kind, name) =
        (role["kind"].as_str().unwrap().to_lowercase(), role["metadata"]["name"].as_str().unwrap());
    match role["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{RBAC}/namespaces/{namespace}/{kind}s/{name}"),
        None => format!("{RBAC}/{kind}s/{name}"),
    }
}

fn apply(site: &Site, roles: &[Value]) {
    roles.iter().for_each(|role| site.cluster.api().apply(&path(role), &role.to_string()).unwrap());
}

fn allowed(site: &Site, namespace: &Value, rule: &Value) -> bool {
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
        "user": "nobody", "resourceAttributes": {"namespace": namespace.as_str().unwrap_or(""), "verb": rule["verbs"][0],
            "group": rule["apiGroups"][0], "resource": rule["resources"][0], "name": rule["resourceNames"][0].as_str().unwrap_or("")}}});
    let answer =
        site.cluster.api().create("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review).unwrap();
    answer["status"]["allowed"] == true
}

#[test]
fn each_missing_right_is_named_and_the_roles_printed_are_enough() {
    let site = site();
    let somebody = somebody(&site);
    let before = site.names();
    let refused = site.run_as(&somebody, &[]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("nobody lacks"), "{}", refused.stderr);
    let roles = printed(&refused.stdout);
    let kinds: Vec<_> = roles.iter().map(|role| role["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Role", "RoleBinding"]);
    apply(&site, &roles);

    let mut named = BTreeSet::new();
    for role in roles.iter().filter(|role| role.get("rules").is_some()) {
        let rules = role["rules"].as_array().unwrap();
        for (index, rule) in rules.iter().enumerate() {
            assert_eq!(rule["verbs"].as_array().unwrap().len(), 1);
            let mut without = role.clone();
            without["rules"].as_array_mut().unwrap().remove(index);
            apply(&site, &[without]);
            let namespace = &role["metadata"]["namespace"];
            until("the right to be gone", Duration::from_secs(10), || {
                anyhow::ensure!(!allowed(&site, namespace, rule));
                Ok(())
            })
            .unwrap();
            let refused = site.run_as(&somebody, &["--dry-run=none"]);
            assert_eq!(refused.code, 1, "{rule}: {}", refused.stdout);
            let missing: Vec<_> =
                refused.stderr.lines().filter(|line| line.starts_with("missing: ")).collect();
            assert_eq!(missing.len(), 1, "{rule}: {}", refused.stderr);
            for part in [&rule["verbs"][0], &rule["resources"][0]] {
                assert!(missing[0].contains(part.as_str().unwrap()), "{rule}: {missing:?}");
            }
            named.insert(missing[0].to_owned());
            assert_eq!(printed(&refused.stdout)[0]["rules"], json!([rule]));
        }
        apply(&site, std::slice::from_ref(role));
    }
    assert!(named.len() > 35, "{named:?}");
    assert_eq!(
        site.names().iter().filter(|name| !name.contains("oc-interrogate-install")).count(),
        before.len()
    );

    let all = roles.iter().filter(|role| role.get("rules").is_some());
    for role in all {
        for rule in role["rules"].as_array().unwrap() {
            until("the right to hold", Duration::from_secs(10), || {
                anyhow::ensure!(allowed(&site, &role["metadata"]["namespace"], rule));
                Ok(())
            })
            .unwrap();
        }
    }
    let done = site.run_as(&somebody, &[]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("as nobody"), "{}", done.stderr);
    roles.iter().for_each(|role| site.cluster.api().delete(&path(role)).unwrap());
}

#[test]
fn an_installer_who_may_not_query_learns_of_the_sign_in_page_after_one_request() {
    let site = site();
    let somebody = somebody(&site);
    let roles = printed(&site.run_as(&somebody, &[]).stdout);
    apply(&site, &roles);
    let door = site.cluster.door();
    let host = "sign-in.apps.test.example";
    let proxy = site.cluster.start_oauth_proxy(host, &site.cluster.prometheus().url).unwrap();
    door.lead_to_host(host).unwrap();
    let done = until("the rights to hold", Duration::from_secs(30), || {
        let done = site.run_as(&somebody, &[]);
        anyhow::ensure!(done.code == 0, "{}", done.stderr);
        Ok(done)
    })
    .unwrap();
    roles.iter().for_each(|role| site.cluster.api().delete(&path(role)).unwrap());
    let said = format!(
        "warning: whether samples arrive is not known, since Prometheus cannot be queried: https://{host} answered with a sign-in page (403): log in again with oc login, or ask for the cluster role cluster-monitoring-view"
    );
    assert_eq!(done.stderr.lines().filter(|line| *line == said).count(), 1, "{}", done.stderr);
    assert!(
        !done.stderr.contains('<') && !done.stderr.contains("Log"),
        "a part of the page: {}",
        done.stderr
    );
    let requests = proxy.requests();
    assert!(requests.len() == 1 && requests[0].token.as_deref() == Login::Nobody.token(), "{requests:#?}");
}

#[test]
fn what_uninstall_may_not_delete_is_listed() {
    let site = site();
    site.install(&[]);
    let refused = site.run_as_uninstall(&somebody(&site));
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.matches("failed: listing").count() == 11, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("11 of the objects could not be deleted or looked for"),
        "{}",
        refused.stderr
    );
}

impl Site {
    fn run_as_uninstall(&self, plugin: &Plugin) -> test_cluster::Outcome {
        plugin.run(["uninstall", "-y"]).unwrap()
    }
}
