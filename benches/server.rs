//! A Prometheus that holds a history; the benches' own.

use std::fs::{File, remove_file};
use std::io::BufWriter;

use anyhow::Result;
use reqwest::blocking::Client;
use test_cluster::{Bare, Spec, directory, free_port};
use test_history::History;

/// 2025-06-01T12:00:07Z: not a multiple of anything.
pub(crate) const END_MS: i64 = 1_748_779_207_000;

/// One pod in so many moves to another node: more than in any cluster, where few pods keep their names when they move.
const MOVERS: usize = 100;

/// An hour of so many nodes with 60 groups and so many pods each, at 15 s, pods at 30 s.
pub(crate) fn hour_of(nodes: usize, pods_per_node: usize) -> test_history::Spec {
    test_history::Spec {
        nodes,
        gaps: true,
        groups: 60,
        threads: 0,
        pods_per_node,
        movers: MOVERS,
        namespaces: 30,
        interval_s: 15,
        pod_interval_s: 30,
        duration_s: 3600,
        end_ms: END_MS,
        seed: 1,
    }
}

/// A running Prometheus; ended when dropped.
pub(crate) struct Server {
    pub(crate) bare: Bare,
    /// Asks it plainly.
    pub(crate) client: Client,
}

impl Server {
    /// Holds the histories, of which one is in memory at a time; ready when this returns.
    pub(crate) fn start(histories: impl IntoIterator<Item = History>) -> Result<Server> {
        let name = format!("prometheus-{}", free_port());
        let text = directory()?.join(format!("{name}.om"));
        for history in histories {
            history.write_openmetrics(BufWriter::new(File::create(&text)?))?;
            drop(history);
            Bare::fill(&name, &text)?;
            remove_file(&text)?;
        }
        // The history is older than a retention counted from now would keep.
        let arguments = &["--storage.tsdb.retention.time=10y"];
        let bare = Bare::start(&name, &Spec { config: "{}", arguments, ..Spec::default() })?;
        // A server's time without any that packing costs: the connection is loopback.
        let client = Client::builder().no_gzip().no_proxy().build()?;
        Ok(Server { bare, client })
    }
}
