//! Levels of rows, from coarse to fine. A report of a finer level can be added up to a coarser one.
use crate::top::By;
use schemars::JsonSchema;
use serde::Serialize;

/// Unit that a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A class
    Class,
    /// A class of host or kernel, or a namespace
    Namespace,
    /// A process group of host or kernel, or the workload of pods: these are joined though they were restarted
    Workload,
    /// A process group of host or kernel, or a pod by its own name
    Group,
}

impl Level {
    /// Returns the name as in JSON and of the flag.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Class => "class",
            Level::Namespace => "namespace",
            Level::Workload => "workload",
            Level::Group => "group",
        }
    }
}

impl From<Level> for By {
    fn from(level: Level) -> By {
        match level {
            Level::Class => By::Class,
            Level::Namespace => By::Namespace,
            Level::Workload => By::Workload,
            Level::Group => By::Group,
        }
    }
}
