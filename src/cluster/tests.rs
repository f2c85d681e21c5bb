//! Addresses of Prometheus as people give them.

use super::*;

#[tokio::test]
async fn an_open_address_is_asked_without_the_kubeconfigs_token() {
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        kubeconfig.path(),
        "{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}],
        clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}], users: [{name: u, user: {token: hidden}}]}",
    )
    .unwrap();
    let connect = async |url: &str, token: Option<&str>| {
        let kubeconfig = Some(kubeconfig.path().to_owned());
        let token = token.map(Secret::from);
        let cluster = Cluster::new(SessionOptions { kubeconfig, token, ..SessionOptions::default() });
        let url = Some(address(url).unwrap());
        cluster.connect(&PrometheusOptions { url, ..PrometheusOptions::default() }).await
    };
    let open = connect("http://prom.example:9090", None).await.unwrap();
    let note = "http://prom.example:9090/ is not encrypted, so it is asked without the kubeconfig's token";
    assert_eq!(open.notes, [note]);
    assert_eq!(connect("http://127.0.0.1:9090", None).await.unwrap().notes, [""; 0]);
    let refused = connect("http://prom.example:9090", Some("hidden")).await.err().unwrap().to_string();
    assert!(refused.contains("gets no token: use its https address, or leave out --token"), "{refused}");
    std::fs::write(kubeconfig.path(), "{").unwrap();
    assert_eq!(connect("http://prom.example:9090", None).await.unwrap().notes, [""; 0]);
}

#[test]
fn an_address_is_taken_as_people_copy_it() {
    for (given, expected) in [
        ("http://127.0.0.1:9090", "http://127.0.0.1:9090/"),
        ("https://host/", "https://host/"),
        ("https://host/api/v1/", "https://host/"),
        ("https://host/prefix/api/v1#y", "https://host/prefix"),
        ("https://host:9092?namespace=shop", "https://host:9092/?namespace=shop"),
        ("https://host/?query=up&a=b&start=1&match[]=up&c=%26d", "https://host/?a=b&c=%26d"),
        ("https://host/api/v1/?query=up", "https://host/"),
    ] {
        assert_eq!(address(given).unwrap().as_str(), expected);
    }
    for bad in ["host:9090", "prometheus", "ftp://host", "https://user:hidden@host"] {
        let message = address(bad).unwrap_err().to_string();
        assert!(!message.contains("hidden"), "{message}");
    }
}
