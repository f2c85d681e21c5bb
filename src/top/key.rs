//! Keys of rows and of parts of totals.
use crate::report::{Class, Cpuset, Figures, Steps};

/// Everything that tells a row from the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub class: Class,
    /// Namespace; `None` if it is no pod, or pods of several namespaces.
    pub namespace: Option<String>,
    /// Name; empty if the row is of a class or a namespace.
    pub name: String,
    /// Type of the workload; `None` if the row is of none.
    pub workload_type: Option<String>,
    /// Node; `None` if the row is of several nodes.
    pub node: Option<String>,
    /// Thread; `None` if the row is of all threads.
    pub thread: Option<String>,
    /// Set of CPUs on which it may run; `None` if the row is of all sets.
    pub cpuset: Option<Cpuset>,
}

impl Key {
    /// Makes the key of a class as a whole.
    pub(crate) fn of_class(class: Class) -> Key {
        let (namespace, workload_type, node, thread) = (None, None, None, None);
        Key { class, namespace, name: String::new(), workload_type, node, thread, cpuset: None }
    }
}

/// A row's samples.
#[derive(Debug, Clone)]
pub(crate) enum Samples {
    /// Each of them, on the plan's grid.
    Each(Steps),
    /// Statistics that the server computed.
    Statistics(Figures),
}
