//! Names for completion of a command line: a kubeconfig's own entries, and objects that the API server lists.

use anyhow::{Result, anyhow};
use serde::Deserialize;

use super::context::Cluster;
use super::server::{Failure, Part, Server};
use super::session::kubeconfig_files;
use crate::prometheus::null_is_empty;

/// Kind of thing that has names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Contexts of the kubeconfig.
    Contexts,
    /// Clusters of the kubeconfig.
    Clusters,
    /// Users of the kubeconfig.
    Users,
    /// Namespaces. If the user may not list them, OpenShift's projects.
    Namespaces,
    /// Nodes.
    Nodes,
    /// OpenShift's groups of users.
    Groups,
}

/// List in the API server's form for people. The first column is the name.
#[derive(Deserialize)]
struct Table {
    #[serde(deserialize_with = "null_is_empty")]
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(deserialize_with = "null_is_empty")]
    cells: Vec<serde_json::Value>,
}

impl Cluster {
    /// Returns the sorted names of a kind; may be empty. Errors if there is no kubeconfig, the API server fails, or the
    /// user may not list them.
    pub async fn names(&self, kind: Named) -> Result<Vec<String>> {
        let mut names = match kind {
            Named::Contexts | Named::Clusters | Named::Users => self.kubeconfig_names(kind)?,
            Named::Nodes => self.list_names(&["/api/v1/nodes"]).await?,
            Named::Groups => self.list_names(&["/apis/user.openshift.io/v1/groups"]).await?,
            Named::Namespaces => {
                self.list_names(&["/api/v1/namespaces", "/apis/project.openshift.io/v1/projects"]).await?
            }
        };
        names.sort();
        Ok(names)
    }

    /// Reads the names from the kubeconfig's files.
    fn kubeconfig_names(&self, kind: Named) -> Result<Vec<String>> {
        let Some(filed) = kubeconfig_files(&self.options).read()? else { return Err(self.no_kubeconfig()) };
        let entries = match kind {
            Named::Clusters => filed.clusters,
            Named::Users => filed.users,
            _ => filed.contexts,
        };
        let mut names: Vec<_> = entries.into_iter().map(|entry| entry.name).collect();
        names.retain(|name| !name.is_empty());
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Fetches the names of the first of these lists that the server does not refuse.
    async fn list_names(&self, paths: &[&str]) -> Result<Vec<String>> {
        let server = self.server().await?;
        let mut refused = anyhow!("there is nothing to list");
        for path in paths {
            match fetch_table(&server, path).await {
                Ok(table) => {
                    let first = |row: Row| Some(row.cells.first()?.as_str()?.to_owned());
                    return Ok(table.rows.into_iter().filter_map(first).collect());
                }
                Err(failure) => refused = failure.during(&format!("listing {path}"), "name it in full"),
            }
        }
        Err(refused)
    }
}

/// Fetches a list without its objects, since a thousand nodes with their status are tens of megabytes.
async fn fetch_table(server: &Server<'_>, path: &str) -> Result<Table, Failure> {
    server.get(&format!("{path}?includeObject=None"), Part::Table).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_an_empty_list() {
        for (table, expected) in [(r#"{"rows": null}"#, 0), (r#"{"rows": [{"cells": null}]}"#, 1)] {
            assert_eq!(serde_json::from_str::<Table>(table).unwrap().rows.len(), expected);
        }
    }
}
