//! Options of `install`.
use super::objects::Settings;
use std::path::PathBuf;
use std::time::Duration;

/// Changes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Changes the cluster.
    Apply,
    /// `--dry-run=client`: changes nothing. The API server is only queried for the nodes.
    Client,
    /// `--dry-run=server`: changes nothing. The server says what would change.
    Server,
}

/// Options of `install`.
#[derive(Debug, Clone)]
pub struct Options {
    /// Settings of the objects.
    pub settings: Settings,
    /// `--threads`: count thread by thread too. `None`: decide by the number of nodes.
    pub threads: Option<bool>,
    /// `--image`: run this image, and install no payload.
    pub image: Option<String>,
    /// `--exporter`: install these binaries instead of those beside this program.
    pub exporters: Vec<PathBuf>,
    /// Changes of the run.
    pub mode: Mode,
    /// `-o yaml`: print the objects, and nothing else.
    pub yaml: bool,
    /// `--diff`: print what would change.
    pub diff: bool,
    /// `--wait`: wait until every node is ready and its samples are in Prometheus.
    pub wait: bool,
    /// `--timeout`: longest time to wait.
    pub timeout: Duration,
    /// `--force-conflicts`: take over fields that others manage.
    pub force_conflicts: bool,
    /// `--replace-predecessor`: delete the predecessor's objects of the same names first.
    pub replace_predecessor: bool,
}

/// Steps of a run that need rights.
pub(super) struct Intent {
    /// Lists the nodes, and reads the image that they all have.
    pub(super) reads_nodes: bool,
    /// Deletes the predecessor's objects.
    pub(super) replaces: bool,
    /// Waits for the pods.
    pub(super) waits: bool,
}
