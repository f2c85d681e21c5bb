//! The route to Prometheus: the host under which the router admitted it, never one made up from a domain.

use kube::api::{Api as Objects, DynamicObject, GroupVersionKind};
use kube::discovery::ApiResource;
use serde_json::Value;

use super::api::{Api, NoWay, Refusal};
use super::{NAMESPACE, ROUTE};
use crate::prometheus::Url;

/// The base address of Prometheus by its admitted route.
pub(super) async fn find(api: &Api) -> Result<Url, NoWay> {
    let kind = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("route.openshift.io", "v1", "Route"),
        "routes",
    );
    let routes = Objects::<DynamicObject>::namespaced_with(api.client.clone(), NAMESPACE, &kind);
    let name = format!("route {ROUTE} in {NAMESPACE}");
    let remedy = "use --via port-forward, or name the address with --prometheus URL";
    match api.ask(routes.get(ROUTE)).await {
        Ok(route) => admitted(&route.data)
            .and_then(|host| Url::parse(&format!("https://{host}")).ok())
            .ok_or_else(|| NoWay::Absent { reason: format!("{name} is not admitted by any router"), remedy }),
        Err(Refusal::NotFound) => Err(NoWay::Absent { reason: format!("there is no {name}"), remedy }),
        Err(refusal) => Err(refusal.for_want_of(&format!("reading {name}"), remedy)),
    }
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
}
