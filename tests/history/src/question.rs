//! Questions about a history, as a user of `top` would ask them.

/// Kind of a report's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The classes host, kernel, infra, workload and pod.
    Class,
    /// The classes host, kernel and pod, and the pods of each namespace.
    Namespace,
    /// The groups of the classes host and kernel, the pods of each workload, and each pod without exactly one owner.
    Workload,
    /// The groups of the classes host and kernel, and each pod.
    Group,
    /// The threads of each group that shows any, the other groups, and each pod.
    Thread,
}

/// Source of the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The exporter's.
    Exporter,
    /// The platform's own: no host, no kernel.
    Platform,
}

/// Question about a history. An empty field filters nothing.
#[derive(Clone, Debug)]
pub struct Question {
    /// Start of the window, Unix time in milliseconds, itself outside.
    pub start_ms: i64,
    /// End of the window, Unix time in milliseconds, itself inside.
    pub end_ms: i64,
    /// Kind of the rows.
    pub by: By,
    /// True if there is a row for each node.
    pub per_node: bool,
    /// Nodes to keep; rows of others are excluded.
    pub nodes: Vec<String>,
    /// Classes to keep; rows of others are excluded.
    pub classes: Vec<String>,
    /// Namespace whose pods to keep; all else is excluded.
    pub namespace: Option<String>,
    /// Regexes of namespaces, matched as a whole, whose pods are excluded.
    pub skip_namespaces: Vec<String>,
    /// Source of the series.
    pub source: Source,
    /// True if the exporter's own pods are included.
    pub include_exporter: bool,
    /// Percentiles, 0 to 100.
    pub percentiles: Vec<f64>,
    /// True if the report has the step at which all rows were together highest.
    pub at_peak: bool,
    /// Rows but the so many with the biggest averages are left out.
    pub limit: Option<usize>,
}

impl Question {
    /// Asks for a window, Unix times in milliseconds, and leaves out the exporter's own pods alone.
    pub fn new(start_ms: i64, end_ms: i64, by: By) -> Question {
        Question {
            start_ms,
            end_ms,
            by,
            per_node: false,
            nodes: Vec::new(),
            classes: Vec::new(),
            namespace: None,
            skip_namespaces: Vec::new(),
            source: Source::Exporter,
            include_exporter: false,
            percentiles: Vec::new(),
            at_peak: false,
            limit: None,
        }
    }
}
