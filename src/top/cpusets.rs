//! Sets of CPUs of a report's nodes: how busy each is, and what of the platform may run on those of the workload.
//!
//! With the exporter's series both are by each node's own command line. Without them a PerformanceProfile or the user tells
//! the sets, the platform's series how busy their CPUs were, and nothing who may run there.
mod affinities;
mod exporter;
mod platform;
mod strays;

use super::key::Key;
use super::plan::Plan;
use super::question::{By, Question};
use crate::query::Querier;
use crate::report::{Cpuset, SourceKind, Steps};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use strays::Strays;

/// Threads that stray on each node.
pub(crate) type ThreadsOnNodes = BTreeMap<String, Threads>;

/// Threads of a group or pod on a node that may run on isolated CPUs.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    /// The most at once.
    pub most: u64,
    /// Lists of CPUs that some of them had.
    pub cpus: BTreeSet<String>,
}

/// Sets and strays, as fetched; `assemble` makes the report's parts of them.
#[derive(Debug, Default)]
pub(super) struct Cpusets {
    /// Busy time of each set, by node if rows are.
    pub busy: BTreeMap<(Cpuset, Option<String>), Steps>,
    /// Lists of CPUs that the set has on some node, likewise.
    pub lists: BTreeMap<(Cpuset, Option<String>), BTreeSet<String>>,
    /// Threads of each group or pod that may run on isolated CPUs. `None` if the source does not tell.
    pub strays: Option<BTreeMap<Key, ThreadsOnNodes>>,
    /// True if rows tell what strays used.
    pub strays_are_measured: bool,
    pub notes: Vec<String>,
}

impl Cpusets {
    /// Fetches them for a plan's window and nodes; `None` if rows are not by set. Errors are those of the client. What the sets
    /// are is a part of the question, as of a must-gather, which has no plan.
    pub(super) async fn fetch(
        querier: &Querier<'_>,
        question: &Question,
        plan: &Plan<'_>,
    ) -> Result<Option<Cpusets>> {
        if plan.by != By::Cpuset {
            return Ok(None);
        }
        match plan.kind {
            SourceKind::Exporter => exporter::of_command_lines(querier, question, plan).await.map(Some),
            _ => platform::of_profiles(querier, question, plan).await.map(Some),
        }
    }

    /// Finds what is known without any sample.
    pub(super) fn of_known(question: &Question) -> Cpusets {
        let mut cpusets = Cpusets::default();
        platform::list_sets(question, &mut cpusets);
        cpusets.strays = affinities::strays(question, &mut cpusets.notes);
        cpusets
    }
}
