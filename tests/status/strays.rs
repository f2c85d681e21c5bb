//! Check `cpusets`: what of the platform may run on isolated CPUs.
use crate::report::status;
use crate::scrape::{Rules, start_scrape_as};
use crate::site::site;
use std::time::Duration;
use test_cluster::until;

/// Samples of these series, each of one value: eight 15 s apart, the newest so many seconds old.
fn samples(metric: &str, age: u64, series: &[(&str, u32)]) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let line = |(labels, value): &(&str, u32)| {
        let times = (0..8).rev().map(|step| now - age - 15 * step);
        times.map(|at| format!("{metric}{{{labels}}} {value} {at}\n")).collect::<String>()
    };
    format!("# TYPE {metric} gauge\n{}", series.iter().map(line).collect::<String>())
}

#[test]
fn strays_are_named_with_their_threads_and_cpus() {
    let site = site();
    let done = site.install(&["--wait=false", "--scrape-interval", "1s"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let history = [
        samples(
            "namedprocess_node_cpuset_info",
            0,
            &[
                (r#"instance="node-0",cpuset="isolated",cpus="2-3""#, 1),
                (r#"instance="node-1",cpuset="isolated",cpus="2-3""#, 1),
            ],
        ),
        // As of an exporter that is scraped every three minutes.
        samples(
            "namedprocess_namegroup_stray_threads",
            150,
            &[
                (r#"instance="node-0",class="host",groupname="tool",cpus="0-3""#, 4),
                (r#"instance="node-0",class="host",groupname="tool",cpus="2""#, 1),
                (r#"instance="node-1",class="kernel",groupname="kworker",cpus="0-3""#, 1),
                (r#"instance="node-1",class="host",groupname="ovs-vswitchd",cpus="0-3""#, 9),
            ],
        ),
        samples(
            "namedprocess_pod_stray_threads",
            0,
            &[(r#"instance="node-0",class="infra",namespace="openshift-x",pod="p",cpus="0-3""#, 2)],
        ),
    ];
    let nodes: Vec<String> = (0..2).map(|node| format!("node-{node}")).collect();
    let scrape = start_scrape_as(&site, "strays", Rules::All, &nodes, Some(&(history.concat() + "# EOF\n")));
    let flag = scrape.flag();
    let found = until("the strays to be told", Duration::from_secs(60), || {
        let found = status(&site.plugin, &[&flag]);
        anyhow::ensure!(found.with_status("warning").contains(&"cpusets"), "{found:?}");
        Ok(found)
    });
    let found = found.unwrap();
    for part in [
        "2 of the platform may run on isolated CPUs: tool on node-0 (5 threads, CPUs 0-3 and 2), kworker on node-1 (1 thread, CPUs 0-3)",
        "OVS may run on isolated CPUs, which is expected",
        "whether they should is not known",
    ] {
        found.assert_check("cpusets", "warning", part, "oc interrogate top --by cpuset --per-node");
    }
}
