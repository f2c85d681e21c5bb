//! Until the first samples of every node are in Prometheus. Where it cannot be asked, that is a warning: what was
//! installed runs all the same.
use super::console::Console;
use crate::cluster::{Cluster, PrometheusOptions};
use crate::progress::Progress;
use crate::time::Timestamp;
use anyhow::Result;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Nodes that have samples.
const QUERY: &str = "count(count by (instance) (namedprocess_namegroup_cpu_seconds_total))";
/// Prometheus reads its new configuration and scrapes twice within this.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(3);

/// Waits until `nodes` have samples, at the longest until `until`; says so where they have not.
pub(super) async fn wait(
    cluster: &Cluster,
    prometheus: &PrometheusOptions,
    nodes: usize,
    until: Instant,
    console: &Console<'_>,
) {
    let until = until.min(Instant::now() + PATIENCE);
    match seen(cluster, prometheus, nodes, until).await {
        Ok(seen) if seen >= nodes => {}
        Ok(seen) => console.say(
            "warning",
            &format!("{seen} of {nodes} nodes have samples in Prometheus so far: see oc interrogate status in a minute"),
        ),
        Err(error) => console.say(
            "warning",
            &format!("whether samples arrive is not known, since Prometheus cannot be asked: {error:#}"),
        ),
    }
}

async fn seen(
    cluster: &Cluster,
    prometheus: &PrometheusOptions,
    nodes: usize,
    until: Instant,
) -> Result<usize> {
    let connection = cluster.connect(prometheus).await?;
    let progress = Progress::start("first samples in Prometheus");
    loop {
        let now = Timestamp::now();
        let seen = connection.client.one(QUERY, now).await?.unwrap_or_default() as usize;
        if seen >= nodes || Instant::now() + PAUSE > until {
            return Ok(seen);
        }
        progress.update(seen as f64 / nodes.max(1) as f64, format!("{seen} of {nodes} nodes have samples"));
        sleep(PAUSE).await;
    }
}
