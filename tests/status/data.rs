//! From the targets to the data, each link broken in its turn.
use crate::report::status;
use crate::scrape::{Rules, start_scrape, start_scrape_as};
use crate::site::{Site, site};
use oc_interrogate::status::CheckName;
use std::time::Duration;
use test_cluster::{Prometheus, Spec, directory, free_port, until};

fn installed() -> Site {
    let site = site();
    let done = site.install(&["--wait=false", "--scrape-interval", "1s"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    site
}

/// A Prometheus with this configuration, and samples of three nodes that end so many seconds ago.
fn prometheus(site: &Site, name: &str, config: &str, ended: Option<u64>) -> Prometheus {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let history = directory().unwrap().join(format!("{name}.om"));
    if let Some(ended) = ended {
        let samples = (0..3).flat_map(|node| {
            (0..20).rev().map(move |step| {
                format!(
                    "instance:namedprocess_node_cpu_rate:sum{{instance=\"node-{node}\"}} 1 {}\n",
                    now - ended - 15 * step
                )
            })
        });
        let text: String = samples.collect();
        std::fs::write(
            &history,
            format!("# TYPE instance:namedprocess_node_cpu_rate:sum gauge\n{text}# EOF\n"),
        )
        .unwrap();
    }
    let spec = Spec { config, history: ended.map(|_| history.as_path()), ..Spec::default() };
    site.cluster.start_prometheus(name, &spec).unwrap()
}

#[test]
fn all_is_well_and_then_the_config_is_not() {
    let site = installed();
    let scrape = start_scrape(&site, "well", Rules::All, 3);
    scrape.await_data();
    let flag = scrape.flag();
    // Its first round may come before the last rule's first evaluation, or the pods; of the first samples it cannot be
    // told what they attribute.
    let well = until("every check to be ok", Duration::from_secs(120), || {
        let found = status(&site.plugin, &["--wait", &flag]);
        anyhow::ensure!(
            found.code == 0 && found.with_status("ok").len() + 1 >= CheckName::ALL.len(),
            "{found:?}"
        );
        Ok(found)
    })
    .unwrap();
    assert_eq!(well.stderr, "");
    assert_eq!(well.names(), CheckName::ALL.iter().map(|name| name.as_str()).collect::<Vec<_>>());
    // Requests to the API server and to Prometheus, as commands that need a token of the reader's own.
    let shown = status(&site.plugin, &["-v", &flag]).stderr;
    let is_shown = |command: &str, path: &str| {
        let mut lines = shown.lines().filter(|line| line.starts_with("request: "));
        lines.any(|line| line.contains(", status 200, ") && line.contains(command) && line.contains(path))
    };
    assert!(is_shown(": curl -s ", "/namespaces/openshift-monitoring/"), "{shown}");
    assert!(is_shown(": curl -sG ", "/api/v1/query "), "{shown}");
    well.assert_check("prometheus", "ok", &format!("it responds at {}", scrape.prometheus.url), "");
    well.assert_check("targets", "ok", "3 of 3 nodes are scraped", "");
    well.assert_check("rules", "ok", "15 rules are loaded and evaluated", "");
    well.assert_check("samples", "ok", "3 of 3 nodes have fresh samples, the newest ", "");
    well.assert_check("attributed", "ok", " % of the busy time of 10 minutes; at worst ", "");
    well.assert_check("cpusets", "ok", "no node isolates CPUs", "");
    well.assert_check("cost", "ok", " cores a node on average, at most 0.0", "");

    std::fs::write(&scrape.config, "process_names: {").unwrap();
    let found = until("the refusal to be seen of every node", Duration::from_secs(30), || {
        let found = status(&site.plugin, &[&flag]);
        anyhow::ensure!(format!("{found:?}").contains("node-0, node-1, node-2"), "{found:?}");
        Ok(found)
    })
    .unwrap();
    assert_eq!(
        (found.code, found.with_status_except_attributed("warning")),
        (0, vec!["config"]),
        "a warning is no failure: {found:?}"
    );
    found.assert_check(
        "config",
        "warning",
        "could not be read by node-0, node-1, node-2",
        "correct configmap/process-exporter",
    );
}

/// A Prometheus that does not keep up leaves out evaluations, and says so of itself.
#[test]
fn missed_evaluations_are_reported() {
    let site = installed();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let group = "/etc/prometheus/rules/openshift-monitoring-process-exporter.yaml;process-exporter";
    // Four samples of the last hour, 15 minutes apart: of 60 evaluations each time, none, 4 and 8 are missed.
    let counter = |name: &str, values: [u64; 4]| {
        let line = |(at, value): (u64, u64)| {
            format!("{name}_total{{rule_group=\"{group}\"}} {value} {}\n", now - 60 - 900 * (3 - at))
        };
        let lines: String = (0..4).zip(values).map(line).collect();
        format!("# TYPE {name} counter\n{lines}")
    };
    let samples = counter("prometheus_rule_group_iterations_missed", [0, 0, 4, 12])
        + &counter("prometheus_rule_group_iterations", [0, 60, 120, 180])
        + "# EOF\n";
    let nodes: Vec<String> = (0..3).map(|node| format!("node-{node}")).collect();
    let scrape = start_scrape_as(&site, "overtaken", Rules::All, &nodes, Some(&samples));
    let flag = scrape.flag();
    let found = until("the missed evaluations", Duration::from_secs(90), || {
        let found = status(&site.plugin, &["--wait", &flag]);
        anyhow::ensure!(found.with_status("warning").contains(&"rules"), "{found:?}");
        Ok(found)
    });
    let found = found.unwrap();
    found.assert_check(
        "rules",
        "warning",
        " evaluations of the last hour were missed",
        "a longer --scrape-interval",
    );
    assert_eq!(found.code, 0, "a warning is no failure: {found:?}");
}

#[test]
fn a_node_too_few_and_a_rule_too_few() {
    let site = installed();
    let scrape = start_scrape(&site, "fewer", Rules::Fewer, 2);
    let flag = scrape.flag();
    until("two targets and a rule too few", Duration::from_secs(60), || {
        let found = status(&site.plugin, &[&flag]);
        anyhow::ensure!(found.with_status("failed") == ["targets", "rules", "samples"], "{found:?}");
        let part = format!("{found:?}");
        anyhow::ensure!(
            part.contains("2 of 3 nodes are scraped") && part.contains("lacks 1 of 15"),
            "{found:?}"
        );
        Ok(())
    })
    .unwrap();
    let found = status(&site.plugin, &[&flag]);
    found.assert_check(
        "targets",
        "failed",
        "2 of 3 nodes are scraped",
        "openshift.io/cluster-monitoring=true",
    );
    found.assert_check(
        "rules",
        "failed",
        "lacks 1 of 15 rules: cluster:namedprocess_node_cpu_unattributed_rate:sum",
        "run oc interrogate install",
    );
    found.assert_check("samples", "failed", "there is no sample of the last day", "targets and rules above");
    assert_eq!(found.code, 1);
}

#[test]
fn a_rule_that_fails_is_reported_with_its_error() {
    let site = installed();
    let scrape = start_scrape(&site, "failing", Rules::Failing, 3);
    until("the rule to fail", Duration::from_secs(60), || {
        let found = status(&site.plugin, &[&scrape.flag()]);
        anyhow::ensure!(format!("{found:?}").contains("1 of 15 rules fail"), "{found:?}");
        let said =
            "1 of 15 rules fail; cluster:namedprocess_node_cpu_unattributed_rate:sum: found duplicate series";
        found.assert_check("rules", "failed", said, "run oc interrogate install");
        Ok(())
    })
    .unwrap();
}

#[test]
fn no_target_no_rule_and_an_old_sample() {
    let site = installed();
    let empty = prometheus(&site, "empty", "{}", Some(1200));
    let flag = format!("--prometheus={}", empty.url);
    let found = status(&site.plugin, &[&flag]);
    assert_eq!(found.code, 1);
    found.assert_check(
        "targets",
        "failed",
        "Prometheus scrapes no node",
        "oc -n openshift-monitoring logs deployment/prometheus-operator",
    );
    found.assert_check(
        "rules",
        "failed",
        "Prometheus has none of the rules",
        "openshift.io/cluster-monitoring=true",
    );
    found.assert_check("samples", "failed", "the newest sample is 2", "targets and rules above");
    found.assert_check("attributed", "skipped", "no samples of the last 10 minutes", "");
    found.assert_check("cost", "skipped", "no two samples", "");
    // Two minutes old: still found by whoever asks, and too old all the same.
    let stale = prometheus(&site, "stale", "{}", Some(120));
    let found = status(&site.plugin, &[&format!("--prometheus={}", stale.url)]);
    found.assert_check(
        "samples",
        "failed",
        "0 of 3 nodes have fresh samples, the newest 12",
        "targets and rules above",
    );
}

#[test]
fn a_target_that_does_not_respond_is_reported_with_the_scrapes_own_error() {
    let site = installed();
    let port = free_port();
    let config = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs: [{{job_name: serviceMonitor/openshift-monitoring/process-exporter/0, static_configs: [\
         {{targets: ['127.0.0.1:{port}'], labels: {{instance: node-1, job: process-exporter, namespace: openshift-monitoring}}}}]}}]\n"
    );
    let down = prometheus(&site, "down", &config, None);
    let flag = format!("--prometheus={}", down.url);
    until("a scrape to fail", Duration::from_secs(30), || {
        let found = status(&site.plugin, &[&flag]);
        anyhow::ensure!(format!("{found:?}").contains("connection refused"), "{found:?}");
        found.assert_check(
            "targets",
            "failed",
            "0 of 3 nodes are scraped; node-1: Get ",
            "logs daemonset/process-exporter",
        );
        Ok(())
    })
    .unwrap();
}
