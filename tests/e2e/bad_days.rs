//! Failures between the kubeconfig and Prometheus: exit code 1, nothing on standard output, one line with
//! the remedy, and no token.

use std::net::TcpListener;

use test_cluster::{Login, add_host, free_port};

use crate::way_in::{assert_refused, cluster, logged_in, prometheus, run_top, text};

#[test]
fn without_a_token() {
    let (_, _door) = cluster();
    let (installer, no_user) = (logged_in(Login::Installer), logged_in(Login::NoUser));
    let no_token = "no token in context \"installer\" (a client certificate, which no route takes)";
    assert_refused("by route", &run_top(&installer, &["--via", "route"]), &[no_token, "oc login", "--token"]);
    let no_pod = "no pod prometheus-k8s-N in openshift-monitoring is ready";
    assert_refused("any way", &run_top(&installer, &[]), &[no_token, no_pod, "oc login"]);
    assert_refused(
        "by port-forward",
        &run_top(&installer, &["--via", "port-forward"]),
        &[no_pod, "oc get pods"],
    );
    assert_refused(
        "nobody at all",
        &run_top(&no_user, &[]),
        &["no token in context \"no-user\" (no credential at all)", "oc login"],
    );
}

#[test]
fn refused_by_the_api_server_or_the_door() {
    let (cluster, _door) = cluster();
    let api = cluster.api().server();
    let wrong = logged_in(Login::WrongToken);
    assert_refused("401 of the API server", &run_top(&wrong, &[]), &[api, "(401)", "oc login"]);
    let address = format!("https://{}", prometheus().host);
    let direct = ["--prometheus", &address, "--prometheus-ca", text(cluster.ingress_ca())];
    assert_refused(
        "401 of the door",
        &run_top(&wrong, &direct),
        &["token was refused (401)", &address, "oc login"],
    );
    let nobody = run_top(&logged_in(Login::Nobody), &[]);
    assert_refused("403", &nobody, &["user \"nobody\" may not query", &address, "cluster-monitoring-view"]);
}

#[test]
fn without_a_route() {
    let (_, door) = cluster();
    let viewer = logged_in(Login::Viewer);
    let by_route = |case: &str, said: &str| {
        assert_refused(
            case,
            &run_top(&viewer, &["--via", "route"]),
            &[said, "--via port-forward", "--prometheus URL"],
        );
        // This user may not list pods either.
        assert_refused(
            case,
            &run_top(&viewer, &[]),
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
}

#[test]
fn no_server_responds() {
    let (_, door) = cluster();
    let viewer = logged_in(Login::Viewer);
    let closed = format!("https://127.0.0.1:{}", free_port());
    let refused = run_top(&viewer, &["--server", &closed]);
    assert_refused("the API server is down", &refused, &[&closed, "refused the connection", "check"]);
    // Accepts, as the kernel does for any listener, and never says a word: no real server does that at will.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = format!("https://{}", silent.local_addr().unwrap());
    let timeout = run_top(&viewer, &["--server", &mute, "--request-timeout", "1s"]);
    assert_refused(
        "the API server is mute",
        &timeout,
        &[&mute, "did not answer within 1 s", "--request-timeout"],
    );

    let address = add_host("silent.apps.test.example").unwrap();
    door.lead_to_host("silent.apps.test.example").unwrap();
    let refused = run_top(&viewer, &[]);
    assert_refused(
        "the router is down",
        &refused,
        &["https://silent.apps.test.example", "refused the connection"],
    );
    let _silent = TcpListener::bind((address, 443)).unwrap();
    let timeout = run_top(&viewer, &[]);
    assert_refused(
        "the router is mute",
        &timeout,
        &["https://silent.apps.test.example", "did not answer within"],
    );

    door.lead_to_host("nowhere.apps.test.example").unwrap();
    let unknown = run_top(&viewer, &[]);
    assert_refused("no such host", &unknown, &["host name of", "nowhere.apps.test.example", "is not known"]);
}
