//! `budget`: its flags, and what it prints.
use super::shared::{self, ApiFlags, PrometheusFlags, SourceFlag, Usage};
use super::values::{End, now, parse_cpus, parse_duration, parse_end};
use super::verdict_output::{failure, print_report, print_suggestion, print_text};
use super::{open, print_stderr};
use crate::budget::{self, Budget, BudgetReport, PROFILES, Query, Reserved, Suggestion, profile};
use crate::capture::Needs;
use crate::cluster::{Cluster, SessionOptions};
use crate::print::{self, BudgetFormat, BudgetOptions};
use crate::top::{self, SourceChoice};
use anyhow::{Result, ensure};
use clap::Args;
use node_cpu::CpuList;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Default profile, which holds any cluster to something.
const DEFAULT: &str = "system-reserved";
/// Default intervals: of a cluster, of this machine, and of a suggestion.
const CLUSTER_INTERVAL: Duration = Duration::from_secs(3600);
const LOCAL_INTERVAL: Duration = Duration::from_secs(10);
const SUGGEST_INTERVAL: Duration = Duration::from_secs(24 * 3600);

#[derive(Args)]
pub(super) struct BudgetFlags {
    /// Budget that is built in, see --list [default: system-reserved]
    #[arg(value_name = "PROFILE", value_parser = PROFILES.map(|profile| profile.name), conflicts_with_all = ["suggest", "acm"])]
    profile: Option<String>,
    /// Budget in this file, - for standard input; see --print
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["profile", "suggest", "acm"])]
    file: Option<PathBuf>,
    /// Length of the window [default: 1h, with --local 10s, with --suggest 24h]
    #[arg(short, long, value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true, conflicts_with = "during")]
    interval: Option<Duration>,
    /// End of the window, as of top [default: now]
    #[arg(short = 'T', long, value_name = "TIME", value_parser = parse_end, allow_hyphen_values = true, conflicts_with_all = ["local", "during"])]
    time: Option<End>,
    /// Judge only this node; repeatable, separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "local")]
    node: Vec<String>,
    /// Judge only nodes with these labels; syntax as in kubectl
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "local")]
    selector: Option<String>,
    /// Print the verdict on each node, not on the worst alone
    #[arg(long)]
    per_node: bool,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: BudgetFormat,
    /// Draw the trend of the worst line above the table, with its limit
    #[arg(long, conflicts_with_all = ["suggest", "acm", "list", "print", "schema"])]
    chart: bool,
    /// CPUs that are reserved for the platform, such as 0-1,52-53 [default: by the PerformanceProfile, else capacity less
    /// allocatable]
    #[arg(long, value_name = "LIST", value_parser = parse_cpus)]
    reserved: Option<CpuList>,
    /// Series to query [default: the exporter's if they cover the window or have ten samples in it]
    #[arg(long, value_name = "SOURCE", conflicts_with = "local")]
    source: Option<SourceFlag>,
    /// Run a command, and judge the time in which it ran: --during -- COMMAND...
    #[arg(long, requires = "command", conflicts_with_all = ["suggest", "acm", "list", "print", "schema"])]
    during: bool,
    /// Print the budgets that are built in, and where they are from
    #[arg(long, conflicts_with_all = ["acm", "print", "suggest", "schema"])]
    list: bool,
    /// Print a budget that is built in as a file, to begin one's own with
    #[arg(long, value_name = "PROFILE", conflicts_with_all = ["acm", "suggest", "schema"])]
    print: Option<String>,
    /// Suggest how many CPUs to reserve, by the platform's 99.9th percentile
    #[arg(long, conflicts_with_all = ["local", "per_node", "source", "reserved"])]
    suggest: bool,
    /// Print the list of series that a hub of Advanced Cluster Management is to collect
    #[arg(long, conflicts_with = "schema")]
    acm: bool,
    /// Print the JSON Schema of -o json and -o yaml, and nothing else
    #[arg(long)]
    schema: bool,
    /// Scrape interval that install was given: the step of -o alerting-rule
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = parse_duration)]
    scrape_interval: Duration,
    /// Judge from a file instead of a cluster, as of top
    #[arg(long, value_name = "PATH", conflicts_with_all = ["local", "during", "selector", "url", "via", "prometheus_ca", "insecure_prometheus"])]
    from: Option<PathBuf>,
    /// Judge this machine (Linux), without a cluster
    #[arg(long, conflicts_with_all = ["url", "via", "prometheus_ca", "insecure_prometheus"])]
    local: bool,
    /// Command of --during, and its arguments
    #[arg(last = true, value_name = "COMMAND", requires = "during")]
    command: Vec<OsString>,
    #[command(flatten)]
    prometheus: PrometheusFlags,
    #[command(flatten)]
    api: ApiFlags,
}

impl BudgetFlags {
    /// Runs the command, and returns its exit code.
    pub(super) async fn run(mut self) -> Result<ExitCode> {
        if let Some(text) = self.text()? {
            return print_text(&text);
        }
        let interval = match (self.local, self.suggest) {
            (true, _) => LOCAL_INTERVAL,
            (false, true) => SUGGEST_INTERVAL,
            (false, false) => CLUSTER_INTERVAL,
        };
        // As everywhere, an empty value is no value.
        self.node.retain(|node| !node.is_empty());
        let mut query = Query {
            budget: self.budget()?,
            source: self.source.map_or(SourceChoice::Auto, SourceChoice::from),
            end: End::time(self.time, now()),
            interval: self.interval.unwrap_or(interval),
            nodes: Some(std::mem::take(&mut self.node)).filter(|nodes| !nodes.is_empty()),
            per_node: self.per_node,
            reserved: Reserved { given: self.reserved.clone(), ..Reserved::default() },
        };
        ensure!(!self.chart || self.output == BudgetFormat::Table, Usage(shared::CHART.to_owned()));
        if self.output == BudgetFormat::AlertingRule {
            ensure!(
                !self.during && !self.suggest,
                Usage("an alerting rule is of a budget alone: leave out --during and --suggest".to_owned())
            );
            let times = (query.interval, self.scrape_interval);
            let (text, notes) = budget::alerting_rule(&query.budget, times, &query.reserved)?;
            notes.iter().for_each(|note| print_stderr("note", note));
            return print_text(&text);
        }
        ensure!(
            self.local || query.interval >= Duration::from_secs(1),
            Usage("--interval is below a second, and no cluster is sampled that often".to_owned())
        );
        let is_table = matches!(self.output, BudgetFormat::Table | BudgetFormat::Json | BudgetFormat::Yaml);
        ensure!(
            !self.suggest || is_table,
            Usage("--suggest has tables alone: give -o table, json or yaml".to_owned())
        );
        if self.output.is_picture() {
            shared::refuse_terminal()?;
        }
        let options = self.options();
        if self.local {
            return self.judge_machine(&query).await;
        }
        if let Some(path) = &self.from {
            return self.judge_file(path, query).await;
        }
        let session: SessionOptions = self.api.session();
        let cluster = Cluster::new(session);
        if let Some(selector) = self.selector.filter(|selector| !selector.is_empty()) {
            let selected = cluster.nodes(&selector).await?;
            let named = query.nodes.take();
            let both = |node: &String| named.as_ref().is_none_or(|named| named.contains(node));
            let nodes: Vec<String> = selected.into_iter().filter(both).collect();
            ensure!(!nodes.is_empty(), "no node has the labels {selector:?}: see oc get nodes --show-labels");
            query.nodes = Some(nodes);
        }
        let connection = cluster.connect(&self.prometheus.typed()?).await?;
        if query.reserved.given.is_none() && query.budget.needs_reserved() && !self.suggest {
            query.reserved = cluster.partitioning().await.into();
        }
        if self.suggest {
            let suggestion = budget::suggest_cluster(&connection.client, &query).await?;
            connection.notes.iter().for_each(|note| print_stderr("note", note));
            return print_suggestion(&suggestion, self.output);
        }
        let ran = match self.during {
            true => Some(budget::run_command(&connection.client, query.source, &self.command).await?),
            false => None,
        };
        let judge = async {
            if let Some(ran) = &ran {
                (query.end, query.interval) = ran.window(&connection.client).await?;
            }
            budget::judge_cluster(&connection.client, &query).await
        };
        let (judged, status) = (judge.await, ran.map(|ran| ran.status));
        connection.notes.iter().for_each(|note| print_stderr("note", note));
        match (judged, status.filter(|status| !status.success())) {
            (Ok(report), _) => print_report(&report, options, status),
            (Err(error), None) => Err(error),
            // The command's own failure is handed on, whatever else fails.
            (Err(error), Some(status)) => {
                print_stderr("error", &format!("{error:#}"));
                Ok(failure(status))
            }
        }
    }

    /// Judges a cluster by a file of its samples.
    async fn judge_file(&self, path: &Path, mut query: Query) -> Result<ExitCode> {
        let case = open(path, &[Needs::Rows, Needs::Cpusets, Needs::Budgets])?;
        let samples = case.samples()?;
        query.end = End::time(self.time, samples.end(query.source));
        samples.require(query.source, query.end, query.interval)?;
        if self.suggest {
            let mut suggestion = budget::suggest_cluster(&samples.client, &query).await?;
            suggestion.notes.extend(case.notes);
            return print_suggestion(&suggestion, self.output);
        }
        if query.reserved.given.is_none() {
            query.reserved = case.partitioning.clone().into();
        }
        let mut report = budget::judge_cluster(&samples.client, &query).await?;
        report.notes.extend(case.notes);
        print_report(&report, self.options(), None)
    }

    fn options(&self) -> BudgetOptions {
        let (format, colour, width) = (self.output, shared::colour(), shared::width());
        BudgetOptions { format, colour, chart: self.chart, width }
    }

    /// Judges this machine.
    async fn judge_machine(&self, query: &Query) -> Result<ExitCode> {
        let (recorded, status) = if self.during {
            let (recorded, status) = budget::record_around(&self.command).await?;
            (recorded, Some(status))
        } else {
            (top::record(Some(query.interval), std::future::pending()).await?, None)
        };
        print_report(&budget::judge_machine(query, recorded), self.options(), status)
    }

    /// Returns what is printed without a cluster; `None` if a cluster or this machine is judged.
    fn text(&self) -> Result<Option<String>> {
        if self.schema {
            let schema = if self.suggest {
                serde_json::to_string_pretty(&schemars::schema_for!(Suggestion))
            } else {
                serde_json::to_string_pretty(&schemars::schema_for!(BudgetReport))
            };
            return Ok(Some(schema? + "\n"));
        }
        if let Some(name) = &self.print {
            let profile = profile(name).map_err(|error| Usage(error.to_string()))?;
            return Ok(Some(profile.text.to_owned()));
        }
        if self.list {
            let budgets = PROFILES.into_iter().map(|profile| profile.budget());
            return Ok(Some(print::budgets(&budgets.collect::<Result<Vec<_>>>()?)));
        }
        if self.acm { budget::allow_list().map(Some) } else { Ok(None) }
    }

    /// Reads the budget.
    fn budget(&self) -> Result<Budget> {
        match &self.file {
            Some(path) => Budget::read(path).map_err(|error| Usage(format!("{error:#}")).into()),
            None => profile(self.profile.as_deref().unwrap_or(DEFAULT))?.budget(),
        }
    }
}
