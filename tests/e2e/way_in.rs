//! The good ways in, against a real API server and a real door; and what the bad ones (bad_days) share with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};
use test_cluster::{Certificate, Cluster, Door, Login, Outcome, Plugin, Prometheus, Spec, directory, shared};

/// The end of the history, Unix seconds, and what to ask for.
const END: u32 = 1_700_000_000;
const QUESTION: [&str; 7] = ["top", "-i", "2m", "-T", "1700000000", "-o", "json"];

/// A Prometheus that holds the history.
pub(crate) fn prometheus() -> &'static Prometheus {
    static PROMETHEUS: OnceLock<Prometheus> = OnceLock::new();
    PROMETHEUS.get_or_init(|| {
        let arguments = &["--storage.tsdb.retention.time=30y"];
        let spec = Spec { config: "{}", history: Some(history()), arguments, ..Spec::default() };
        shared().start_prometheus("way-in", &spec).unwrap()
    })
}

/// Two minutes of one node, at 15 s: busy by 0.5, `kubelet` 0.25 of it. OpenMetrics.
pub(crate) fn history() -> &'static Path {
    static HISTORY: OnceLock<PathBuf> = OnceLock::new();
    HISTORY.get_or_init(|| {
        let history = directory().unwrap().join("way-in.txt");
        let times = || (0..8).rev().map(|step| END - 15 * step);
        let group = r#"class="host",groupname="kubelet""#;
        let mut text = String::new();
        for (metric, labels, value) in [
            ("namedprocess_namegroup_cpu_rate", format!("instance=\"n\",{group}"), 0.25),
            ("class_groupname:namedprocess_namegroup_cpu_rate:sum", group.to_owned(), 0.25),
            ("class:namedprocess_cpu_rate:sum", "class=\"host\"".to_owned(), 0.25),
            ("instance:namedprocess_node_cpu_rate:sum", "instance=\"n\"".to_owned(), 0.5),
            ("cluster:namedprocess_node_cpu_rate:sum", String::new(), 0.5),
            ("cluster:namedprocess_node_cpu_rate:count", String::new(), 1.0),
            ("cluster:namedprocess_node_cpu_unattributed_rate:sum", String::new(), 0.25),
        ] {
            text += &format!("# TYPE {metric} gauge\n");
            for at in times() {
                text += &format!("{metric}{{{labels}}} {value} {at}\n");
            }
        }
        fs::write(&history, text + "# EOF\n").unwrap();
        history
    })
}

/// The cluster, and its Route held, leading to the history.
pub(crate) fn cluster() -> (&'static Cluster, Door<'static>) {
    let (cluster, prometheus) = (shared(), prometheus());
    let door = cluster.door();
    door.lead_to(prometheus).unwrap();
    (cluster, door)
}

pub(crate) fn plugin() -> Plugin {
    Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap()
}

pub(crate) fn logged_in(login: Login) -> Plugin {
    plugin().kubeconfig(shared().kubeconfig(login))
}

/// Writes a changed kubeconfig into the plugin's home.
pub(crate) fn changed(plugin: &Plugin, name: &str, login: Login, change: impl Fn(&mut Value)) -> PathBuf {
    let text = fs::read_to_string(shared().kubeconfig(login)).unwrap();
    let mut kubeconfig = serde_json::from_str(&text).unwrap();
    change(&mut kubeconfig);
    let path = plugin.home().join(name);
    fs::write(&path, kubeconfig.to_string()).unwrap();
    path
}

pub(crate) fn run_top(plugin: &Plugin, flags: &[&str]) -> Outcome {
    plugin.run(QUESTION.iter().chain(flags)).unwrap()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Asserts that the report is the history's, and that no token is in the output.
pub(crate) fn assert_reported(case: &str, outcome: &Outcome) {
    assert_eq!(outcome.code, 0, "{case}: {}", outcome.stderr);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["rows"][0]["name"], "kubelet", "{case}: {report}");
    assert_eq!(report["rows"][0]["avg"], 0.25, "{case}: {report}");
    assert_eq!(report["busy"]["avg"], 0.5, "{case}: {report}");
    assert_no_token(case, outcome);
}

fn assert_no_token(case: &str, outcome: &Outcome) {
    assert!(!format!("{outcome:?}").contains("sha256~"), "{case}: {outcome:?}");
}

/// Exit code 1, nothing on standard output, and one line on standard error that holds `said`.
pub(crate) fn assert_refused(case: &str, outcome: &Outcome, said: &[&str]) {
    assert_eq!(outcome.code, 1, "{case}: {}", outcome.stderr);
    assert_eq!(outcome.stdout, "", "{case}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{case}: {}", outcome.stderr);
    assert!(outcome.stderr.starts_with("error: "), "{case}: {}", outcome.stderr);
    for words in said {
        assert!(outcome.stderr.contains(words), "{case}, without \"{words}\": {}", outcome.stderr);
    }
    assert_no_token(case, outcome);
}

#[test]
fn any_kubeconfig_with_a_token_leads_through_the_route() {
    let (cluster, _door) = cluster();
    let viewer = cluster.kubeconfig(Login::Viewer);
    assert_reported("$KUBECONFIG", &run_top(&logged_in(Login::Viewer), &[]));
    assert_reported("--kubeconfig", &run_top(&plugin(), &["--kubeconfig", text(&viewer)]));
    assert_reported("an exec plugin", &run_top(&logged_in(Login::ExecPlugin), &[]));

    let home = plugin();
    fs::create_dir(home.home().join(".kube")).unwrap();
    fs::copy(&viewer, home.home().join(".kube/config")).unwrap();
    assert_reported("~/.kube/config", &run_top(&home, &[]));

    let with_file = plugin();
    let token = with_file.home().join("token");
    fs::write(&token, format!("{}\n", Login::Viewer.token().unwrap())).unwrap();
    let path = changed(&with_file, "config", Login::Viewer, |config| {
        config["users"][0]["user"] = json!({"tokenFile": token});
    });
    assert_reported("a token file", &run_top(&with_file, &["--kubeconfig", text(&path)]));
}

#[test]
fn kubeconfigs_are_merged_and_contexts_chosen() {
    let (cluster, _door) = cluster();
    let split = plugin();
    let users = changed(&split, "users", Login::Viewer, |config| {
        config["clusters"] = json!([]);
        config["contexts"] = json!([]);
        config["current-context"] = json!("");
    });
    let rest = changed(&split, "rest", Login::Viewer, |config| config["users"] = json!([]));
    let paths = std::env::join_paths([&users, &rest, &split.home().join("missing")]).unwrap();
    assert_reported("merged files", &run_top(&split.kubeconfig(paths), &[]));

    let two = [cluster.kubeconfig(Login::Nobody), cluster.kubeconfig(Login::Viewer)];
    let two = plugin().kubeconfig(std::env::join_paths(two).unwrap());
    assert_reported("--context", &run_top(&two, &["--context", "viewer"]));
    assert_reported("--user", &run_top(&two, &["--user", "viewer"]));
    assert_refused("the first file's context", &run_top(&two, &[]), &["user \"nobody\" may not query"]);
    assert_refused(
        "no such context",
        &run_top(&two, &["--context", "mine"]),
        &["no context \"mine\"", "get-contexts"],
    );
}

#[test]
fn flags_stand_in_for_a_kubeconfig() {
    let (cluster, _door) = cluster();
    let token = Login::Viewer.token().unwrap();
    let flags = [
        "--server",
        cluster.api().server(),
        "--certificate-authority",
        text(cluster.api_ca()),
        "--token",
        token,
    ];
    assert_reported("no kubeconfig at all", &run_top(&plugin(), &flags));
    assert_reported("--token over another's", &run_top(&logged_in(Login::WrongToken), &["--token", token]));
    assert_reported("--token where there is none", &run_top(&logged_in(Login::NoUser), &["--token", token]));
}

#[test]
fn the_address_can_be_named() {
    let (_, _door) = cluster();
    let (url, address) = (&prometheus().url, format!("https://{}", prometheus().host));
    assert_reported("loopback", &run_top(&plugin(), &["--prometheus", url]));
    assert_reported("https", &run_top(&logged_in(Login::Viewer), &["--prometheus", &address]));
    let copied = format!("{address}/api/v1/query?query=up");
    assert_refused(
        "too much of it",
        &run_top(&logged_in(Login::Viewer), &["--prometheus", &copied]),
        &["(404)", "/api/v1"],
    );
    let copied = format!("{address}/api/v1/");
    assert_reported("its base", &run_top(&logged_in(Login::Viewer), &["--prometheus", &copied]));
}

/// A user who may not read routes gets Prometheus's host from the domain of the console.
#[test]
fn the_console_shows_the_domain_of_routes() {
    let (cluster, door) = cluster();
    let host = "prometheus-k8s-openshift-monitoring.apps.other.example";
    let _gate = cluster.start_gateway(host, &prometheus().url, Certificate::Good).unwrap();
    let console = |url: &str| door.publish("console-public", "consoleURL", url).unwrap();
    console("https://console-openshift-console.apps.other.example");
    let blind = logged_in(Login::Blind);
    let answered = run_top(&blind, &[]);
    assert_reported("the domain", &answered);
    assert!(answered.stderr.contains(host) && answered.stderr.contains("routes"), "{}", answered.stderr);
    let report: Value = serde_json::from_str(&answered.stdout).unwrap();
    assert_eq!(report["source"]["url"], format!("https://{host}"));

    console("https://console.test.example");
    let own = ["\"https://console.test.example\" does not show the domain", "--prometheus URL"];
    assert_refused("a console of its own host", &run_top(&blind, &["--via", "route"]), &own);
    door.withdraw("console-public").unwrap();
    let none =
        ["cannot get resource \"routes\"", "console-public in openshift-config-managed: there is none"];
    assert_refused("no console", &run_top(&blind, &["--via", "route"]), &none);
    let neither = [none[0], none[1], "nor by port-forward", "\"pods\"", "--prometheus URL"];
    assert_refused("nothing at all", &run_top(&blind, &[]), &neither);
}

/// The default way goes without saying, any other is told on standard error.
#[test]
fn only_what_is_out_of_the_ordinary_is_noted() {
    let (_, _door) = cluster();
    let viewer = logged_in(Login::Viewer);
    assert_eq!(run_top(&viewer, &[]).stderr, "");
    assert_eq!(run_top(&viewer, &["--prometheus", &prometheus().url]).stderr, "");
    let insecure = run_top(&viewer, &["--insecure-prometheus"]).stderr;
    assert_eq!(insecure, "note: its certificate is not verified, as --insecure-prometheus says\n");
}
