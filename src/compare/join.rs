//! Join: the rows of both sides at one level, those of one thing together.
use super::level::Level;
use super::side::{Side, SideRow};
use super::workload;
use crate::report::Class;
use std::collections::{BTreeMap, BTreeSet};

/// Name of the pods together that have none: their UIDs are new after each restart.
const UNNAMED: &str = "(unnamed)";

/// Everything that tells a row from the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub class: Class,
    pub namespace: Option<String>,
    pub name: String,
    pub workload_type: Option<String>,
}

/// What a thing used on one side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Usage {
    pub avg: f64,
    /// Means of the side's blocks. Empty if there are no samples.
    pub blocks: Vec<f64>,
}

/// One thing on both sides; `None` on a side that does not have it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub key: Key,
    pub a: Option<Usage>,
    pub b: Option<Usage>,
}

/// Joins the rows of two sides, both of which can tell the level.
pub(super) fn join(a: &Side, b: &Side, level: Level) -> Vec<Pair> {
    // A side that knows no nodes may be of the same cluster.
    let nodes: BTreeSet<String> = a.nodes.union(&b.nodes).cloned().collect();
    let [mut a, mut b] = [a, b].map(|side| add_up(&side.rows, level, &nodes));
    if level == Level::Workload {
        let types = types(a.keys().chain(b.keys()));
        [a, b] = [a, b].map(|side| with_types(side, &types));
    }
    let keys: BTreeSet<Key> = a.keys().chain(b.keys()).cloned().collect();
    let pair = |key: Key| Pair { a: a.remove(&key), b: b.remove(&key), key };
    keys.into_iter().map(pair).collect()
}

/// Adds up the rows of one thing.
fn add_up(rows: &[SideRow], level: Level, nodes: &BTreeSet<String>) -> BTreeMap<Key, Usage> {
    let mut all: BTreeMap<Key, Usage> = BTreeMap::new();
    for row in rows {
        all.entry(key(row, level, nodes)).or_default().add(row.avg, &row.blocks);
    }
    all
}

impl Usage {
    fn add(&mut self, avg: f64, blocks: &[f64]) {
        self.avg += avg;
        self.blocks.resize(self.blocks.len().max(blocks.len()), 0.0);
        self.blocks.iter_mut().zip(blocks).for_each(|(sum, mean)| *sum += mean);
    }
}

fn key(row: &SideRow, level: Level, nodes: &BTreeSet<String>) -> Key {
    let of_class = Key { class: row.class, namespace: None, name: String::new(), workload_type: None };
    let namespace = row.namespace.clone().filter(|namespace| !namespace.is_empty());
    let (name, workload_type) = match level {
        Level::Class => return of_class,
        Level::Namespace => ("", None),
        Level::Workload => workload_of(row, nodes),
        Level::Group => (row.name.as_str(), None),
    };
    Key { namespace, name: name.to_owned(), workload_type: workload_type.map(str::to_owned), ..of_class }
}

/// Returns the name and type of the workload that a row is a part of.
fn workload_of<'a>(row: &'a SideRow, nodes: &BTreeSet<String>) -> (&'a str, Option<&'a str>) {
    match (row.class, &row.workload_type) {
        (Class::Host | Class::Kernel, _) => (&row.name, None),
        (Class::Pod, _) if row.name.is_empty() || row.name.starts_with('(') => (&row.name, None),
        (Class::Pod, _) => (UNNAMED, None),
        (_, Some(of)) => workload::of_owner(&row.name, of, nodes),
        (_, None) => workload::of_pod(&row.name, nodes),
    }
}

/// Name of a workload, without its type.
type Name = (Class, Option<String>, String);

/// Returns the type of each name of which all that are known agree. Names of several types have none, if one is not known:
/// nothing tells which of them it is.
fn types<'a>(keys: impl Iterator<Item = &'a Key>) -> BTreeMap<Name, Option<String>> {
    let mut all: BTreeMap<Name, BTreeSet<Option<String>>> = BTreeMap::new();
    for key in keys {
        all.entry(name(key)).or_default().insert(key.workload_type.clone());
    }
    all.retain(|_, types| types.contains(&None));
    let only = |types: BTreeSet<Option<String>>| {
        let mut known = types.into_iter().flatten();
        known.next().filter(|_| known.next().is_none())
    };
    all.into_iter().map(|(name, types)| (name, only(types))).collect()
}

fn with_types(side: BTreeMap<Key, Usage>, types: &BTreeMap<Name, Option<String>>) -> BTreeMap<Key, Usage> {
    let mut all: BTreeMap<Key, Usage> = BTreeMap::new();
    for (mut key, usage) in side {
        if let Some(of) = types.get(&name(&key)) {
            key.workload_type.clone_from(of);
        }
        all.entry(key).or_default().add(usage.avg, &usage.blocks);
    }
    all
}

fn name(key: &Key) -> Name {
    (key.class, key.namespace.clone(), key.name.clone())
}

#[cfg(test)]
mod tests;
