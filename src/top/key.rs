//! What tells a row, or a part of a total, from the others.
use crate::report::{Class, Figures, Steps};

/// What tells a row from the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub class: Class,
    /// Namespace; `None` if it is no pod, or pods of several namespaces.
    pub namespace: Option<String>,
    /// Name; empty if the row is of a class or a namespace.
    pub name: String,
    /// Node; `None` if the row is of several nodes.
    pub node: Option<String>,
    /// Thread; `None` if the row is of all threads.
    pub thread: Option<String>,
}

impl Key {
    /// Makes the key of a class as a whole.
    pub(super) fn of_class(class: Class) -> Key {
        Key { class, namespace: None, name: String::new(), node: None, thread: None }
    }
}

/// A row's samples.
#[derive(Debug, Clone)]
pub(super) enum Samples {
    /// Each of them, on the plan's grid.
    Each(Steps),
    /// Statistics that the server computed.
    Summed(Figures),
}
