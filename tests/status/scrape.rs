//! A Prometheus with the rules as they are stored in the API server, which scrapes one real exporter under every node's
//! name, and calls its targets as the prometheus-operator would.
use crate::site::{HERE, Site};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use test_cluster::{Process, Prometheus, Spec, directory, free_port, program, start, until};

/// An exporter, and the Prometheus that scrapes it.
pub(crate) struct Scrape {
    pub(crate) prometheus: Prometheus,
    /// The exporter's own config.
    pub(crate) config: PathBuf,
    nodes: usize,
    _exporter: Process,
}

/// Which of the stored rules Prometheus is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    All,
    /// All but the last of the first group.
    Fewer,
    /// All, and one that Prometheus cannot evaluate.
    Failing,
    None,
}

/// Starts both; `name` is unique in this process. `nodes`: how many of the nodes are scraped.
pub(crate) fn start_scrape(site: &Site, name: &str, rules: Rules, nodes: usize) -> Scrape {
    let names: Vec<_> = (0..nodes).map(|node| format!("node-{node}")).collect();
    start_scrape_as(site, name, rules, &names, None)
}

/// Starts a Prometheus with older samples (OpenMetrics), whose nodes have these names.
pub(crate) fn start_scrape_as(
    site: &Site,
    name: &str,
    rules: Rules,
    nodes: &[String],
    samples: Option<&str>,
) -> Scrape {
    let folder = directory().unwrap().join(name);
    std::fs::create_dir(&folder).unwrap();
    let (config, port) = (folder.join("config.yaml"), free_port());
    std::fs::write(&config, "process_names: []").unwrap();
    let arguments =
        [format!("--web.listen-address=127.0.0.1:{port}"), format!("--config.path={}", config.display())];
    let exporter =
        start(&format!("{name}-exporter"), program("process-exporter").unwrap(), &arguments).unwrap();
    let path = format!("/apis/monitoring.coreos.com/v1{HERE}/prometheusrules/process-exporter");
    let mut groups = site.get(&path)["spec"]["groups"].clone();
    if rules == Rules::Fewer {
        groups[0]["rules"].as_array_mut().unwrap().pop();
    }
    if rules == Rules::Failing {
        let last = groups[0]["rules"].as_array_mut().unwrap().last_mut().unwrap();
        last["expr"] =
            "namedprocess_node_cpu_seconds_total + on () namedprocess_node_cpu_seconds_total".into();
    }
    let file = folder.join("rules.yml");
    std::fs::write(&file, json!({"groups": groups}).to_string()).unwrap();
    let files = if rules == Rules::None { json!([]) } else { json!([file]) };
    let targets: Vec<_> = nodes
        .iter()
        .map(|node| {
            json!({"targets": [format!("127.0.0.1:{port}")], "labels": {
            "instance": node, "job": "process-exporter", "namespace": "openshift-monitoring"}})
        })
        .collect();
    let text = json!({
        "global": {"scrape_interval": "1s"}, "rule_files": files,
        "scrape_configs": [{"job_name": "serviceMonitor/openshift-monitoring/process-exporter/0", "static_configs": targets}],
    })
    .to_string();
    let history = samples.map(|samples| {
        let file = folder.join("history.om");
        std::fs::write(&file, samples).unwrap();
        file
    });
    let spec = Spec { config: &text, history: history.as_deref(), ..Spec::default() };
    let prometheus = site.cluster.start_prometheus(name, &spec).unwrap();
    Scrape { prometheus, config, nodes: nodes.len(), _exporter: exporter }
}

impl Scrape {
    /// Waits for the data of every node, the exporter's own cost among them.
    pub(crate) fn await_data(&self) {
        let busy = "count(avg_over_time(instance_class:namedprocess_cpu_rate:sum{class=\"host\"}[10m]))";
        until("recorded samples", Duration::from_secs(60), || {
            let answer = self.prometheus.bare.series(busy, None)?;
            let found = answer.first().and_then(|series| series["value"][1].as_str()).unwrap_or_default();
            anyhow::ensure!(found == self.nodes.to_string(), "{answer:?}");
            Ok(())
        })
        .unwrap();
    }

    /// The flag that names it.
    pub(crate) fn flag(&self) -> String {
        format!("--prometheus={}", self.prometheus.url)
    }
}
