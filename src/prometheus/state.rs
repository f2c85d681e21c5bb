//! What a Prometheus tells of itself: what it is, the rules that it has loaded, and the targets that it scrapes.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Deserialize;

use super::answer::Reply;
use super::{Client, Dialect, Size, answer, failure, front, null_is_empty};

/// A group of rules as the server has loaded it.
#[derive(Debug, Clone, Deserialize)]
pub struct RuleGroup {
    /// As its file has it.
    pub name: String,
    /// Seconds between two evaluations.
    pub interval: f64,
    /// In the order of their evaluation.
    #[serde(deserialize_with = "null_is_empty")]
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// What it records.
    pub name: String,
    /// `ok`, `err`, or `unknown` before its first evaluation.
    pub health: String,
    /// Why the last evaluation failed; empty where it did not.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub last_error: String,
}

/// One target.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    scrape_pool: String,
    /// Those that its series carry.
    #[serde(deserialize_with = "null_is_empty")]
    pub labels: BTreeMap<String, String>,
    /// `up`, `down`, or `unknown` before its first scrape.
    pub health: String,
    /// Why the last scrape failed; empty where it did not.
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

impl Client {
    /// Makes sure that an empty result means what it says. Errors if the server has no series at all by now since none of
    /// its stores answers, as with a Thanos that has lost them.
    pub async fn require_stores(&self) -> Result<()> {
        // A store that is lost is warned of; once all are given up, Thanos says so only to who wants the whole answer.
        for partial in ["true", "false"] {
            let question = [("query", "count(up)"), ("partial_response", partial)];
            let (status, location, body) = self.send("query", &question, Size::Few).await?;
            let said = match answer::read(&self.asked(), status, location.as_deref(), &body) {
                Ok(Reply { series, .. }) if !series.is_empty() => return Ok(()),
                Ok(Reply { warnings, .. }) => warnings,
                Err(refusal) if is_of_stores(&refusal.to_string()) => vec![refusal.to_string()],
                Err(refusal) => return Err(refusal.map(|words| self.without_token(words)).into()),
            };
            if let Some(words) = said.iter().find(|words| is_of_stores(words)) {
                bail!(
                    "{} has no data, since none of its stores answers ({}): see oc -n openshift-monitoring get pods",
                    self.url(),
                    self.without_token(words)
                );
            }
        }
        Ok(())
    }

    /// How the server reads a question. Errors if it does not answer at all, or if what stands in front of it refuses this
    /// user: that is known from one request.
    pub async fn dialect(&self) -> Result<Dialect> {
        // Of a range that is open at its start there are two whole milliseconds in two, else three.
        const RANGE: &str = "count_over_time(vector(1)[2ms:1ms])";
        let (status, _, body) = self.send("status/buildinfo", &[], Size::Few).await?;
        if let Some(refusal) = front::barred(&self.asked(), status, &body) {
            return Err(refusal.map(|words| self.without_token(words)).into());
        }
        let version = answer::version(&body);
        let left_open =
            version.is_some_and(|(major, _)| major >= 3) || self.one(RANGE, 1000).await? == Some(2.0);
        Ok(Dialect { own_lookback: version.is_some_and(|version| version >= (2, 43)), left_open })
    }

    /// The name of the host that the server runs on, in a cluster its pod's; none where it does not tell, as before
    /// Prometheus 3. Errors where it does not answer at all.
    pub async fn host(&self) -> Result<Option<String>> {
        let (_, _, body) = self.send("status/runtimeinfo", &[], Size::Few).await?;
        Ok(answer::host(&body).map(|host| failure::one_line(&host)))
    }

    /// The loaded groups of recording rules of these names. Errors: one line that says why and what to do.
    pub async fn rule_groups(&self, names: &[&str]) -> Result<Vec<RuleGroup>> {
        let mut parameters = vec![("type", "record")];
        parameters.extend(names.iter().map(|name| ("rule_group[]", *name)));
        let Groups { mut groups } = self.state("rules", &parameters).await?;
        // Before 2.44 the server leaves the choice to its client.
        groups.retain(|group| names.contains(&group.name.as_str()));
        Ok(groups)
    }

    /// The targets of one scrape pool, whether they answer or not. Errors as above.
    pub async fn targets(&self, pool: &str) -> Result<Vec<Target>> {
        let Targets { mut active_targets } =
            self.state("targets", &[("state", "active"), ("scrapePool", pool)]).await?;
        // Before 2.42 likewise.
        active_targets.retain(|target| target.scrape_pool == pool);
        Ok(active_targets)
    }
}

/// Whether these are Thanos's words for stores that are not there, or give no answer.
fn is_of_stores(words: &str) -> bool {
    ["StoreAPI", "receive series from", "fetch series for"].iter().any(|its| words.contains(its))
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
