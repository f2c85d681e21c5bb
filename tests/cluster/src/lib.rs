//! A real cluster for tests: etcd, kube-apiserver, kube-controller-manager, and Prometheus behind kube-rbac-proxy
//! behind a Route, as OpenShift has them.
//!
//! ```text
//! cluster     what tests hold: all of the below, once per test process; `shared()`
//!   door      where the Route leads, changed for the length of one test
//!   prometheus  a Prometheus with its gateway, as many as a test wants
//!     bare    the same by itself, for tests without a cluster
//!   thanos    a querier over several of them, which takes replicas for one
//!   label_proxy  prom-label-proxy: a tenant's port, which asks for a namespace
//!   fleet       nodes that are not there, with what gives them pods
//!     admission  OpenShift's constraints for pods and the check of PrometheusRules, as webhooks
//!   operator    the prometheus-operator, and the configuration that it writes for Prometheus
//!   service_ca  the service CA: serving certificates for Services, and its own for ConfigMaps
//!   oauth_proxy oauth-proxy, which older releases have before Prometheus
//!   pod         a pod of the API server as a process: its volumes, root, user and argv
//!   gateway      kube-rbac-proxy with a host name and a certificate, good or bad
//!   objects   what OpenShift would have made: namespaces, roles, the Route, the ingress CA
//!   control_plane  etcd, API server, controller manager
//!   logins    who may do what: tokens and kubeconfigs
//!     api     HTTP to the API server, as its administrator or as a service account
//!     certs   certificate authorities and what they sign
//!     certificates  certificates of every kind that Go takes, made by Go
//!     process programs that end with this process, however it ends
//!     namespace  names, ports and files, ours alone (tests/in-namespace)
//! rules       the manifest's recording rules, at a test's own interval
//! cgroups     a tree of cgroups and loads in them, for tests of the exporter
//! plugin      runs the real binary as a user would, in a clean environment
//!   schema    whether the reports that it prints fit docs/schema
//! ```
//!
//! Everything is synchronous. Nothing outlives the test process: the kernel kills the programs with the thread that
//! started them, and drops the files with the mount namespace.

mod admission;
mod api;
mod bare;
mod certificates;
mod certs;
mod cgroups;
mod cluster;
mod control_plane;
mod door;
mod fleet;
mod gateway;
mod label_proxy;
mod logins;
mod namespace;
mod oauth_proxy;
mod objects;
mod operator;
mod plugin;
mod pod;
mod process;
mod prometheus;
mod rules;
mod schema;
mod service_ca;
mod thanos;
mod wait;

pub use admission::Admission;
pub use api::Api;
pub use bare::{Bare, Spec};
pub use certificates::GoCertificate;
pub use certs::{ALWAYS, Authority, Pair};
pub use cgroups::{Cgroups, Load};
pub use cluster::{Cluster, shared};
pub use control_plane::FurtherApi;
pub use door::Door;
pub use fleet::{Fleet, add_node, add_node_down, add_node_with};
pub use gateway::{Certificate, Gateway};
pub use label_proxy::LabelProxy;
pub use logins::Login;
pub use namespace::{add_host, directory, free_port, program, tool};
pub use oauth_proxy::{OauthProxy, Request};
pub use operator::Operator;
pub use plugin::{Outcome, Plugin};
pub use pod::Pod;
pub use process::{Process, start};
pub use prometheus::Prometheus;
pub use rules::rules;
pub use schema::check_report;
pub use service_ca::ServiceCa;
pub use thanos::Thanos;
pub use wait::until;
