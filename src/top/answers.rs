//! What was answered, in the terms of the question: rows as far as filters let them through, and the totals before any
//! filter. The ground that a report is computed from.
use crate::prometheus::Grid;
use crate::query::Span;
use crate::report::{Class, Figures, SeriesKind, SourceKind, Steps};
use std::collections::BTreeMap;

/// Everything that one report is made of.
#[derive(Debug)]
pub(super) struct Answers {
    /// The window, cut to what the source covers.
    pub span: Span,
    /// Processes of host and kernel. None where there are no samples.
    pub groups: Option<Groups>,
    /// Pods. None where there are no samples.
    pub pods: Option<Part>,
    /// Who answered, and of how many nodes.
    pub server: Identity,
    /// Sentences for the reader.
    pub notes: Vec<String>,
}

/// What a server tells of itself and its cluster; none where it does not.
#[derive(Debug, Default)]
pub(super) struct Identity {
    /// The name of the host, or of the pod, that it runs on.
    pub replica: Option<String>,
    /// Nodes at the window's end.
    pub nodes: Option<usize>,
}

/// What tells a row from the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub class: Class,
    /// None for what is no pod, or is pods of several namespaces.
    pub namespace: Option<String>,
    /// Empty where the row is of a class or a namespace.
    pub name: String,
    /// None where the row is of several nodes.
    pub node: Option<String>,
    /// None where the row is of all threads.
    pub thread: Option<String>,
}

impl Key {
    /// A class as a whole.
    pub(super) fn of_class(class: Class) -> Key {
        Key { class, namespace: None, name: String::new(), node: None, thread: None }
    }
}

/// A row's samples.
#[derive(Debug, Clone)]
pub(super) enum Samples {
    /// Each of them.
    Each(Steps),
    /// Summed up by the server.
    Summed(Figures),
}

/// One kind of rows, groups or pods, with samples at the same times.
#[derive(Debug)]
pub(super) struct Part {
    /// When samples were taken.
    pub grid: Grid,
    /// What filters let through.
    pub rows: BTreeMap<Key, Samples>,
    /// The last node of each pod, for rows of pods that have no node in their key.
    pub nodes: BTreeMap<(String, String), String>,
    /// Each class, before any filter.
    pub classes: BTreeMap<Class, Steps>,
    /// What filters took out; none where they took nothing.
    pub left_out: Option<Steps>,
}

/// Processes of host and kernel, and of all pods together.
#[derive(Debug)]
pub(super) struct Groups {
    /// Rows and classes.
    pub part: Part,
    /// All nodes' busy time; none with the predecessor's exporter.
    pub busy: Option<Steps>,
    /// Busy less groups, of the nodes that told both.
    pub unattributed: Option<Steps>,
    /// How many nodes answered at any time.
    pub nodes: usize,
    /// What rows and totals are made of; none of the platform's.
    pub series: Option<SeriesKind>,
    /// Whose series they are.
    pub kind: SourceKind,
}
