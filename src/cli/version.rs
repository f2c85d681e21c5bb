//! `version`: versions of this program, its exporter, the cluster, and the installed exporter.
use super::shared::ApiFlags;
use crate::cluster::Cluster;
use crate::install::{self, ClusterVersions, Exporters};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::io::{self, ErrorKind, Write};

#[derive(Args)]
pub(super) struct VersionFlags {
    /// Do not contact the cluster
    #[arg(long)]
    client: bool,
    /// Output format [default: lines of text]
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Output>,
    #[command(flatten)]
    api: ApiFlags,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Output {
    Json,
    Yaml,
}

/// Versions that are known.
#[derive(Serialize)]
struct Versions {
    plugin: &'static str,
    exporter: Exporters,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<ClusterVersions>,
}

impl VersionFlags {
    /// Prints the versions on `out`. Errors if the cluster does not respond, after it prints the local ones, as kubectl
    /// does.
    pub(super) async fn run(self, out: &mut impl Write) -> Result<()> {
        let exporter = install::bundled_exporters()?;
        let (cluster, error) = if self.client {
            (None, None)
        } else {
            match install::fetch_cluster_versions(&Cluster::new(self.api.session())).await {
                Ok(cluster) => (Some(cluster), None),
                Err(error) => (None, Some(error)),
            }
        };
        let versions = Versions { plugin: env!("CARGO_PKG_VERSION"), exporter, cluster };
        match versions.print(self.output, out) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written.context("cannot write the versions")?,
        }
        error.map_or(Ok(()), Err)
    }
}

impl Versions {
    fn print(&self, output: Option<Output>, out: &mut impl Write) -> io::Result<()> {
        match output {
            Some(Output::Json) => {
                serde_json::to_writer_pretty(&mut *out, self)?;
                writeln!(out)
            }
            Some(Output::Yaml) => {
                out.write_all(serde_yaml::to_string(self).map_err(io::Error::other)?.as_bytes())
            }
            None => self.lines(out),
        }
    }

    fn lines(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "Plugin: {}", self.plugin)?;
        writeln!(out, "Exporter: {}", listed(&self.exporter, "none beside this program"))?;
        let Some(cluster) = &self.cluster else { return Ok(()) };
        let openshift =
            cluster.openshift.as_ref().map(|version| format!("OpenShift {version}, ")).unwrap_or_default();
        writeln!(out, "Cluster: {openshift}Kubernetes {} ({})", cluster.kubernetes, cluster.server)?;
        match &cluster.installed {
            None => writeln!(out, "Installed: nothing"),
            Some(installed) => {
                let exporter = listed(&installed.exporter, "the image's own exporter");
                writeln!(out, "Installed: {exporter} (in {})", installed.image)
            }
        }
    }
}

fn listed(exporters: &Exporters, none: &str) -> String {
    if exporters.is_empty() {
        return none.to_owned();
    }
    let each = exporters.iter().map(|(architecture, hash)| format!("{architecture} {hash}"));
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::check;
    use crate::install::Installed;

    fn exporters(all: &[(&str, &str)]) -> Exporters {
        all.iter().map(|&(architecture, hash)| (architecture.to_owned(), hash.to_owned())).collect()
    }

    fn printed(versions: &Versions, output: Option<Output>) -> String {
        let mut text = Vec::new();
        versions.print(output, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn versions_are_text_json_or_yaml() {
        let installed = Installed {
            image: "node-exporter:1".to_owned(),
            exporter: exporters(&[("amd64", "0123456789ab"), ("arm64", "ba9876543210")]),
        };
        let cluster = |openshift: Option<&str>, installed| ClusterVersions {
            server: "https://api.example:6443".to_owned(),
            kubernetes: "v1.33.4".to_owned(),
            openshift: openshift.map(str::to_owned),
            installed,
        };
        let mut versions = Versions { plugin: "0.2.0", exporter: Exporters::new(), cluster: None };
        check("tests/golden/version/client.txt", &printed(&versions, None));
        versions.cluster = Some(cluster(None, None));
        check("tests/golden/version/nothing-installed.txt", &printed(&versions, None));
        let image = Installed { image: "registry.example/exporter:1".to_owned(), exporter: Exporters::new() };
        versions.cluster = Some(cluster(Some("4.20.1"), Some(image)));
        check("tests/golden/version/image.txt", &printed(&versions, None));
        versions.exporter = exporters(&[("amd64", "56789abcdef0")]);
        versions.cluster = Some(cluster(Some("4.20.1"), Some(installed)));
        check("tests/golden/version/installed.txt", &printed(&versions, None));
        check("tests/golden/version/installed.json", &printed(&versions, Some(Output::Json)));
        check("tests/golden/version/installed.yaml", &printed(&versions, Some(Output::Yaml)));
    }
}
