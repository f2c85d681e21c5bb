//! Access to a cluster and to its Prometheus: from a kubeconfig to a client of each.
//!
//! ```text
//!   connection       a client of Prometheus, by address, route or port forward
//!   names            names for completion            partitioning      sets of CPUs, by PerformanceProfiles
//!    |
//!   route            the route's URL                 ca_bundle         authorities that the cluster publishes
//!   port_forward     a listener, and a pod's port    server, nodes     requests by path; nodes by label
//!    |
//!   context          a cluster; opens its session    unreachable       reasons why one way fails
//!    |
//!   session          one user's access to one API server
//!    |
//!   api              requests to the API server      kubeconfig        context, cluster and user, by the flags
//!    |                                               token             a bearer token, from any source
//!    |
//!   connector        HTTP, through a proxy           files             kubeconfig files, merged
//!   tls              trust and client certificate    exec_credential   the program of a kubeconfig's `exec`
//!    |
//!   verifier         Go's rules for certificates     entry, document   one entry; one file's text
//!   identity         a user's certificate and key
//!    |
//!   certificate, crypto                              options, address, monitoring, pod, home, proxy,
//!                                                    traced
//! ```

mod address;
mod api;
mod ca_bundle;
mod certificate;
mod connection;
mod connector;
mod context;
mod crypto;
mod document;
mod entry;
mod exec_credential;
mod files;
mod home;
mod identity;
mod kubeconfig;
mod monitoring;
mod names;
mod nodes;
mod options;
mod partitioning;
mod pod;
mod port_forward;
mod proxy;
mod route;
mod server;
mod session;
mod tls;
mod token;
mod traced;
mod unreachable;
mod verifier;

pub use address::address;
pub use connection::Connection;
pub use context::Cluster;
pub use names::Named;
pub use options::{PrometheusOptions, SessionOptions, Via};
pub use partitioning::{GatheredObjects, Partitioning, ProfileSets};
pub use server::{Applied, Events, FIELD_MANAGER, Failure, Part, Server};
