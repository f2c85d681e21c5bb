//! One case, tried with both programs.
use regex::Regex;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use test_cluster::{Login, Outcome, Plugin, directory, shared, tool};

/// The question that both put: an object that nobody has made. kubectl's words for it; `version` asks for it too.
const KUBECTL: [&str; 5] = [
    "get",
    "daemonsets.apps/process-exporter",
    "--namespace=openshift-monitoring",
    "--ignore-not-found",
    "-o=name",
];

/// End of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The question was answered.
    Connected,
    /// One side did not accept the other's certificate, credentials or rights.
    Refused,
    /// It came to no answer for another reason: the input, above all.
    Error,
}

/// Input of both programs.
#[derive(Default)]
pub(crate) struct Case {
    name: String,
    kubeconfig: Option<Vec<u8>>,
    flags: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, kubeconfig: &Value) -> Case {
        Case::of_bytes(name, kubeconfig.to_string())
    }

    pub(crate) fn of_bytes(name: impl Into<String>, kubeconfig: impl Into<Vec<u8>>) -> Case {
        Case { name: name.into(), kubeconfig: Some(kubeconfig.into()), ..Case::default() }
    }

    /// Without any kubeconfig.
    pub(crate) fn bare(name: impl Into<String>) -> Case {
        Case { name: name.into(), ..Case::default() }
    }

    pub(crate) fn flags(mut self, flags: &[&str]) -> Case {
        self.flags.extend(flags.iter().map(ToString::to_string));
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Case {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn run(&self, program: &str, question: &[&str]) -> Outcome {
        let mut plugin = Plugin::new(program).unwrap();
        if let Some(text) = &self.kubeconfig {
            fs::write(plugin.home().join("config"), text).unwrap();
            plugin = plugin.kubeconfig("config");
        }
        for (name, value) in &self.variables {
            plugin = plugin.variable(name, value);
        }
        plugin.run(question.iter().copied().chain(self.flags.iter().map(String::as_str))).unwrap()
    }
}

/// Tries the cases; gives how each of them ended. Panics with all cases in which the programs differ.
pub(crate) fn try_all(cases: &[Case]) -> Vec<End> {
    let mut wrong = Vec::new();
    let ends = cases.iter().map(|case| {
        let theirs = case.run(tool("kubectl").unwrap().to_str().unwrap(), &KUBECTL);
        let ours = case.run(env!("CARGO_BIN_EXE_oc-interrogate"), &["version"]);
        let (expected, found) = (kubectls(&theirs), plugins(&ours));
        if expected != found {
            let (theirs, ours) = (theirs.stderr.trim(), ours.stderr.trim());
            wrong.push(format!(
                "{}: kubectl {expected:?} ({theirs}), the plugin {found:?} ({ours})",
                case.name
            ));
        }
        if let Some(why) = indecent(&ours) {
            wrong.push(format!("{}: {why}: {}", case.name, ours.stderr));
        }
        found
    });
    let ends = ends.collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    ends
}

/// Returns the number of cases with this end.
pub(crate) fn count(ends: &[End], end: End) -> usize {
    ends.iter().filter(|its| **its == end).count()
}

fn kubectls(outcome: &Outcome) -> End {
    let refusals = [
        "tls: failed to verify certificate",
        "remote error: tls",
        "Unauthorized",
        "Forbidden",
        "must be logged in",
        "cannot impersonate",
        // Nobody is logged in, and whom it asks for a name and a password says nothing.
        "error: EOF",
    ];
    end(outcome, &refusals)
}

fn plugins(outcome: &Outcome) -> End {
    let refusals =
        [" has a certificate ", " has an expired certificate", "refused the credentials (401)", "(403)"];
    end(outcome, &refusals)
}

fn end(outcome: &Outcome, refusals: &[&str]) -> End {
    match outcome.code {
        0 => End::Connected,
        _ if refusals.iter().any(|words| outcome.stderr.contains(words)) => End::Refused,
        _ => End::Error,
    }
}

/// Returns the fault in the form of an error. A good error is one line in words, without Rust's own ways to print values
/// and without a secret.
fn indecent(outcome: &Outcome) -> Option<&'static str> {
    if outcome.code == 0 {
        return None;
    }
    let rust = Regex::new(
        r"panicked|RUST_BACKTRACE|\b(Some|Err|Ok)\(|\bNone\b|\w+ \{ \w+:|\[\d+, \d+|::\w+|\\u\{|\w+Error\(",
    )
    .unwrap();
    let lines = outcome.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    match () {
        () if outcome.code > 2 => Some("a crash"),
        () if lines != 1 => Some("not one line"),
        () if rust.is_match(&outcome.stderr) => Some("a Rust value"),
        () if outcome.stderr.contains("sha256~") => Some("a token"),
        () => None,
    }
}

/// A folder of this case's own, for certificates and tokens.
pub(crate) fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let folder = directory().unwrap().join(format!("trial-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&folder).unwrap();
    folder
}

/// A kubeconfig of one cluster and one user.
pub(crate) fn kubeconfig(cluster: &Value, user: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    })
}

/// The cluster's own API server, by its authority's file.
pub(crate) fn cluster() -> Value {
    json!({"server": shared().api().server(), "certificate-authority": shared().api_ca()})
}

/// The token of somebody who may see the DaemonSet.
pub(crate) fn token() -> &'static str {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let api = shared().api();
        for name in ["viewer", "by-certificate"] {
            let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": format!("trial-{name}")},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]});
            let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/trial-{name}");
            api.apply(&path, &binding.to_string()).unwrap();
        }
        // The rights are granted when the authorizer has seen them.
        test_cluster::until("the rights to hold", std::time::Duration::from_secs(30), || {
            let path = "/apis/apps/v1/namespaces/openshift-monitoring/daemonsets";
            let status = api.get_as(path, Login::Viewer.token())?;
            anyhow::ensure!(status == 200, "{status}");
            Ok(())
        })
        .unwrap();
    });
    Login::Viewer.token().unwrap()
}

/// The administrator's certificate and key.
pub(crate) fn administrator() -> Value {
    let text = fs::read_to_string(shared().kubeconfig(Login::Installer)).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["users"][0]["user"].clone()
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
