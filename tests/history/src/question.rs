//! What is asked about a history, as a user of `top` would.

/// What the rows of a report are.
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

/// Whose series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The exporter's.
    Exporter,
    /// The platform's own: no host, no kernel.
    Platform,
}

/// What is asked about a history. What is empty asks for nothing.
#[derive(Clone, Debug)]
pub struct Question {
    /// Start of the window, Unix time in milliseconds, itself outside.
    pub start_ms: i64,
    /// End of the window, Unix time in milliseconds, itself inside.
    pub end_ms: i64,
    /// What the rows are.
    pub by: By,
    /// Whether there is a row for each node.
    pub per_node: bool,
    /// What is on other nodes is left out.
    pub nodes: Vec<String>,
    /// Other classes are left out.
    pub classes: Vec<String>,
    /// All but the pods of this namespace is left out.
    pub namespace: Option<String>,
    /// Pods of namespaces that one of these regexes matches as a whole are left out.
    pub skip_namespaces: Vec<String>,
    /// Whose series are to answer.
    pub source: Source,
    /// Whether the exporter's own pods are not left out.
    pub include_exporter: bool,
    /// Percentiles, 0 to 100.
    pub percentiles: Vec<f64>,
    /// Whether to tell the step at which all rows were together highest.
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
