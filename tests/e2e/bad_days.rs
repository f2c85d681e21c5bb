//! What each bad day says: exit code 1, nothing on standard output, one line with its remedy, and no token.

use std::fs;
use std::net::{TcpListener, ToSocketAddrs};

use test_cluster::{Login, add_host, free_port};

use crate::way_in::{ask, assert_refused, cluster, logged_in, plugin, prometheus, text};

#[test]
fn without_a_usable_kubeconfig() {
    assert_refused(
        "none",
        &ask(&plugin(), &[]),
        &["no kubeconfig", "/.kube/config", "oc login", "--kubeconfig FILE"],
    );
    let missing = ask(&plugin(), &["--kubeconfig", "missing"]);
    assert_refused("a missing one", &missing, &["reading kubeconfig missing"]);
    let broken = plugin();
    fs::write(broken.home().join("config"), "users: [{name: x, user: {token: sha256~secret").unwrap();
    assert_refused(
        "a broken one",
        &ask(&broken, &["--kubeconfig", "config"]),
        &["kubeconfig config", "line 1"],
    );
}

#[test]
fn without_a_token() {
    let (_, _door) = cluster();
    let (installer, no_user) = (logged_in(Login::Installer), logged_in(Login::NoUser));
    let no_token = "no token in context \"installer\"";
    assert_refused("by route", &ask(&installer, &["--via", "route"]), &[no_token, "oc login", "--token"]);
    let no_pod = "no pod prometheus-k8s-N in openshift-monitoring is ready";
    assert_refused("any way", &ask(&installer, &[]), &[no_token, no_pod, "oc login"]);
    assert_refused("by port-forward", &ask(&installer, &["--via", "port-forward"]), &[no_pod, "oc get pods"]);
    assert_refused("nobody at all", &ask(&no_user, &[]), &["no token in context \"no-user\"", "oc login"]);
}

#[test]
fn refused_by_the_api_server_or_the_door() {
    let (cluster, _door) = cluster();
    let api = cluster.api().server();
    let wrong = logged_in(Login::WrongToken);
    assert_refused("401 of the API server", &ask(&wrong, &[]), &[api, "(401)", "oc login"]);
    let address = format!("https://{}", prometheus().host);
    let direct = ["--prometheus", &address, "--prometheus-ca", text(cluster.ingress_ca())];
    assert_refused(
        "401 of the door",
        &ask(&wrong, &direct),
        &["token was refused (401)", &address, "oc login"],
    );
    let nobody = ask(&logged_in(Login::Nobody), &[]);
    assert_refused("403", &nobody, &["user \"nobody\" may not query", &address, "cluster-monitoring-view"]);
}

#[test]
fn without_a_route() {
    let (_, door) = cluster();
    let viewer = logged_in(Login::Viewer);
    let by_route = |case: &str, said: &str| {
        assert_refused(
            case,
            &ask(&viewer, &["--via", "route"]),
            &[said, "--via port-forward", "--prometheus URL"],
        );
        // This user may not list pods either.
        assert_refused(
            case,
            &ask(&viewer, &[]),
            &[said, "port-forward", "pods is forbidden", "--prometheus URL"],
        );
    };
    door.refuse().unwrap();
    by_route(
        "refused by the router",
        "route prometheus-k8s in openshift-monitoring is not admitted by any router",
    );
    door.remove().unwrap();
    by_route("removed", "there is no route prometheus-k8s in openshift-monitoring");
    let blind = ask(&logged_in(Login::Blind), &["--via", "route"]);
    assert_refused(
        "may not be read",
        &blind,
        &["route prometheus-k8s in openshift-monitoring", "--prometheus URL"],
    );
}

#[test]
fn without_trust() {
    let (cluster, door) = cluster();
    let stranger = ask(&logged_in(Login::Stranger), &[]);
    assert_refused("the route's", &stranger, &["authority that is not trusted", "--prometheus-ca FILE"]);
    let insecure = ask(&logged_in(Login::Viewer), &["--insecure-skip-tls-verify"]);
    assert_refused(
        "published by who knows whom",
        &insecure,
        &["authority that is not trusted", "--prometheus-ca FILE"],
    );
    let other = ["--certificate-authority", text(cluster.ingress_ca())];
    let api = ask(&logged_in(Login::Viewer), &other);
    assert_refused("the API server's", &api, &[cluster.api().server(), "--certificate-authority FILE"]);
    // The door's certificate is for its name, not for its address.
    let bare = door_address();
    door.lead_to_host(&bare).unwrap();
    let other_name = ask(&logged_in(Login::Viewer), &[]);
    assert_refused("another host's", &other_name, &["certificate for another host", &prometheus().host]);
}

/// The loopback address of the history's door.
fn door_address() -> String {
    let (host, port) = (prometheus().host.as_str(), 443);
    (host, port).to_socket_addrs().unwrap().next().unwrap().ip().to_string()
}

#[test]
fn nobody_answers() {
    let (_, door) = cluster();
    let viewer = logged_in(Login::Viewer);
    let closed = format!("https://127.0.0.1:{}", free_port());
    let refused = ask(&viewer, &["--server", &closed]);
    assert_refused("the API server is down", &refused, &[&closed, "refused the connection", "check"]);
    // Accepts, as the kernel does for any listener, and never says a word: no real server does that at will.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = format!("https://{}", silent.local_addr().unwrap());
    let timeout = ask(&viewer, &["--server", &mute, "--request-timeout", "1s"]);
    assert_refused(
        "the API server is mute",
        &timeout,
        &[&mute, "did not answer within 1 s", "--request-timeout"],
    );

    let address = add_host("silent.apps.test.example").unwrap();
    door.lead_to_host("silent.apps.test.example").unwrap();
    let refused = ask(&viewer, &[]);
    assert_refused(
        "the router is down",
        &refused,
        &["https://silent.apps.test.example", "refused the connection"],
    );
    let _silent = TcpListener::bind((address, 443)).unwrap();
    let timeout = ask(&viewer, &[]);
    assert_refused(
        "the router is mute",
        &timeout,
        &["https://silent.apps.test.example", "did not answer within"],
    );

    door.lead_to_host("nowhere.apps.test.example").unwrap();
    let unknown = ask(&viewer, &[]);
    assert_refused("no such host", &unknown, &["host name of", "nowhere.apps.test.example", "is not known"]);
}
