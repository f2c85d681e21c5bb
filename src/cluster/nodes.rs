//! Nodes that a label selector matches.

use anyhow::{Error, Result, anyhow};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api as Objects, ListParams};

use super::api::Refusal;
use super::context::Cluster;

impl Cluster {
    /// Fetches the sorted names of the nodes whose labels match `selector` (kubectl's syntax); may be empty. Errors are
    /// one line with the remedy: if the API server fails, or refuses the list or the selector.
    pub async fn nodes(&self, selector: &str) -> Result<Vec<String>> {
        let api = &self.required_session().await?.api;
        let nodes = Objects::<Node>::all(api.client.clone());
        let matching = ListParams::default().labels(selector);
        // Fetches metadata only, since a thousand nodes with their status are tens of megabytes.
        let list = api.request(nodes.list_metadata(&matching)).await;
        let list = list.map_err(|refusal| explain(refusal, selector))?;
        let mut names: Vec<_> = list.items.into_iter().filter_map(|node| node.metadata.name).collect();
        names.sort();
        Ok(names)
    }
}

fn explain(refusal: Refusal, selector: &str) -> Error {
    const SUCH_AS: &str = "give one such as node-role.kubernetes.io/worker= or zone in (a,b)";
    match refusal {
        Refusal::Invalid(message) => anyhow!("\"{selector}\" is no label selector ({message}): {SUCH_AS}"),
        Refusal::Forbidden(message) => {
            anyhow!("the nodes cannot be selected by label ({message}): name them with --node NAME")
        }
        Refusal::NotFound => anyhow!("the API server knows no nodes: check --server and the context"),
        Refusal::Failed(error) => error,
    }
}
