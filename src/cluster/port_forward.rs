//! Port forward through the API server to a Prometheus pod, behind a listener on this machine's loopback address.

use std::io;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api as Objects, ListParams, Portforwarder};
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::api::Api;
use super::monitoring::{NAMESPACE, ROUTE};
use super::unreachable::Unreachable;
use crate::prometheus::Url;
use crate::prometheus::failure::one_line;

/// Prometheus's own port in its pod. There it listens on loopback only, and needs no token.
const PORT: u16 = 9090;

/// Open port forward. Dropping it ends it.
pub(super) struct PortForward {
    /// Address of the listener: plain http on loopback.
    pub(super) url: Url,
    pub(super) pod: String,
    task: JoinHandle<()>,
}

impl Drop for PortForward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Chooses a ready pod and opens the first stream to it, so that a missing right is an error here.
pub(super) async fn open(api: &Api) -> Result<PortForward, Unreachable> {
    let rights = "ask for the right to it, or log in with oc login as a user with a token";
    let pods = Objects::<Pod>::namespaced(api.client.clone(), NAMESPACE);
    let labelled = ListParams::default().labels("app.kubernetes.io/name=prometheus");
    let list = api.request(pods.list(&labelled)).await;
    let listing = format!("listing the pods of {NAMESPACE}");
    let list = list.map_err(|refusal| Unreachable::from_refusal(refusal, &listing, rights))?;
    let Some(pod) = choose(&list.items) else {
        let reason = format!("no pod {ROUTE}-N in {NAMESPACE} is ready");
        return Err(Unreachable::Absent {
            reason,
            remedy: "check the cluster's monitoring with oc get pods",
        });
    };
    let first = api.request(pods.portforward(&pod, &[PORT])).await;
    let forwarding = format!("forwarding a port to pod {pod}");
    let first = first.map_err(|refusal| Unreachable::from_refusal(refusal, &forwarding, rights))?;
    let (listener, url) = listen().await.map_err(Unreachable::Failed)?;
    let task = tokio::spawn(serve(listener, pods, pod.clone(), Stream(first)));
    Ok(PortForward { url, pod, task })
}

async fn listen() -> Result<(TcpListener, Url)> {
    let listener =
        TcpListener::bind(("127.0.0.1", 0)).await.context("listening on 127.0.0.1 for the port-forward")?;
    let address = listener.local_addr().context("listening on 127.0.0.1 for the port-forward")?;
    let url = Url::parse(&format!("http://{address}")).context("naming the port-forward")?;
    Ok((listener, url))
}

/// Chooses the ready `prometheus-k8s-N` with the lowest N; `None` if there is none.
fn choose(pods: &[Pod]) -> Option<String> {
    let numbered = pods.iter().filter(|pod| is_ready(pod)).filter_map(|pod| {
        let name = pod.metadata.name.as_deref()?;
        let number = name.strip_prefix(ROUTE)?.strip_prefix('-')?.parse::<u32>().ok()?;
        Some((number, name.to_owned()))
    });
    numbered.min().map(|(_, name)| name)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    pod.metadata.deletion_timestamp.is_none()
        && conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Forwarded stream. Dropping it ends its background task, which would run on.
struct Stream(Portforwarder);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects each local connection to a stream of its own; `first` is already open. All of them end when this task does.
async fn serve(listener: TcpListener, pods: Objects<Pod>, pod: String, first: Stream) {
    let mut first = Some(first);
    let mut connections = JoinSet::new();
    while let Ok((local, _)) = listener.accept().await {
        let (open, pods, pod) = (first.take(), pods.clone(), pod.clone());
        connections.spawn(async move {
            let stream = match open {
                Some(stream) => Ok(stream),
                None => pods.portforward(&pod, &[PORT]).await.map(Stream),
            };
            // Fails if the client is gone, and so needs no response.
            let _ = carry(local, stream, &pod).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Carries bytes both ways. Reports a failure on the pod's side to the client as an HTTP response, its only channel.
async fn carry(mut local: TcpStream, stream: kube::Result<Stream>, pod: &str) -> io::Result<()> {
    // Waits for the request, since an HTTP client ignores a response that comes before it.
    local.peek(&mut [0]).await?;
    let failure = match stream {
        Ok(stream) => copy_both(&mut local, stream).await,
        Err(kube::Error::Api(status)) => Some(status.message),
        Err(error) => Some(error.to_string()),
    };
    let Some(failure) = failure else { return Ok(()) };
    let body = format!("port-forward to pod {pod}: {}", one_line(&failure));
    let head =
        format!("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: {}", body.len());
    local.write_all(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes()).await?;
    local.shutdown().await?;
    // Reads the rest of the request. Otherwise the close would reset the connection, and lose the response.
    tokio::io::copy(&mut local, &mut tokio::io::sink()).await?;
    Ok(())
}

/// Copies bytes both ways until both sides end. Returns the error that the pod's side reports, if any.
async fn copy_both(local: &mut TcpStream, mut stream: Stream) -> Option<String> {
    let error = stream.0.take_error(PORT)?;
    let mut remote = stream.0.take_stream(PORT)?;
    tokio::select! {
        biased;
        Some(message) = error => Some(message),
        _ = copy_bidirectional(local, &mut remote) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, ready: &str, deleted: bool) -> Pod {
        let deletion = deleted.then_some("2026-01-01T00:00:00Z");
        serde_json::from_value(json!({
            "metadata": {"name": name, "deletionTimestamp": deletion},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}
        }))
        .unwrap()
    }

    #[test]
    fn choose_returns_the_ready_pod_with_the_lowest_number() {
        let pods = [
            pod("prometheus-k8s-10", "True", false),
            pod("prometheus-k8s-2", "True", false),
            pod("prometheus-k8s-1", "True", true),
            pod("prometheus-k8s-0", "False", false),
            pod("prometheus-user-workload-0", "True", false),
        ];
        assert_eq!(choose(&pods).as_deref(), Some("prometheus-k8s-2"));
        assert_eq!(choose(&pods[2..]), None);
    }
}
