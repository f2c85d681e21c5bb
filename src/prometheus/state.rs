//! State of the server itself: its version and host, the rules that it has loaded, and the targets that it scrapes.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Deserialize;

use super::response::{self, QueryResult};
use super::{Dialect, HttpClient, Size, failure, front, null_is_empty};
use crate::time::Timestamp;

/// Group of rules, as the server has loaded it.
#[derive(Debug, Clone, Deserialize)]
pub struct RuleGroup {
    /// Name in the rule file.
    pub name: String,
    /// Interval of its evaluation, in seconds.
    pub interval: f64,
    /// Rules, in the order of their evaluation.
    #[serde(deserialize_with = "null_is_empty")]
    pub rules: Vec<Rule>,
}

/// One recording rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Name of the series that it records.
    pub name: String,
    /// Health: `ok`, `err`, or `unknown` before its first evaluation.
    pub health: String,
    /// Error of the last evaluation; empty if it succeeded.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub last_error: String,
}

/// One target of scrapes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    scrape_pool: String,
    /// Labels of its series.
    #[serde(deserialize_with = "null_is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Health: `up`, `down`, or `unknown` before its first scrape.
    pub health: String,
    /// Error of the last scrape; empty if it succeeded.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub last_error: String,
}

#[derive(Deserialize)]
struct Groups {
    #[serde(deserialize_with = "null_is_empty")]
    groups: Vec<RuleGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    #[serde(deserialize_with = "null_is_empty")]
    active_targets: Vec<Target>,
}

impl HttpClient {
    /// Checks that an empty result can be trusted. Errors if the server has no series at all because none of its stores
    /// responds, as a Thanos that has lost them.
    pub(super) async fn require_stores(&self) -> Result<()> {
        // Thanos warns of a lost store. After it has given up on all stores, it says so only if the request refuses
        // partial responses.
        for partial in ["true", "false"] {
            let parameters = [("query", "count(up)"), ("partial_response", partial)];
            let (status, location, body) = self.send("query", &parameters, Size::Few).await?;
            let messages = match response::parse(&self.server(), status, location.as_deref(), &body) {
                Ok(QueryResult { series, .. }) if !series.is_empty() => return Ok(()),
                Ok(QueryResult { warnings, .. }) => warnings,
                Err(refusal) if is_about_stores(&refusal.to_string()) => vec![refusal.to_string()],
                Err(refusal) => return Err(refusal.map_message(|message| self.redact_token(message)).into()),
            };
            if let Some(message) = messages.iter().find(|message| is_about_stores(message)) {
                bail!(
                    "{} has no data, since none of its stores answers ({}): see oc -n openshift-monitoring get pods",
                    self.url(),
                    self.redact_token(message)
                );
            }
        }
        Ok(())
    }

    /// Finds out how the server evaluates queries. Errors if it does not respond, or if a proxy in front of it refuses
    /// this user: one request shows that.
    pub(super) async fn dialect(&self) -> Result<Dialect> {
        // The range holds three whole milliseconds, but two if it excludes its start.
        const RANGE: &str = "count_over_time(vector(1)[2ms:1ms])";
        let (status, _, body) = self.send("status/buildinfo", &[], Size::Few).await?;
        if let Some(refusal) = front::user_refused(&self.server(), status, &body) {
            return Err(refusal.map_message(|message| self.redact_token(message)).into());
        }
        let version = response::parse_version(&body);
        let left_open = version.is_some_and(|(major, _)| major >= 3)
            || self.one(RANGE, Timestamp::from_millis(1000)).await? == Some(2.0);
        Ok(Dialect { own_lookback: version.is_some_and(|version| version >= (2, 43)), left_open })
    }

    /// Fetches the server's host name, in a cluster its pod's; `None` if the server does not report it, as before
    /// Prometheus 3. Errors if it does not respond.
    pub(super) async fn host(&self) -> Result<Option<String>> {
        let (_, _, body) = self.send("status/runtimeinfo", &[], Size::Few).await?;
        Ok(response::parse_hostname(&body).map(|host| failure::one_line(&host)))
    }

    /// Fetches the loaded groups of recording rules with these names. Errors: one line with the cause and the remedy.
    pub(super) async fn rule_groups(&self, names: &[&str]) -> Result<Vec<RuleGroup>> {
        let mut parameters = vec![("type", "record")];
        parameters.extend(names.iter().map(|name| ("rule_group[]", *name)));
        let Groups { mut groups } = self.fetch_data("rules", &parameters).await?;
        // Before 2.44 the server does not filter.
        groups.retain(|group| names.contains(&group.name.as_str()));
        Ok(groups)
    }

    /// Fetches the targets of one scrape pool, up or down. Errors: one line with the cause and the remedy.
    pub(super) async fn targets(&self, pool: &str) -> Result<Vec<Target>> {
        let Targets { mut active_targets } =
            self.fetch_data("targets", &[("state", "active"), ("scrapePool", pool)]).await?;
        // Before 2.42 the server does not filter.
        active_targets.retain(|target| target.scrape_pool == pool);
        Ok(active_targets)
    }
}

/// Returns true if this is a message of Thanos about stores that are missing or do not respond.
fn is_about_stores(message: &str) -> bool {
    ["StoreAPI", "receive series from", "fetch series for"].iter().any(|part| message.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_an_empty_list() {
        let Groups { groups } = serde_json::from_str(r#"{"groups": null}"#).unwrap();
        assert!(groups.is_empty());
        let group = r#"{"groups": [{"name": "g", "interval": 15, "rules": null}]}"#;
        let Groups { groups } = serde_json::from_str(group).unwrap();
        assert!(groups.iter().all(|group| group.rules.is_empty()) && groups.len() == 1);
        let Targets { active_targets } = serde_json::from_str(r#"{"activeTargets": null}"#).unwrap();
        assert!(active_targets.is_empty());
    }
}
