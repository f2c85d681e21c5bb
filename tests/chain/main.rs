//! The whole way from `install` to `top`, with nothing in between left out that is not the kubelet's: the service CA issues, the
//! installed pod runs as a process with its own argv, files and user; the real prometheus-operator turns what was installed
//! into a configuration; a real Prometheus, 2 and 3, scrapes the pod with it over TLS of both sides and evaluates the rules; `status`
//! says so, and `top` answers. Then every certificate is exchanged.
//!
//! In the place of OpenShift's: the service CA (test_cluster::ServiceCa), the kubelet and CRI-O (test_cluster::Pod), and
//! Prometheus's rights to find targets (it asks the API server as the installer).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

mod parts;
mod pods;

use parts::{CLIENT_NAME, Chain, NODE, SERVICE, address, await_scrapes, exporter};
use pods::Pods;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use test_cluster::{Login, Plugin, Prometheus, Spec, shared, until};

/// The user and the group of the installed pod.
const UID: &str = "925600000";

/// Describes what a server holds of the exporter's by its own clock, for the message of a failure: scraped samples, recorded
/// ones, and how old the newest are.
fn holdings(prometheus: &Prometheus) -> String {
    let queries = [
        "time()",
        "count_over_time(namedprocess_exporter_passes_total[10m])",
        "count_over_time(instance:namedprocess_node_cpu_rate:sum[10m])",
        "time() - timestamp(namedprocess_exporter_passes_total)",
        "time() - timestamp(cluster:namedprocess_node_cpu_rate:count)",
        "{__name__=~\"(cluster|class):namedprocess_.+\"}[1m]",
        "process_start_time_seconds",
    ];
    let held = queries.map(|query| format!("{query}: {:?}", prometheus.bare.series(query, None)));
    format!("by {:?}: {}", std::time::SystemTime::now(), held.join("; "))
}

/// Whoever may query alone is told all that Prometheus knows of a budget, and what would tell the rest.
fn judges(viewer: &Plugin) {
    let judge = |flags: &[&str]| {
        let judged = viewer.run([&["budget", "-o", "json"], flags].concat()).unwrap();
        let report: Value =
            serde_json::from_str(&judged.stdout).unwrap_or_else(|_| panic!("{}", judged.stderr));
        (judged.code, report)
    };
    let command = ["--during", "--", "sleep", "8"];
    let (code, during) = judge(&[&["reserved-cpus", "--reserved", "0-255"], &command[..]].concat());
    assert_eq!((code, &during["verdict"]), (0, &json!("kept")), "{during:#}");
    // The command's time, and a scrape and an evaluation more: 2 s each.
    let length = during["window"]["interval_seconds"].as_f64().unwrap();
    assert!((8.0..=20.0).contains(&length), "{during:#}");
    let platform = &during["lines"][0];
    assert!(platform["is"].as_f64().unwrap() > 0.0, "{platform}");
    let parts = during["worst_moment"]["parts"].as_array().unwrap();
    let sum: f64 = parts.iter().map(|part| part["cores"].as_f64().unwrap()).sum();
    assert!((sum - during["worst_moment"]["cores"].as_f64().unwrap()).abs() < 1e-6, "{during:#}");

    // Its failure is handed on, and it has nothing to do with the verdict.
    let failed = ["reserved-cpus", "--reserved", "0-255", "--during", "--", "sh", "-c", "exit 7"];
    let (code, kept) = judge(&failed);
    assert_eq!(code, 7, "{kept:#}");

    let (_, standard) = judge(&["ran-du-standard", "-i", "20s"]);
    let reserved = &standard["lines"][0];
    assert_eq!(reserved["verdict"], "unknown");
    let why = reserved["why"].as_str().unwrap();
    assert!(why.contains("PerformanceProfiles") && why.contains("--reserved 0-1,52-53 does"), "{why}");
    assert!(standard["lines"][2]["is"].as_f64().unwrap() > 0.0, "{standard:#}");
}

#[test]
fn what_is_installed_is_scraped_recorded_and_reported() {
    // In a user namespace of one user there is nobody else to run it as.
    let users = fs::read_to_string("/proc/self/uid_map").unwrap();
    let users: u64 = users.split_whitespace().nth(2).unwrap().parse().unwrap();
    if fs::metadata("/proc/self").unwrap().uid() != 0 || users <= UID.parse().unwrap() {
        assert!(
            std::env::var_os("CI").is_none(),
            "only root runs a pod as its own user: this test cannot run here"
        );
        writeln!(std::io::stderr(), "SKIPPED: the chain needs root, to run a pod as its own user").unwrap();
        return;
    }
    let cluster = shared();
    let Some(pods) = Pods::start().unwrap() else { return };
    let mut chain = Chain::new(cluster);
    let plugin = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap();
    let plugin = plugin.kubeconfig(cluster.kubeconfig(Login::Installer));
    let program = exporter();
    let install =
        ["install", "--exporter", program.to_str().unwrap(), "--scrape-interval", "2s", "--wait=false"];
    let done = plugin.run(install).unwrap();
    assert_eq!(done.code, 0, "{}", done.stderr);

    // The pod, as the API server has it.
    let pod = chain.pod();
    address(&pod);
    pod.init().unwrap();
    let mut process = pod.start().unwrap();
    process
        .await_ready(|| {
            let status = pod.probe()?;
            anyhow::ensure!(status == 200, "the readiness probe is answered {status}");
            Ok(())
        })
        .unwrap();
    assert_eq!(pod.fetch_status("/metrics").unwrap(), 403, "without a certificate");
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        (field("Name:"), field("Uid:"), field("Gid:")),
        ("process-exporte".into(), [UID; 4].join(" "), [UID; 4].join(" "))
    );
    assert_eq!(
        (field("CapEff:"), field("CapBnd:"), field("NoNewPrivs:")),
        ("0000000000000000".into(), "0000000000000000".into(), "1".into())
    );
    let argv = fs::read_to_string(format!("/proc/{}/cmdline", process.id())).unwrap();
    assert!(argv.starts_with("/exporter/process-exporter\0--web.listen-address=[::]:9256\0"), "{argv:?}");
    let root = format!("/proc/{}/root", process.id());
    let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", process.id())).unwrap();
    for place in [
        "/",
        "/host/sys/fs/cgroup",
        "/exporter",
        "/etc/process-exporter/serving",
        "/etc/process-exporter/config",
    ] {
        let mount =
            mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).rfind(|fields| fields[4] == place);
        assert!(
            mount.is_some_and(|fields| fields[5].starts_with("ro")),
            "{place} can be written to: {mounts}"
        );
    }

    // Prometheus's configuration from it, of older releases and of later ones.
    let run = |name: &str, old: bool| {
        let config = chain.operator.configuration(cluster, "process-exporter", old).unwrap();
        cluster.start_prometheus(name, &Spec { config: &config, old, ..Spec::default() }).unwrap()
    };
    let flag = |prometheus: &Prometheus| format!("--prometheus={}", prometheus.url);
    let healthy = |prometheus: &Prometheus| {
        let wait = ["status", "-o", "json", "--wait", "--timeout", "110s", &flag(prometheus)];
        let done = plugin.run(wait).unwrap();
        let report: Value = serde_json::from_str(&done.stdout).unwrap();
        let wrong: Vec<_> = report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["status"] != "ok")
            .cloned()
            .collect();
        // The attributed share depends on the machine's other load. One pod has no monitor that names it.
        let expected = ["attributed", "names"];
        let is_expected = |check: &Value| expected.iter().any(|name| check["check"] == *name);
        assert!(done.code == 0 && wrong.iter().all(is_expected), "{wrong:#?}");
        let names = wrong.iter().find(|check| check["check"] == "names").unwrap();
        let said = "1 of 3 pods that work are counted under their UID, 1 of them on node-0: ";
        assert!(names["message"].as_str().unwrap().starts_with(said), "{names}");
    };
    let scraped = |prometheus: &Prometheus| {
        // Its series carry the node's name, and no pod's, whichever way Prometheus finds it.
        let labels = json!({"__name__": "up", "instance": NODE, "job": "process-exporter", "namespace": "openshift-monitoring"});
        until("a scrape that is answered", Duration::from_secs(60), || {
            let series = prometheus.bare.series("up", None)?;
            let found = series.first().is_some_and(|up| up["metric"] == labels && up["value"][1] == "1");
            anyhow::ensure!(found, "{series:?}");
            Ok(())
        })
        .unwrap();
    };
    let viewer = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap();
    let viewer = viewer.kubeconfig(cluster.kubeconfig(Login::Viewer));
    // A user who may query goes through route and token.
    let door = cluster.door();
    let answers = |prometheus: &Prometheus| {
        door.lead_to(prometheus).unwrap();
        let top = viewer.run(["top", "-i", "20s", "-o", "json"]).unwrap();
        assert_eq!(top.code, 0, "{}\nthe server holds {}", top.stderr, holdings(prometheus));
        let report: Value = serde_json::from_str(&top.stdout).unwrap();
        assert_eq!(
            (&report["source"]["kind"], &report["source"]["nodes"]),
            (&json!("exporter"), &json!(1)),
            "{report}\nthe server holds {}",
            holdings(prometheus)
        );
        assert!(report["busy"]["avg"].as_f64().unwrap() > 0.0, "{}", report["busy"]);
        let classes: Vec<_> =
            report["rows"].as_array().unwrap().iter().map(|row| row["class"].as_str().unwrap()).collect();
        assert!(classes.contains(&"host") && classes.contains(&"kernel"), "{classes:?}");
    };
    let earlier = run("chain-earlier", true);
    scraped(&earlier);
    pods.await_series(&earlier);
    healthy(&earlier);
    answers(&earlier);
    drop(earlier);
    let prometheus = run("chain", false);
    scraped(&prometheus);
    pods.await_series(&prometheus);
    healthy(&prometheus);
    answers(&prometheus);
    judges(&viewer);
    let version = prometheus.bare.series("namedprocess_exporter_build_info", None).unwrap();
    assert_eq!(version[0]["metric"]["version"], env!("CARGO_PKG_VERSION"));

    // Leaf and signer are shown, by the Service's name and by a pod's own.
    let before = chain.served_certificates(&pod, SERVICE);
    assert_eq!(before.len(), 2);
    assert_eq!(
        chain.served_certificates(&pod, "node-0.process-exporter.openshift-monitoring.svc.cluster.local"),
        before
    );
    // The service CA issues another certificate; the kubelet brings it; nothing is restarted and no scrape fails.
    chain.reissue();
    pod.sync().unwrap();
    until("the new certificate to be shown", Duration::from_secs(30), || {
        let shown = chain.served_certificates(&pod, SERVICE);
        anyhow::ensure!(shown[0] != before[0] && shown[1] == before[1]);
        Ok(())
    })
    .unwrap();
    await_scrapes(&prometheus, 3);
    let worst = prometheus.bare.series("min_over_time(up{job=\"process-exporter\"}[10s])", None).unwrap();
    assert_eq!(worst[0]["value"][1], "1", "a scrape failed");

    // If one side rejects the other's certificate, status reports the scrape's own error.
    let refused = |said: &str, remedy: &str| {
        let done = until(said, Duration::from_secs(60), || {
            let done = plugin.run(["status", &flag(&prometheus)])?;
            anyhow::ensure!(done.code == 1 && done.stdout.contains(said), "{}", done.stdout);
            Ok(done.stdout)
        });
        let done = done.unwrap();
        let line = done
            .lines()
            .find(|line| line.starts_with("targets      failed   0 of 1 nodes are scraped; node-0: "));
        assert!(line.is_some_and(|line| line.contains(said) && line.contains(remedy)), "{done}");
    };
    chain.trust(false);
    refused(
        "x509: certificate signed by unknown authority",
        "Prometheus does not trust the exporter's certificate",
    );
    chain.trust(true);
    // Another authority signs Prometheus's own: until it has one of it, and under its own name, it is refused.
    chain.next_client_authority();
    pod.sync().unwrap();
    refused(
        "remote error: tls: unknown certificate authority",
        "the exporter does not take Prometheus's certificate",
    );
    chain.next_client_certificate("system:serviceaccount:openshift-monitoring:somebody");
    refused(
        "server returned HTTP status 403 Forbidden",
        "the exporter does not take Prometheus's certificate",
    );
    chain.next_client_certificate(CLIENT_NAME);
    healthy(&prometheus);
    assert!(fs::metadata(&root).is_ok(), "the pod's process has ended");

    let gone = plugin.run(["uninstall", "-y"]).unwrap();
    assert_eq!(gone.code, 0, "{}", gone.stderr);
}
