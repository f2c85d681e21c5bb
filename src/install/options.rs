//! What `install` is asked for.
use super::objects::Settings;
use std::path::PathBuf;
use std::time::Duration;

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The cluster.
    Apply,
    /// `--dry-run=client`: nothing; the server is asked for nothing but what the nodes are.
    Client,
    /// `--dry-run=server`: nothing; the server says what would be.
    Server,
}

/// What `install` is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the objects are to be like.
    pub settings: Settings,
    /// `--threads`: thread by thread too; `None`: as many nodes as there are.
    pub threads: Option<bool>,
    /// `--image`: run this image, and bring no exporter.
    pub image: Option<String>,
    /// `--exporter`: bring these and not those beside this program.
    pub exporters: Vec<PathBuf>,
    /// What is changed.
    pub mode: Mode,
    /// `-o yaml`: print the objects and nothing else.
    pub yaml: bool,
    /// `--diff`: print what would change.
    pub diff: bool,
    /// `--wait`: until every node is ready and its samples are in Prometheus.
    pub wait: bool,
    /// `--timeout` for that.
    pub timeout: Duration,
    /// `--force-conflicts`: take over fields that others manage.
    pub force_conflicts: bool,
    /// `--replace-predecessor`: delete the predecessor's objects of the same names first.
    pub replace_predecessor: bool,
}

/// What an installation will do, as far as it takes rights.
pub(super) struct Intent {
    /// The nodes and the image that they have.
    pub(super) reads_nodes: bool,
    /// The predecessor's objects.
    pub(super) replaces: bool,
    /// For the pods.
    pub(super) waits: bool,
}
