//! One round: runs every check of the table in its order, and keeps what later checks need from earlier ones.
use super::checks::CheckName;
use super::data::Data;
use super::installed::{self, Installed};
use super::report::{Check, Report};
use super::running::{self, Nodes};
use super::strays;
use super::targets::{self, DEFAULT_INTERVAL, Scrapes};
use crate::cluster::{Cluster, Connection, PrometheusOptions, Server};
use crate::time::Timestamp;
use anyhow::Result;

const NOT_CONNECTED: &str = "Prometheus cannot be queried";
const NO_RESPONSE: &str = "Prometheus did not respond";

/// Result of a round.
pub(super) struct Round {
    pub(super) report: Report,
    /// Notes on how Prometheus was reached.
    pub(super) notes: Vec<String>,
    pub(super) nothing_installed: bool,
}

/// Runs the checks. If nothing is installed, only the first one. Errors if the API server does not respond, or if the
/// login has expired.
pub(super) async fn run(
    cluster: &Cluster,
    server: &Server<'_>,
    prometheus: &PrometheusOptions,
) -> Result<Round> {
    let mut state = State {
        cluster,
        server,
        prometheus,
        installed: installed::fetch(server).await?,
        nodes: Nodes::default(),
        connected: None,
        interval: DEFAULT_INTERVAL,
        data: Err(NOT_CONNECTED),
    };
    let nothing_installed = state.installed.nothing_installed;
    let mut checks = Vec::new();
    for &name in CheckName::ALL {
        checks.push(state.check(name).await?);
        if nothing_installed {
            break;
        }
    }
    let notes = state.connected.map(|connected| connected.connection.notes).unwrap_or_default();
    Ok(Round { report: Report::new(checks), notes, nothing_installed })
}

/// State of a round: results that later checks need.
struct State<'a, 'b> {
    cluster: &'a Cluster,
    server: &'a Server<'b>,
    prometheus: &'a PrometheusOptions,
    installed: Installed,
    /// Nodes that should run the exporter, once the pods have been checked.
    nodes: Nodes,
    /// `None` before the check of Prometheus, or if that has failed.
    connected: Option<Connected>,
    /// Seconds between two samples, once the rules have been checked.
    interval: f64,
    /// Data of all nodes, or why there are none.
    data: Result<Data, &'static str>,
}

/// A Prometheus that responds.
struct Connected {
    connection: Connection,
    /// Time of all queries, by the clock of this machine.
    now: Timestamp,
    scrapes: Scrapes,
}

impl State<'_, '_> {
    /// Runs one check. Errors if the API server does not respond, or if the login has expired.
    async fn check(&mut self, name: CheckName) -> Result<Check> {
        let daemonset = self.installed.daemonset.as_ref();
        let skipped = || Check::skipped(name, NOT_CONNECTED);
        Ok(match name {
            CheckName::Objects => self.installed.objects.clone(),
            CheckName::Version => installed::check_version(daemonset),
            CheckName::Image => installed::check_image(self.server, daemonset).await?,
            CheckName::Constraints => self.installed.check_constraints(),
            CheckName::Pods => {
                let (check, nodes) = running::check_pods(self.server, daemonset).await?;
                self.nodes = nodes;
                check
            }
            CheckName::Rights => running::check_rights(self.server).await?,
            CheckName::Prometheus => match self.connect().await {
                Ok(connected) => {
                    let url = connected.connection.client.address();
                    let check = Check::ok(name, format!("it responds at {url}"));
                    self.connected = Some(connected);
                    check
                }
                Err(error) => Check::error(name, &error.context("it cannot be queried")),
            },
            CheckName::Targets => match &self.connected {
                Some(Connected { connection, scrapes, .. }) => {
                    targets::check_targets(&connection.client, scrapes, &self.nodes).await
                }
                None => skipped(),
            },
            CheckName::Rules => match &self.connected {
                Some(Connected { connection, now, .. }) => {
                    let (check, interval) = targets::check_rules(&connection.client, *now).await;
                    self.interval = interval;
                    check
                }
                None => skipped(),
            },
            CheckName::Samples => match &self.connected {
                Some(Connected { connection, now, .. }) => {
                    match Data::fetch(&connection.client, *now).await {
                        Ok(data) => {
                            let check = data.check_samples(*now, &self.nodes, self.interval);
                            self.data = Ok(data);
                            check
                        }
                        Err(error) => {
                            self.data = Err(NO_RESPONSE);
                            Check::error(name, &error)
                        }
                    }
                }
                None => skipped(),
            },
            CheckName::Attributed => self.check_data(name, Data::check_attributed),
            CheckName::Names => self.check_data(name, Data::check_names),
            CheckName::Cpusets => match &self.connected {
                Some(Connected { connection, now, .. }) => {
                    strays::check(self.cluster, &connection.client, *now).await
                }
                None => skipped(),
            },
            CheckName::Cost => self.check_data(name, Data::check_cost),
            CheckName::Config => self.check_data(name, Data::check_config),
        })
    }

    /// Runs a check of the data, or skips it if there are none.
    fn check_data(&self, name: CheckName, check: fn(&Data) -> Check) -> Check {
        match &self.data {
            Ok(data) => check(data),
            Err(reason) => Check::skipped(name, *reason),
        }
    }

    /// Connects to Prometheus. Errors if it does not respond, in one line with the remedy.
    async fn connect(&self) -> Result<Connected> {
        let connection = self.cluster.connect(self.prometheus).await?;
        let now = Timestamp::now();
        let scrapes = targets::fetch_scrapes(&connection.client, now).await?;
        Ok(Connected { connection, now, scrapes })
    }
}
