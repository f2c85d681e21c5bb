//! The nodes that a label selector matches.

use anyhow::{Error, Result, anyhow};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api as Objects, ListParams};

use super::api::Refusal;
use super::{Cluster, no_kubeconfig};

impl Cluster {
    /// The names of the nodes whose labels match `selector` (kubectl's syntax), sorted; none is no error. Errors: one
    /// line with the remedy: no API server, no right to list nodes, no such syntax.
    pub async fn nodes(&self, selector: &str) -> Result<Vec<String>> {
        let Some(opened) = self.opened().await? else { return Err(no_kubeconfig(&self.options)) };
        let nodes = Objects::<Node>::all(opened.api.client.clone());
        let matching = ListParams::default().labels(selector);
        // Names alone: a thousand nodes with their status are tens of megabytes.
        let list = opened.api.ask(nodes.list_metadata(&matching)).await;
        let list = list.map_err(|refusal| refused(refusal, selector))?;
        let mut names: Vec<_> = list.items.into_iter().filter_map(|node| node.metadata.name).collect();
        names.sort();
        Ok(names)
    }
}

fn refused(refusal: Refusal, selector: &str) -> Error {
    const SUCH_AS: &str = "give one such as node-role.kubernetes.io/worker= or zone in (a,b)";
    match refusal {
        Refusal::Invalid(said) => anyhow!("\"{selector}\" is no label selector ({said}): {SUCH_AS}"),
        Refusal::Forbidden(said) => {
            anyhow!("the nodes cannot be selected by label ({said}): name them with --node NAME")
        }
        Refusal::NotFound => anyhow!("the API server knows no nodes: check --server and the context"),
        Refusal::Failed(error) => error,
    }
}
