//! Names for those who complete a command line: a kubeconfig's own entries, and what the API server lists.

use anyhow::{Result, anyhow};
use serde::Deserialize;

use super::server::{Failure, Part, Server};
use super::session::files;
use super::{Cluster, no_kubeconfig};
use crate::prometheus::null_is_empty;

/// What there are names of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Contexts of the kubeconfig.
    Contexts,
    /// Clusters of the kubeconfig.
    Clusters,
    /// Users of the kubeconfig.
    Users,
    /// Namespaces; projects, for those who may not list namespaces.
    Namespaces,
    /// Nodes.
    Nodes,
    /// OpenShift's groups of users.
    Groups,
}

/// What the API server makes of a list for people: the first column is the name.
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
    /// The names, sorted; none is no error. Errors: no kubeconfig, no API server, no right to list them.
    pub async fn names(&self, of: Named) -> Result<Vec<String>> {
        let mut names = match of {
            Named::Contexts | Named::Clusters | Named::Users => self.filed(of)?,
            Named::Nodes => self.listed(&["/api/v1/nodes"]).await?,
            Named::Groups => self.listed(&["/apis/user.openshift.io/v1/groups"]).await?,
            Named::Namespaces => {
                self.listed(&["/api/v1/namespaces", "/apis/project.openshift.io/v1/projects"]).await?
            }
        };
        names.sort();
        Ok(names)
    }

    /// From the kubeconfig's files alone.
    fn filed(&self, of: Named) -> Result<Vec<String>> {
        let Some(filed) = files(&self.options).read()? else { return Err(no_kubeconfig(&self.options)) };
        let entries = match of {
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

    /// Of the first of these lists that the server gives.
    async fn listed(&self, paths: &[&str]) -> Result<Vec<String>> {
        let server = self.server().await?;
        let mut refused = anyhow!("there is nothing to list");
        for path in paths {
            match list(&server, path).await {
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

/// Without the objects: a thousand nodes with their status are tens of megabytes.
async fn list(server: &Server<'_>, path: &str) -> Result<Table, Failure> {
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
