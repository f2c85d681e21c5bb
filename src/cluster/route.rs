//! The route to Prometheus: the host under which the router admitted it. Only for a user who may not read routes it is
//! put together, from the domain that the console's address shows.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api as Objects, DynamicObject, GroupVersionKind};
use kube::discovery::ApiResource;
use serde_json::Value;

use super::api::{Api, NoWay, Refusal};
use super::{NAMESPACE, ROUTE};
use crate::prometheus::Url;
use crate::prometheus::failure::one_line;

/// Where every logged-in user may read the console's address.
const CONSOLE: (&str, &str) = ("openshift-config-managed", "console-public");
/// What the console's host is before the domain of all routes, unless somebody chose another.
const CONSOLE_HOST: &str = "console-openshift-console";
const REMEDY: &str = "use --via port-forward, or name the address with --prometheus URL";

/// Where the route leads.
pub(super) struct Found {
    /// The base address of Prometheus.
    pub(super) url: Url,
    /// Why it is not the admitted route's own word, if it is not.
    pub(super) note: Option<String>,
}

/// Finds the base address of Prometheus by its route.
pub(super) async fn find(api: &Api) -> Result<Found, NoWay> {
    let kind = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("route.openshift.io", "v1", "Route"),
        "routes",
    );
    let routes = Objects::<DynamicObject>::namespaced_with(api.client.clone(), NAMESPACE, &kind);
    let name = format!("route {ROUTE} in {NAMESPACE}");
    match api.ask(routes.get(ROUTE)).await {
        Ok(route) => {
            let url = admitted(&route.data).and_then(|host| Url::parse(&format!("https://{host}")).ok());
            let absent =
                || NoWay::Absent { reason: format!("{name} is not admitted by any router"), remedy: REMEDY };
            Ok(Found { url: url.ok_or_else(absent)?, note: None })
        }
        Err(Refusal::NotFound) => {
            Err(NoWay::Absent { reason: format!("there is no {name}"), remedy: REMEDY })
        }
        Err(Refusal::Forbidden(said)) => by_console(api, &format!("reading {name}: {said}")).await,
        Err(refusal) => Err(refusal.for_want_of(&format!("reading {name}"), REMEDY)),
    }
}

/// The host that the router gives the route by default, since the route itself cannot be read for the reason `unread`.
async fn by_console(api: &Api, unread: &str) -> Result<Found, NoWay> {
    let (namespace, map) = CONSOLE;
    let maps = Objects::<ConfigMap>::namespaced(api.client.clone(), namespace);
    let reading = format!("{unread}; reading the console's address from configmap {map} in {namespace}");
    let console = api.ask(maps.get(map)).await.map_err(|refusal| refusal.for_want_of(&reading, REMEDY))?;
    let address = console.data.unwrap_or_default().remove("consoleURL").unwrap_or_default();
    let Some(url) = beside_console(&address) else {
        let reason = format!("{reading}: \"{}\" does not show the domain of routes", one_line(&address));
        return Err(NoWay::Absent { reason, remedy: REMEDY });
    };
    let note = format!("asking {url}, which the console's address suggests ({unread})");
    Ok(Found { url, note: Some(note) })
}

/// Prometheus's address in the domain of a console that has not been given a host of its own.
fn beside_console(console: &str) -> Option<Url> {
    let console = Url::parse(console).ok()?;
    let domain = console.host_str()?.strip_prefix(CONSOLE_HOST)?.strip_prefix('.')?;
    Url::parse(&format!("https://{ROUTE}-{NAMESPACE}.{domain}")).ok()
}

/// The host of the first ingress whose condition `Admitted` is `True`.
fn admitted(route: &Value) -> Option<&str> {
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
            assert_eq!(admitted(&route), expected, "{route}");
        }
    }

    #[test]
    fn only_the_console_of_the_routes_domain_shows_it() {
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
            assert_eq!(beside_console(console).as_ref().map(Url::as_str), expected, "{console}");
        }
    }
}
