//! Case: what a path holds, and a client of its samples, which answers as the server that they are from.
use super::derived::add_sums;
use super::members::{Visitor, visit};
use super::objects::{Objects, Place};
use super::selectors::Needs;
use crate::cluster::Partitioning;
use crate::evaluate::{Evaluator, Selection, Store};
use crate::openmetrics::{self, Contents, Series};
use crate::prometheus::Client;
use crate::prometheus::failure::one_line;
use crate::query::Span;
use crate::time::Timestamp;
use crate::top::Affinity;
use crate::top::metric_names as names;
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::Path;
use std::time::Duration;

/// Names of files of samples, as a must-gather's `gather_metrics` gives them.
pub(super) const NAMES: [&str; 2] = ["metrics.openmetrics", "metrics.openmetrics.gz"];
/// Name of a capture's file of the ends of series, each a sample that is no number.
pub(super) const ENDS: &str = "ends.openmetrics";
/// Folder whose samples are etcd's own, of another gathering.
const OF_ETCD: &str = "etcd_info/";
/// Names of folders and files of a Prometheus's database.
const OF_DATABASE: [&str; 3] = ["/chunks/0", "chunks_head/", "wal/0"];

/// What a path holds.
#[derive(Debug)]
pub struct Case {
    /// Samples; the error says why there are none.
    samples: Result<Samples, String>,
    /// Sets of CPUs of nodes, by the objects that are there.
    pub partitioning: Partitioning,
    /// CPUs that the threads of each node were allowed to use.
    pub affinities: BTreeMap<String, Vec<Affinity>>,
    /// Notes on what may be missing, a sentence each.
    pub notes: Vec<String>,
    /// Name for messages.
    pub name: String,
}

/// Samples of a file.
#[derive(Debug)]
pub struct Samples {
    /// Client of them.
    pub client: Client,
    /// Newest sample that reports are made of.
    pub end: Timestamp,
    name: String,
    /// Times of the samples that reports are made of, in order.
    times: Vec<Timestamp>,
}

impl Case {
    /// Reads a path: a file of samples, plain or gzip; a folder or a tar archive that holds one, with the objects of a
    /// cluster beside it. `shown`: the path, for messages. `needs`: which series are kept. Errors, in one line, if it cannot
    /// be read.
    pub fn open(path: &Path, shown: &str, needs: &[Needs]) -> Result<Case> {
        let selectors = needs.iter().flat_map(|needs| needs.selectors());
        let mut gathered = Gathered { selection: Selection::parse(selectors)?, ..Gathered::default() };
        visit(path, &mut gathered)?;
        let Gathered { samples, ends, mut objects, is_database, broken, .. } = gathered;
        let mut notes: Vec<String> = broken
            .iter()
            .map(|what| format!("{shown} is cut or broken: {what}; what follows is missing"))
            .collect();
        let samples = match samples {
            Some((member, contents)) => {
                let is_path = member == path.display().to_string();
                let name = if is_path { shown.to_owned() } else { format!("{shown} ({member})") };
                notes.extend((!contents.is_whole).then(|| {
                    format!("{name} was cut: it does not end with # EOF, so that samples may be missing")
                }));
                Samples::read_from(name, contents, ends).map_err(|error| format!("{error:#}"))
            }
            None if !broken.is_empty() => Err(format!(
                "{shown} is cut or broken before its samples: {}; get it again",
                broken.join("; ")
            )),
            None if is_database => Err(explain_database(shown)),
            None => Err(format!(
                "there is no {} in {shown}: a must-gather has it after `oc adm must-gather -- gather_metrics ...`, a capture \
                 by `oc interrogate capture` always",
                NAMES[0]
            )),
        };
        let (partitioning, affinities) = (objects.partitioning(), objects.affinities());
        Ok(Case { samples, partitioning, affinities, notes, name: shown.to_owned() })
    }

    /// Returns the samples. Errors if there are none.
    pub fn samples(&self) -> Result<&Samples> {
        self.samples.as_ref().map_err(|why| anyhow!("{why}"))
    }

    /// Returns true if it has no samples, and tells sets of CPUs or who may run on which.
    pub fn has_sets_alone(&self) -> bool {
        self.samples.is_err() && !(self.partitioning.of_nodes.is_empty() && self.affinities.is_empty())
    }
}

impl Samples {
    fn read_from(name: String, contents: Contents, ends: Vec<Series>) -> Result<Samples> {
        let mut store = Store::new(contents.series);
        store.add_ends(ends);
        let evaluator = add_sums(store)?;
        let times = times(&evaluator);
        let Some(end) = times.last().copied() else {
            bail!(
                "{name} does not hold what a report is made of: neither the series that the exporter's rules record nor {}",
                names::PLATFORM_PODS
            )
        };
        Ok(Samples { client: Client::of_file(&name, evaluator), end, name, times })
    }

    /// Errors if no sample is in a window that ends at `end`.
    pub fn require(&self, end: Timestamp, length: Duration) -> Result<()> {
        let window = Span::ending(end, length);
        if self.times.iter().any(|at| window.holds(*at)) {
            return Ok(());
        }
        let first = self.times.first().unwrap_or(&self.end);
        bail!("{} has no sample in this window: they are from {first} to {}", self.name, self.end)
    }
}

/// Returns the times of the samples that reports are made of: the exporter's totals, else the platform's pods.
fn times(evaluator: &Evaluator) -> Vec<Timestamp> {
    let store = evaluator.store();
    let has_totals = names::TOTALS.iter().all(|metric| store.series_of(metric).next().is_some());
    let metric = if has_totals { names::CLUSTER_BUSY } else { names::PLATFORM_PODS };
    let of = |series: &Series| series.samples.iter().map(|(at, _)| *at).collect::<Vec<_>>();
    let mut times: Vec<Timestamp> = store.series_of(metric).flat_map(of).collect();
    times.sort_unstable();
    times.dedup();
    times
}

fn explain_database(shown: &str) -> String {
    format!(
        "{shown} is the database of a Prometheus, which is not read here: `mkdir tsdb; tar -xf {shown} -C tsdb`, then `prometheus \
         --storage.tsdb.path=tsdb --storage.tsdb.retention.time=10y --config.file=/dev/null`, and ask that with --prometheus \
         http://localhost:9090 -T TIME"
    )
}

/// Returns true if a path holds samples: a folder, an archive, gzip, or a text whose first line is a sample or a comment.
/// Reports that were saved are none of these.
pub fn holds_samples(path: &Path) -> bool {
    use std::io::Read;
    if path.is_dir() {
        return true;
    }
    let mut head = Vec::new();
    let Ok(file) = std::fs::File::open(path) else { return false };
    let _ = file.take(1 << 16).read_to_end(&mut head);
    super::members::is_packed(&head) || openmetrics::begins(&head)
}

/// What is gathered of a path.
#[derive(Default)]
struct Gathered {
    selection: Selection,
    samples: Option<(String, Contents)>,
    ends: Vec<Series>,
    objects: Objects,
    is_database: bool,
    /// Archives of which a part is missing, and why.
    broken: Vec<String>,
}

impl Visitor for Gathered {
    fn wants(&mut self, name: &str) -> bool {
        self.is_database |= OF_DATABASE.iter().any(|part| name.contains(part));
        is_samples(name) || is_ends(name) || Place::from_name(name).is_some()
    }

    fn visit(&mut self, name: &str, input: &mut dyn BufRead) -> Result<()> {
        if let Some(place) = Place::from_name(name) {
            self.objects.read_from(place, input);
            return Ok(());
        }
        if is_ends(name) {
            self.ends = openmetrics::read(input, |_, _| true).with_context(|| name.to_owned())?.series;
            return Ok(());
        }
        if let Some((first, _)) = &self.samples {
            bail!("there are several files of samples: {first} and {name}; give one of them");
        }
        let wanted = |metric: &str, labels: Option<&openmetrics::Labels>| match labels {
            None => self.selection.has_metric(metric),
            Some(labels) => self.selection.has(metric, labels),
        };
        let contents = openmetrics::read(input, wanted).with_context(|| name.to_owned())?;
        self.samples = Some((name.to_owned(), contents));
        Ok(())
    }

    fn take_broken(&mut self, name: &str, why: &io::Error) {
        let inside = if name.is_empty() { String::new() } else { format!("{name} ") };
        self.broken.push(format!("{inside}({})", one_line(&why.to_string())));
    }
}

fn is_ends(name: &str) -> bool {
    name.rsplit('/').next() == Some(ENDS)
}

fn is_samples(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    NAMES.contains(&file) && !name.contains(OF_ETCD)
}
