//! Objects of a must-gather that tell the sets of CPUs of nodes: PerformanceProfiles and the nodes' labels, else the
//! nodes' kernel command lines; and the CPUs that each thread was allowed to use.
use crate::cluster::{GatheredObjects, Partitioning, ProfileSets};
use crate::top::Affinity;
use node_cpu::{CpuList, isolated_cpus};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, Read};

/// Largest object that is read, in bytes; a node with many images has some tens of thousands.
const LARGEST: u64 = 1 << 20;
/// Number of CPUs that a node has at most, more than any kernel is built for.
const MOST_CPUS: u32 = 65_536;
/// Largest list of threads that is read, in bytes: 20,000 threads that may run on 128 CPUs take 15 million.
const LARGEST_LIST: u64 = 128 << 20;

/// Place of an object, by the end of its path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place<'a> {
    Profile,
    Node,
    Infrastructure,
    CommandLine { node: &'a str },
    Affinities { node: &'a str },
}

impl<'a> Place<'a> {
    /// Finds it by a member's name.
    pub(super) fn from_name(name: &'a str) -> Option<Place<'a>> {
        let mut parts = name.rsplit('/');
        let (file, folder, above) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
        let is_yaml = [".yaml", ".yml", ".json"].iter().any(|end| file.ends_with(end));
        match (above, folder) {
            ("performance.openshift.io", "performanceprofiles") if is_yaml => Some(Place::Profile),
            ("core", "nodes") if is_yaml => Some(Place::Node),
            ("config.openshift.io", "infrastructures") if is_yaml => Some(Place::Infrastructure),
            (_, "config.openshift.io") if file == "infrastructures.yaml" => Some(Place::Infrastructure),
            ("nodes", node) if file == "proc_cmdline" => Some(Place::CommandLine { node }),
            ("nodes", node) if file == "cpu_affinities.json" => Some(Place::Affinities { node }),
            _ => None,
        }
    }
}

/// Objects so far.
#[derive(Debug, Default)]
pub(super) struct Objects {
    gathered: GatheredObjects,
    /// Number of CPUs of each node.
    counts: BTreeMap<String, u32>,
    command_lines: BTreeMap<String, Vec<u8>>,
    affinities: BTreeMap<String, Vec<Affinity>>,
}

/// Thread as a must-gather lists it.
#[derive(Deserialize)]
struct Thread {
    process: String,
    affinity: Vec<u32>,
}

impl Objects {
    /// Takes an object. One that cannot be read takes none of the others along.
    pub(super) fn read_from(&mut self, place: Place<'_>, input: &mut dyn BufRead) {
        if let Place::Affinities { node } = place {
            let threads = serde_json::from_reader(input.take(LARGEST_LIST));
            let threads: Vec<Thread> = threads.unwrap_or_default();
            let mut counts: BTreeMap<(String, CpuList), u64> = BTreeMap::new();
            for thread in threads {
                *counts.entry((thread.process, thread.affinity.into_iter().collect())).or_default() += 1;
            }
            let of = |((process, cpus), threads)| Affinity { process, cpus, threads };
            self.affinities.insert(node.to_owned(), counts.into_iter().map(of).collect());
            return;
        }
        let mut bytes = Vec::new();
        if input.take(LARGEST).read_to_end(&mut bytes).is_err() {
            return;
        }
        if let Place::CommandLine { node } = place {
            self.command_lines.insert(node.to_owned(), bytes);
            return;
        }
        for document in serde_yaml::Deserializer::from_slice(&bytes) {
            // What follows a broken document cannot be told from it.
            let Ok(object) = Value::deserialize(document) else { return };
            match object.get("items").and_then(Value::as_array) {
                Some(items) => items.iter().for_each(|item| self.add(place, item.clone())),
                None => self.add(place, object),
            }
        }
    }

    fn add(&mut self, place: Place<'_>, object: Value) {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        match place {
            Place::Profile => self.gathered.profiles.push(object),
            Place::Infrastructure if name == "cluster" => self.gathered.infrastructure = Some(object),
            Place::Node if !name.is_empty() => {
                let count = object.pointer("/status/capacity/cpu").and_then(|count| match count {
                    Value::String(text) => text.parse().ok(),
                    other => u32::try_from(other.as_u64()?).ok(),
                });
                self.counts.extend(count.map(|count| (name.clone(), count)));
                let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
                let text = |(key, value): (&String, &Value)| {
                    (key.clone(), value.as_str().unwrap_or_default().to_owned())
                };
                let labels = labels.map(|labels| labels.iter().map(text).collect());
                self.gathered.nodes.insert(name, labels.unwrap_or_default());
            }
            _ => {}
        }
    }

    /// Returns the CPUs of threads that they tell, by node.
    pub(super) fn affinities(&mut self) -> BTreeMap<String, Vec<Affinity>> {
        std::mem::take(&mut self.affinities)
    }

    /// Returns the partitioning that they tell.
    pub(super) fn partitioning(&self) -> Partitioning {
        let mut found = Partitioning::of_objects(&self.gathered);
        for (node, text) in &self.command_lines {
            if found.of_nodes.contains_key(node) {
                continue;
            }
            // Without the number of its CPUs those that are reserved are not known.
            let Some(count) = self.counts.get(node).copied().filter(|count| (1..=MOST_CPUS).contains(count))
            else {
                continue;
            };
            let present: CpuList = (0..count).collect();
            if let Some(isolated) = isolated_cpus(text, &present) {
                let reserved = present.without(&isolated);
                let sets = ProfileSets { reserved, isolated: Some(isolated), shared: None, ovs_dpdk: None };
                found.of_nodes.insert(node.clone(), sets);
            }
        }
        if !found.of_nodes.is_empty() && self.gathered.profiles.is_empty() {
            found.why_none = None;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{Objects, Place};

    #[test]
    fn objects_are_known_by_the_end_of_their_path() {
        for (name, place) in [
            ("x/cluster-scoped-resources/core/nodes/a.yaml", Some(Place::Node)),
            (
                "cluster-scoped-resources/performance.openshift.io/performanceprofiles/p.yaml",
                Some(Place::Profile),
            ),
            ("config.openshift.io/infrastructures.yaml", Some(Place::Infrastructure)),
            ("a/config.openshift.io/infrastructures/cluster.yaml", Some(Place::Infrastructure)),
            ("m/nodes/n-1/proc_cmdline", Some(Place::CommandLine { node: "n-1" })),
            ("core/nodes/a.txt", None),
            ("m/nodes/n-1/cpu_affinities.json", Some(Place::Affinities { node: "n-1" })),
            ("nodes/proc_cmdline", None),
            ("proc_cmdline", None),
        ] {
            assert_eq!(Place::from_name(name), place, "{name}");
        }
    }

    #[test]
    fn sets_are_the_profiles_or_the_command_lines_and_what_is_broken_is_skipped() {
        let mut objects = Objects::default();
        let mut read_from = |place, text: &str| objects.read_from(place, &mut text.as_bytes());
        read_from(
            Place::Node,
            "apiVersion: v1\nkind: NodeList\nitems:\n\
             - {metadata: {name: a, labels: {role: du}}, status: {capacity: {cpu: '4'}}}\n\
             - {metadata: {name: b, labels: {role: hub}}, status: {capacity: {cpu: 4}}}\n",
        );
        read_from(Place::Node, "metadata: {name: [1\n");
        read_from(
            Place::Profile,
            "metadata: {name: p}\nspec: {cpu: {reserved: 0-1, isolated: 2-3}, nodeSelector: {role: du}}\n",
        );
        read_from(Place::Infrastructure, "metadata: {name: cluster}\nstatus: {cpuPartitioning: AllNodes}\n");
        read_from(Place::CommandLine { node: "a" }, "rcu_nocbs=1");
        read_from(Place::CommandLine { node: "b" }, "quiet rcu_nocbs=3 nohz_full=3");
        read_from(Place::CommandLine { node: "c" }, "rcu_nocbs=3");
        let found = objects.partitioning();
        let lists = |node: &str| {
            let sets = &found.of_nodes[node];
            (sets.reserved.to_string(), sets.isolated.as_ref().map(ToString::to_string).unwrap_or_default())
        };
        assert_eq!(lists("a"), ("0-1".to_owned(), "2-3".to_owned()));
        assert_eq!(lists("b"), ("0-2".to_owned(), "3".to_owned()));
        assert_eq!((found.of_nodes.len(), found.of_pods, found.why_none), (2, Some(true), None));
    }
}
