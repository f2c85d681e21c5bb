//! What a cluster's Prometheus answered, in the terms of the question and before any filter: the ground that a report
//! is computed from, without I/O.
use super::rhythm::Span;
use crate::report::{Class, Steps};
use std::collections::BTreeMap;

/// Everything that one report is made of.
#[derive(Debug)]
pub(super) struct Answers {
    /// The window, cut to what the source covers.
    pub span: Span,
    /// By the exporter: groups, busy time. None where it has no samples.
    pub exporter: Option<Exporter>,
    /// By the platform: pods. None where it has no samples.
    pub pods: Option<Pods>,
    /// Sentences for the reader.
    pub notes: Vec<String>,
}

/// What the exporter's series say.
#[derive(Debug)]
pub(super) struct Exporter {
    /// Milliseconds between two samples.
    pub step: i64,
    /// Unix milliseconds of the first step.
    pub first: i64,
    /// Each group, summed over the nodes.
    pub groups: BTreeMap<(Class, String), Steps>,
    /// All nodes' busy time; none with the predecessor's exporter.
    pub busy: Option<Steps>,
    /// Busy less groups, of the nodes that told both.
    pub unattributed: Option<Steps>,
    /// How many nodes answered at any time.
    pub nodes: usize,
}

/// What the pods' own series say.
#[derive(Debug)]
pub(super) struct Pods {
    /// Milliseconds between two samples.
    pub step: i64,
    /// Unix milliseconds of the first step.
    pub first: i64,
    /// Each namespace's pods together, without the exporter's own.
    pub namespaces: BTreeMap<String, Steps>,
    /// The exporter's own pods, by namespace.
    pub exporters: BTreeMap<String, Steps>,
    /// Each pod; empty unless rows stand for pods.
    pub each: Vec<Pod>,
    /// How many steps there are.
    pub steps: usize,
}

/// One pod's samples, as the server summed them up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The node at the end of the window; empty where nothing tells.
    pub node: String,
    /// Sum of its samples, cores times steps.
    pub sum: f64,
    /// Smallest sample, cores.
    pub min: f64,
    /// Biggest sample, cores.
    pub max: f64,
    /// How many samples.
    pub samples: f64,
}
