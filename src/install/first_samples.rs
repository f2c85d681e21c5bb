//! Waits for the first samples of every node in Prometheus. If Prometheus cannot be queried, that is a warning: the
//! installation works all the same.
use super::console::Console;
use crate::cluster::{Cluster, PrometheusOptions};
use crate::progress::Progress;
use crate::time::Timestamp;
use anyhow::Result;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Number of nodes that have samples.
const QUERY: &str = "count(count by (instance) (namedprocess_namegroup_cpu_seconds_total))";
/// Longest time to wait: Prometheus reloads its configuration and scrapes twice within it.
const MAX_WAIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(3);

/// Waits until `nodes` nodes have samples, until `deadline` at the longest. Prints a warning if some have none.
pub(super) async fn wait(
    cluster: &Cluster,
    prometheus: &PrometheusOptions,
    nodes: usize,
    deadline: Instant,
    console: &Console<'_>,
) {
    let deadline = deadline.min(Instant::now() + MAX_WAIT);
    match count_until(cluster, prometheus, nodes, deadline).await {
        Ok(found) if found >= nodes => {}
        Ok(found) => console.say(
            "warning",
            &format!("{found} of {nodes} nodes have samples in Prometheus so far: see oc interrogate status in a minute"),
        ),
        Err(error) => console.say(
            "warning",
            &format!("whether samples arrive is not known, since Prometheus cannot be queried: {error:#}"),
        ),
    }
}

async fn count_until(
    cluster: &Cluster,
    prometheus: &PrometheusOptions,
    nodes: usize,
    deadline: Instant,
) -> Result<usize> {
    let connection = cluster.connect(prometheus).await?;
    let progress = Progress::start("first samples in Prometheus");
    loop {
        let now = Timestamp::now();
        let found = connection.client.one(QUERY, now).await?.unwrap_or_default() as usize;
        if found >= nodes || Instant::now() + PAUSE > deadline {
            return Ok(found);
        }
        progress.update(found as f64 / nodes.max(1) as f64, format!("{found} of {nodes} nodes have samples"));
        sleep(PAUSE).await;
    }
}
