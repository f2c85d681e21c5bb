//! Origin of a report's figures: its window, and the series that they were made of.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Window `(start, end]`, cut to what the source covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Window {
    /// Start, exclusive; RFC 3339, UTC.
    pub start: jiff::Timestamp,
    /// End, inclusive; RFC 3339, UTC.
    pub end: jiff::Timestamp,
    /// Length, seconds.
    pub interval_seconds: f64,
    /// Length that was asked for, seconds. `None` if the window was not cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_seconds: Option<f64>,
    /// Distance of two samples, seconds: the scrape interval if they are the exporter's.
    pub step_seconds: f64,
}

/// Series that the figures were made of.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Source {
    /// Kind of the series.
    pub kind: SourceKind,
    /// Address of the Prometheus that has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Name of the file that has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Kind of the series that a file has. `None` if it is no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<SourceKind>,
    /// Number of nodes that have a sample in the window.
    pub nodes: usize,
    /// Names of the nodes that are known in the window that was asked for, by which `compare` tells static pods. Empty unless blocks were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub node_names: Vec<String>,
    /// Number of nodes of the cluster at the window's end. `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_nodes: Option<usize>,
    /// Host name of the Prometheus that responded: gaps are that replica's own. `None` if it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica: Option<String>,
}

impl Source {
    /// Makes a source of which nothing more is known.
    pub fn new(kind: SourceKind, nodes: usize) -> Source {
        Source {
            kind,
            url: None,
            file: None,
            series: None,
            nodes,
            node_names: Vec::new(),
            cluster_nodes: None,
            replica: None,
        }
    }

    /// Makes a source that a Prometheus has.
    pub fn at(url: &str, kind: SourceKind, nodes: usize) -> Source {
        Source { url: Some(url.to_owned()), ..Source::new(kind, nodes) }
    }

    /// Makes a source that a file has. `series`: kind of its series.
    pub fn in_file(name: &str, series: SourceKind, nodes: usize) -> Source {
        let file = Some(name.to_owned());
        Source { file, series: Some(series), ..Source::new(SourceKind::File, nodes) }
    }
}

/// Kind of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Series that the exporter's rules record.
    Exporter,
    /// Series that the platform records without the exporter.
    Platform,
    /// Counters of this machine's own kernel.
    Local,
    /// Samples of a file.
    File,
}

impl SourceKind {
    /// Returns the name as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceKind::Exporter => "exporter",
            SourceKind::Platform => "platform",
            SourceKind::Local => "local",
            SourceKind::File => "file",
        }
    }
}
