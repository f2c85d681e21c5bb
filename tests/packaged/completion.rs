//! The Tab key: the completion of kubectl and of oc asks our shims, which ask a real API server.
use serde_json::json;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;
use test_cluster::{Login, Plugin, free_port, shared, tool, until};

/// kubectl or oc in a home of its own, the plugin on its PATH, and the shims as `completion --install` puts them there.
struct Client {
    client: Plugin,
    folder: PathBuf,
}

impl Client {
    fn kubectl(login: Login) -> Client {
        Client::new("kubectl", login)
    }

    fn new(name: &str, login: Login) -> Client {
        let kubeconfig = shared().kubeconfig(login);
        let client = Plugin::new(tool(name).unwrap().to_str().unwrap()).unwrap().kubeconfig(kubeconfig);
        let folder = client.home().join("bin");
        fs::create_dir(&folder).unwrap();
        let program = folder.join("kubectl-interrogate");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_oc-interrogate"), &program).unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.display());
        let plugin = Plugin::new(program.to_str().unwrap()).unwrap().variable("PATH", &path);
        let installed = plugin.run(["completion", "--install"]).unwrap();
        assert_eq!((installed.code, installed.stdout.lines().count()), (0, 2), "{installed:?}");
        Client { client: client.variable("PATH", path), folder }
    }

    /// The values that are offered for the last of `words`, after `kubectl interrogate` or `oc interrogate`.
    fn offered(&self, words: &[&str]) -> Vec<String> {
        let outcome = self.client.run([&["__complete", "interrogate"], words].concat()).unwrap();
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let mut lines: Vec<_> = outcome.stdout.lines().collect();
        // The shim's directive, which is the last line: no files, perhaps no space.
        assert!(matches!(lines.pop(), Some(":4" | ":6")), "{outcome:?}");
        lines.iter().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    }
}

#[test]
fn commands_flags_and_values_come_through_kubectl_and_oc() {
    for name in ["kubectl", "oc"] {
        let client = Client::new(name, Login::Nobody);
        let commands = client.offered(&[""]);
        assert!(commands.iter().all(|word| !word.starts_with('-')), "{commands:?}");
        for command in ["top", "install", "uninstall", "version", "completion"] {
            assert!(commands.iter().any(|word| word == command), "{command} is not in {commands:?}");
        }
        assert_eq!(client.offered(&["top", "--no"]), ["--node", "--no-headers"]);
        let levels = ["class", "namespace", "workload", "group", "thread", "cpuset"];
        assert_eq!(client.offered(&["top", "--by", ""]), levels);
        assert_eq!(client.offered(&["top", "--class", "host,k"]), ["host,kernel"]);
        // A client without its shim would find the files of the folder here.
        assert!(client.offered(&["top", "nothing-stands-here"]).is_empty());
        // Each asks its own shim: without it, it offers nothing of ours.
        fs::remove_file(client.folder.join(format!("{name}_complete-interrogate"))).unwrap();
        let without = client.client.run(["__complete", "interrogate", "top", "--no"]).unwrap();
        assert!(!without.stdout.contains("--node"), "{without:?}");
    }
}

#[test]
fn names_are_those_of_the_cluster_that_the_line_speaks_of() {
    for name in ["tab-b", "tab-a"] {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
        shared().api().apply(&format!("/api/v1/nodes/{name}"), &node.to_string()).unwrap();
    }
    let kubectl = Client::kubectl(Login::Installer);
    assert_eq!(kubectl.offered(&["top", "--node", "tab-"]), ["tab-a", "tab-b"]);
    assert_eq!(kubectl.offered(&["top", "--node=tab-a,tab-"]), ["--node=tab-a,tab-a", "--node=tab-a,tab-b"]);
    assert_eq!(kubectl.offered(&["top", "-n", "openshift-mon"]), ["openshift-monitoring"]);
    assert_eq!(kubectl.offered(&["top", "-S", "openshift-log"]), ["openshift-logging"]);
    assert_eq!(kubectl.offered(&["install", "--context", ""]), ["installer"]);
    assert_eq!(kubectl.offered(&["top", "--cluster", ""]), ["test"]);
    assert_eq!(kubectl.offered(&["top", "--user", ""]), ["installer"]);
    // Another login's kubeconfig, named on the line: it may not list nodes, and that is nobody's business here.
    let other = shared().kubeconfig(Login::Viewer);
    let line = ["top", "--kubeconfig", other.to_str().unwrap()];
    assert_eq!(kubectl.offered(&[&line[..], &["--context", ""]].concat()), ["viewer"]);
    assert!(kubectl.offered(&[&line[..], &["--node", ""]].concat()).is_empty());
}

/// Serves one of OpenShift's kinds, with one object of it, which the viewer may list.
fn serve(group: &str, kind: &str, object: &str) {
    let (api, plural) = (shared().api(), format!("{}s", kind.to_lowercase()));
    let name = format!("{plural}.{group}");
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
        "spec": {
            "group": group, "scope": "Cluster", "names": {"kind": kind, "plural": plural},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
        },
    });
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    api.apply(&format!("{definitions}/{name}"), &definition.to_string()).unwrap();
    let list = format!("/apis/{group}/v1/{plural}");
    until("the kind to be served", Duration::from_secs(30), || api.get(&list)).unwrap();
    let object_of = json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": object}});
    api.apply(&format!("{list}/{object}"), &object_of.to_string()).unwrap();
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
        "rules": [{"apiGroups": [group], "resources": [plural], "verbs": ["list"]}]});
    api.apply(&format!("{rbac}/clusterroles/{name}"), &role.to_string()).unwrap();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "viewer"}]});
    api.apply(&format!("{rbac}/clusterrolebindings/{name}"), &binding.to_string()).unwrap();
    until("the right to hold", Duration::from_secs(30), || {
        anyhow::ensure!(api.get_as(&list, Login::Viewer.token())? == 200);
        Ok(())
    })
    .unwrap();
}

#[test]
fn groups_of_users_and_projects_are_openshifts() {
    serve("user.openshift.io", "Group", "site-admins");
    serve("project.openshift.io", "Project", "only-mine");
    let kubectl = Client::kubectl(Login::Viewer);
    assert_eq!(kubectl.offered(&["top", "--as-group", ""]), ["site-admins"]);
    // Who may not list namespaces may list projects: those that are theirs.
    assert_eq!(kubectl.offered(&["top", "--namespace", ""]), ["only-mine"]);
}

#[test]
fn a_cluster_that_does_not_respond_offers_nothing() {
    let kubectl = Client::kubectl(Login::Installer);
    // It takes connections and says nothing; without a limit of our own this would never end.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for port in [silent.local_addr().unwrap().port(), free_port()] {
        let server = format!("--server=https://127.0.0.1:{port}");
        assert!(kubectl.offered(&["top", &server, "--request-timeout=0", "--node", ""]).is_empty());
    }
    assert!(kubectl.offered(&["top", "--kubeconfig=/nonexistent", "--context", ""]).is_empty());
}

#[test]
fn the_shims_are_taken_away_again_and_nobody_elses() {
    let kubectl = Client::kubectl(Login::Nobody);
    let program = kubectl.folder.join("kubectl-interrogate");
    let folder = kubectl.folder.to_str().unwrap();
    let plugin = Plugin::new(program.to_str().unwrap()).unwrap();
    let run = |what: &str| plugin.run(["completion", what, "--to", folder]).unwrap();
    assert!(run("--install").stdout.starts_with("nothing to do"), "it was installed");
    assert!(run("--remove").stdout.contains("oc_complete-interrogate deleted"));
    let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["kubectl-interrogate"]);
    fs::write(kubectl.folder.join("oc_complete-interrogate"), "#!/bin/sh\n").unwrap();
    for what in ["--install", "--remove"] {
        let refused = run(what);
        assert_eq!(refused.code, 1);
        assert!(refused.stderr.contains("somebody else's"), "{refused:?}");
    }
    // In no folder of PATH, so there is no usual one.
    let nowhere = plugin.run(["completion", "--install"]).unwrap();
    assert!(nowhere.code == 1 && nowhere.stderr.contains("--to FOLDER"), "{nowhere:?}");
}

#[test]
fn bash_completes_the_program_by_its_own_name() {
    let script = r#"
        source <(kubectl-interrogate completion bash)
        COMP_WORDS=(kubectl-interrogate top --node bash-) COMP_CWORD=3 COMP_TYPE=9
        $(complete -p kubectl-interrogate | grep -o '_clap_complete[a-z_]*') kubectl-interrogate bash- --node
        printf '%s\n' "${COMPREPLY[@]}""#;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "bash-has-tab"}});
    shared().api().apply("/api/v1/nodes/bash-has-tab", &node.to_string()).unwrap();
    let kubectl = Client::kubectl(Login::Installer);
    let bash = Plugin::new("/bin/bash").unwrap().kubeconfig(shared().kubeconfig(Login::Installer));
    let bash = bash.variable("PATH", format!("{}:/usr/bin:/bin", kubectl.folder.display()));
    let outcome = bash.run(["-c", script]).unwrap();
    assert!(outcome.code == 0 && outcome.stdout.contains("bash-has-tab"), "{outcome:?}");
}
