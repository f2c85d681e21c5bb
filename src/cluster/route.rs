//! Route to Prometheus: the host that the router admitted. For a user who may not read routes, the host is a guess from
//! the console's domain.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api as Objects, DynamicObject, GroupVersionKind};
use kube::discovery::ApiResource;
use serde_json::Value;

use super::api::{Api, Refusal};
use super::monitoring::{NAMESPACE, ROUTE};
use super::unreachable::Unreachable;
use crate::prometheus::Url;
use crate::prometheus::failure::one_line;

/// Namespace and name of the ConfigMap with the console's address. Every logged-in user may read it.
const CONSOLE: (&str, &str) = ("openshift-config-managed", "console-public");
/// Console's host before the domain of all routes, unless an administrator chose another.
const CONSOLE_HOST: &str = "console-openshift-console";
const REMEDY: &str = "use --via port-forward, or name the address with --prometheus URL";

/// URL of the route.
pub(super) struct RouteUrl {
    /// Base address of Prometheus.
    pub(super) url: Url,
    /// Reason why it is a guess; `None` if it comes from the admitted route.
    pub(super) note: Option<String>,
}

/// Fetches the base address of Prometheus from its route. Errors if no router admitted the route, or it cannot be read.
pub(super) async fn fetch_url(api: &Api) -> Result<RouteUrl, Unreachable> {
    let kind = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("route.openshift.io", "v1", "Route"),
        "routes",
    );
    let routes = Objects::<DynamicObject>::namespaced_with(api.client.clone(), NAMESPACE, &kind);
    let name = format!("route {ROUTE} in {NAMESPACE}");
    match api.request(routes.get(ROUTE)).await {
        Ok(route) => {
            let url = admitted_host(&route.data).and_then(|host| Url::parse(&format!("https://{host}")).ok());
            let not_admitted = || absent(format!("{name} is not admitted by any router"));
            Ok(RouteUrl { url: url.ok_or_else(not_admitted)?, note: None })
        }
        Err(Refusal::NotFound) => Err(absent(format!("there is no {name}"))),
        Err(Refusal::Forbidden(message)) => guess_url(api, &format!("reading {name}: {message}")).await,
        Err(refusal) => Err(Unreachable::from_refusal(refusal, &format!("reading {name}"), REMEDY)),
    }
}

fn absent(reason: String) -> Unreachable {
    Unreachable::Absent { reason, remedy: REMEDY }
}

/// Guesses the host that the router gives the route by default. `unread` is the reason why the route cannot be read.
async fn guess_url(api: &Api, unread: &str) -> Result<RouteUrl, Unreachable> {
    let (namespace, map) = CONSOLE;
    let maps = Objects::<ConfigMap>::namespaced(api.client.clone(), namespace);
    let reading = format!("{unread}; reading the console's address from configmap {map} in {namespace}");
    let console = api.request(maps.get(map)).await;
    let console = console.map_err(|refusal| Unreachable::from_refusal(refusal, &reading, REMEDY))?;
    let address = console.data.unwrap_or_default().remove("consoleURL").unwrap_or_default();
    let Some(url) = url_beside_console(&address) else {
        let reason = format!("{reading}: \"{}\" does not show the domain of routes", one_line(&address));
        return Err(absent(reason));
    };
    let note = format!("asking {url}, which the console's address suggests ({unread})");
    Ok(RouteUrl { url, note: Some(note) })
}

/// Returns Prometheus's address in the console's domain; `None` if an administrator chose the console's host.
fn url_beside_console(console: &str) -> Option<Url> {
    let console = Url::parse(console).ok()?;
    let domain = console.host_str()?.strip_prefix(CONSOLE_HOST)?.strip_prefix('.')?;
    Url::parse(&format!("https://{ROUTE}-{NAMESPACE}.{domain}")).ok()
}

/// Returns the host of the first ingress whose condition `Admitted` is `True`.
fn admitted_host(route: &Value) -> Option<&str> {
    let is_admitted = |condition: &Value| {
        condition.get("type").and_then(Value::as_str) == Some("Admitted")
            && condition.get("status").and_then(Value::as_str) == Some("True")
    };
    let ingresses = route.pointer("/status/ingress")?.as_array()?;
    let usable = ingresses.iter().filter(|ingress| {
        let conditions = ingress.get("conditions").and_then(Value::as_array);
        conditions.is_some_and(|conditions| conditions.iter().any(is_admitted))
    });
    usable.filter_map(|ingress| ingress.get("host").and_then(Value::as_str)).find(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_admitted_host_counts() {
        let ingress = |host: &str, status: &str| json!({"host": host, "conditions": [{"type": "Other", "status": "True"}, {"type": "Admitted", "status": status}]});
        for (route, expected) in [
            (
                json!({"status": {"ingress": [ingress("a.example", "False"), ingress("b.example", "True")]}}),
                Some("b.example"),
            ),
            (json!({"status": {"ingress": [ingress("a.example", "False")]}}), None),
            (json!({"status": {"ingress": [{"host": "a.example"}]}}), None),
            (json!({"spec": {"host": "a.example"}, "status": {}}), None),
            (json!({"spec": {"host": "a.example"}}), None),
        ] {
            assert_eq!(admitted_host(&route), expected, "{route}");
        }
    }

    #[test]
    fn only_a_console_with_its_default_host_shows_the_domain_of_routes() {
        for (console, expected) in [
            (
                "https://console-openshift-console.apps.c.example",
                Some("https://prometheus-k8s-openshift-monitoring.apps.c.example/"),
            ),
            (
                "https://console-openshift-console.apps.c.example:8443/x",
                Some("https://prometheus-k8s-openshift-monitoring.apps.c.example/"),
            ),
            ("https://console.example", None),
            ("https://console-openshift-console", None),
            ("https://console-openshift-consoles.apps.example", None),
            ("console-openshift-console.apps.c.example", None),
            ("", None),
        ] {
            assert_eq!(url_beside_console(console).as_ref().map(Url::as_str), expected, "{console}");
        }
    }
}
