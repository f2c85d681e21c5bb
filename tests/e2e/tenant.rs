//! A tenant's port: prom-label-proxy before Prometheus, as OpenShift's Thanos has one for users without the right to see
//! all of the cluster.

use serde_json::Value;
use test_cluster::LabelProxy;

use crate::serve::{END, store};
use crate::way_in::plugin;

#[test]
fn a_tenant_sees_the_namespace_that_the_address_names() {
    let pod = |namespace: &str, pod: &str, cores: f64| {
        (format!("pod:container_cpu_usage:sum{{namespace=\"{namespace}\",pod=\"{pod}\"}}"), 30, 0..600, cores)
    };
    let prometheus = store(
        "tenant",
        [pod("bank", "vault-0", 0.75), pod("shop", "cart-0", 0.25), pod("shop", "till-0", 0.5)],
    );
    let proxy = LabelProxy::start("label-proxy", &prometheus.url).unwrap();
    let run_top = |address: &str, more: &[&str]| {
        let end = END.to_string();
        let question = ["top", "-i", "5m", "-T", &end, "-o", "json", "--prometheus", address];
        plugin().run(question.iter().chain(more)).unwrap()
    };
    let names = |address: &str, more: &[&str]| {
        let done = run_top(address, more);
        assert_eq!(done.code, 0, "{done:?}");
        let report: Value = serde_json::from_str(&done.stdout).unwrap();
        let rows = report["rows"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let address = format!("{}?namespace=shop", proxy.url);
    assert_eq!(names(&address, &["-n", "shop"]), ["till-0", "cart-0"]);
    assert_eq!(names(&format!("{}/?namespace=bank", proxy.url), &["-n", "bank"]), ["vault-0"]);
    // Without the tenant's flag the proxy itself denies the other namespaces.
    assert_eq!(names(&address, &[]), ["till-0", "cart-0"]);

    let unnamed = run_top(&proxy.url, &[]);
    assert_eq!((unnamed.code, unnamed.stdout.as_str()), (1, ""), "{unnamed:?}");
    let said = "The \"namespace\" query parameter must be provided";
    assert!(unnamed.stderr.contains(said) && unnamed.stderr.lines().count() == 1, "{}", unnamed.stderr);
}
