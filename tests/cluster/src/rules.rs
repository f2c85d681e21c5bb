//! The recording rules that the cluster runs, evaluated as often as a test wants.

use anyhow::{Context, Result};

const MANIFEST: &str = include_str!("../../../manifests/prometheusrule.yaml");

/// The manifest's rules as a rule file, YAML, for a scrape interval of so many seconds: as `install` rewrites them for
/// another than the usual.
pub fn rules(seconds: u64) -> Result<String> {
    let manifest: serde_yaml::Value = serde_yaml::from_str(MANIFEST)?;
    let groups = serde_yaml::to_string(manifest.get("spec").context("rules without a spec")?)?;
    Ok(groups.replace("15s", &format!("{seconds}s")).replace("[1m]", &format!("[{}s]", 4 * seconds)))
}
