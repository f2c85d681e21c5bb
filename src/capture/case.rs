//! Case: what a path holds, and a client of its samples, which answers as the server that they are from.
use super::derived::add_sums;
use super::input::Input;
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
use crate::top::metric_names as names;
use crate::top::{Affinity, SourceChoice};
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::time::Duration;

/// Names of files of samples, as a must-gather's `gather_metrics` gives them.
pub(super) const NAMES: [&str; 2] = ["metrics.openmetrics", "metrics.openmetrics.gz"];
/// Time for which the platform goes on until the exporter counts as gone.
const WITHOUT: Duration = Duration::from_secs(300);
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
    /// False if the file was cut.
    pub is_whole: bool,
    name: String,
    /// Times of the exporter's totals, and of the platform's pods, in order.
    exporter: Vec<Timestamp>,
    platform: Vec<Timestamp>,
}

impl Case {
    /// Reads a path: a file of samples, plain or gzip; a folder or a tar archive that holds one, with the objects of a
    /// cluster beside it. `input`: its bytes, if they have been looked at. `shown`: the path, for messages. `needs`: which series
    /// are kept. Errors, in one line, if it cannot be read.
    pub fn open(path: &Path, input: Option<Input<'_>>, shown: &str, needs: &[Needs]) -> Result<Case> {
        let selectors = needs.iter().flat_map(|needs| needs.selectors());
        let mut gathered = Gathered { selection: Selection::parse(selectors)?, ..Gathered::default() };
        visit(path, input, &mut gathered)?;
        let Gathered { samples, ends, mut objects, is_database, broken, .. } = gathered;
        let mut notes: Vec<String> = broken
            .iter()
            .map(|what| format!("{shown} is cut or broken: {what}; what follows there is missing"))
            .collect();
        let samples = match samples {
            Some((member, contents)) => {
                let is_path = member == path.display().to_string();
                let name = if is_path { shown.to_owned() } else { format!("{shown} ({member})") };
                notes.extend((!contents.is_whole).then(|| {
                    format!(
                        "{name} was cut: it does not end with # EOF, so that samples are missing{}",
                        absent(&contents)
                    )
                }));
                Samples::read_from(name, contents, ends).map_err(|error| format!("{error:#}"))
            }
            None if !broken.is_empty() => Err(format!(
                "{shown} is cut or broken before its samples: {}; get it again",
                broken.join("; ")
            )),
            None if is_database => Err(explain_database(path, shown)),
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
        let contents_are_whole = contents.is_whole;
        let mut store = Store::new(contents.series);
        store.add_ends(ends);
        let evaluator = add_sums(store)?;
        let has_totals =
            names::TOTALS.iter().all(|metric| evaluator.store().series_of(metric).next().is_some());
        let exporter = if has_totals { times(&evaluator, names::CLUSTER_BUSY) } else { Vec::new() };
        let platform = times(&evaluator, names::PLATFORM_PODS);
        if exporter.is_empty() && platform.is_empty() {
            bail!(
                "{name} does not hold what a report is made of, neither all totals that the exporter's rules record ({}) nor {}: \
                 `oc interrogate capture --must-gather` prints a command that gathers them",
                names::TOTALS.join(", "),
                names::PLATFORM_PODS
            )
        }
        let several = evaluator.store().series_of(names::CLUSTER_BUSY).count();
        if several > 1 {
            bail!(
                "{name} holds the series of {several} Prometheus or clusters, which would be added up: give those of one"
            );
        }
        let client = Client::of_file(&name, evaluator);
        Ok(Samples { client, is_whole: contents_are_whole, name, exporter, platform })
    }

    /// Returns the newest sample of a source; by default the exporter's, unless the platform went on without it.
    pub fn end(&self, source: SourceChoice) -> Timestamp {
        let newest = |times: &[Timestamp]| times.last().copied();
        let (exporter, platform) = (newest(&self.exporter), newest(&self.platform));
        let chosen = match source {
            SourceChoice::Exporter => exporter,
            SourceChoice::Platform => platform,
            SourceChoice::Auto => exporter.filter(|at| platform.is_none_or(|on| on.since(*at) <= WITHOUT)),
        };
        chosen.or(platform).or(exporter).unwrap_or(Timestamp::from_millis(0))
    }

    /// Errors if no sample of a source is in a window that ends at `end`.
    pub fn require(&self, source: SourceChoice, end: Timestamp, length: Duration) -> Result<()> {
        let window = Span::ending(end, length);
        let all: Vec<Timestamp> = match source {
            SourceChoice::Exporter => self.exporter.clone(),
            SourceChoice::Platform => self.platform.clone(),
            SourceChoice::Auto => self.exporter.iter().chain(&self.platform).copied().collect(),
        };
        if all.iter().any(|at| window.holds(*at)) {
            return Ok(());
        }
        match (all.iter().min(), all.iter().max()) {
            (Some(first), Some(last)) => {
                bail!("{} has no sample in this window: they are from {first} to {last}", self.name)
            }
            _ => bail!("{} has no samples of the source that is asked for: leave out --source", self.name),
        }
    }
}

/// Returns the times at which a metric has samples, in order.
fn times(evaluator: &Evaluator, metric: &str) -> Vec<Timestamp> {
    let of = |series: &Series| series.samples.iter().map(|(at, _)| *at).collect::<Vec<_>>();
    let mut times: Vec<Timestamp> = evaluator.store().series_of(metric).flat_map(of).collect();
    times.sort_unstable();
    times.dedup();
    times
}

fn explain_database(path: &Path, shown: &str) -> String {
    let quoted = format!("'{}'", shown.replace('\'', "'\\''"));
    let (unpack, data) = match path.is_dir() {
        true => (String::new(), quoted),
        false => (format!("`mkdir tsdb; tar -xf {quoted} -C tsdb`, then "), "tsdb".to_owned()),
    };
    format!(
        "{shown} is the database of a Prometheus, which is not read here: {unpack}`prometheus --storage.tsdb.path={data} \
         --storage.tsdb.retention.time=10y --config.file=/dev/null`, and ask that with --prometheus http://localhost:9090 -T TIME"
    )
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
        let wanted = |metric: &str, labels: Option<&openmetrics::Labels>| match labels {
            None => self.selection.has_metric(metric),
            Some(labels) => self.selection.has(metric, labels),
        };
        if is_ends(name) {
            self.ends = openmetrics::read(input, wanted).with_context(|| name.to_owned())?.series;
            return Ok(());
        }
        if let Some((first, _)) = &self.samples {
            bail!("there are several files of samples: {first} and {name}; give one of them");
        }
        let contents = openmetrics::read(input, wanted).with_context(|| name.to_owned())?;
        self.samples = Some((name.to_owned(), contents));
        Ok(())
    }

    fn note_broken(&mut self, name: &str, why: &str) {
        let inside = if name.is_empty() { String::new() } else { format!("{name} ") };
        self.broken.push(format!("{inside}({})", one_line(why)));
    }
}

/// Names the exporter's series of which a file that was cut has none, if it has others.
fn absent(contents: &Contents) -> String {
    const ROWS: [&str; 5] =
        [names::GROUPS, names::PODS, names::GROUP_SUMS, names::NAMESPACE_SUMS, names::BUSY];
    let has = |metric: &&str| contents.series.iter().any(|series| series.metric == **metric);
    let all = || ROWS.iter().chain(&names::TOTALS);
    let lacks: Vec<&str> = all().filter(|metric| !has(metric)).copied().collect();
    match lacks.is_empty() || lacks.len() == all().count() {
        true => String::new(),
        false => format!(", all of {} among them", lacks.join(", ")),
    }
}

fn is_ends(name: &str) -> bool {
    name.rsplit('/').next() == Some(ENDS)
}

fn is_samples(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    NAMES.contains(&file) && !name.contains(OF_ETCD)
}
