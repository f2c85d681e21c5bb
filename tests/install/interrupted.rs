//! Ended after each of its requests in turn, and run again.
use crate::proxy::{Beyond, Proxy};
use crate::site::{Site, site};
use std::process::Command;
use std::time::Duration;
use test_cluster::until;

/// Runs `install` through a proxy until `limit` requests have been done, and ends it by `signal`. Whether it came so far.
fn interrupted(site: &Site, limit: usize, signal: &str) -> bool {
    let proxy = Proxy::start(site.cluster, limit, Beyond::Hang);
    let exporter = site.exporter.to_str().unwrap();
    let arguments = ["install", "--exporter", exporter, "--server", &proxy.url, "--kubeconfig", "/dev/null"];
    let mut child = site.plugin.start(arguments).unwrap();
    let mut came = false;
    while !came && child.try_wait().unwrap().is_none() {
        // The last one's answer has come, or the next request has, and hangs.
        came = proxy.is_reached(Duration::from_millis(50)) || proxy.seen() > limit;
    }
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(!came || killed.success());
    until("it to end", Duration::from_secs(30), || {
        anyhow::ensure!(child.try_wait()?.is_some());
        Ok(())
    })
    .unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(came || ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    came
}

/// The requests that one installation takes.
fn requests(site: &Site) -> usize {
    let proxy = Proxy::start(site.cluster, usize::MAX, Beyond::Hang);
    let through = ["--server", &proxy.url, "--kubeconfig", "/dev/null"];
    let done = site.install(&through);
    assert_eq!(done.code, 0, "{}", done.stderr);
    proxy.seen()
}

#[test]
fn after_each_request_it_goes_on_to_the_same_end_and_back_to_the_same_beginning() {
    let site = site();
    let before = site.names();
    let as_before = || {
        until("the namespaces to be as before", Duration::from_secs(30), || {
            anyhow::ensure!(site.names() == before);
            Ok(())
        })
        .unwrap();
    };
    let all = requests(&site);
    let expected = site.ours();
    assert_eq!(expected.len(), 13);
    site.uninstall();
    as_before();
    let mut reached = 0;
    for limit in 1..=all {
        for signal in ["-INT", "-KILL"] {
            if interrupted(&site, limit, signal) {
                reached += 1;
            }
            // Both ways from here: on to the end by one signal's turn, back to the beginning by the other's.
            if (signal == "-KILL") == (limit % 2 == 0) {
                let again = site.install(&[]);
                assert_eq!(again.code, 0, "after {limit} requests: {}", again.stderr);
                assert_eq!(site.ours(), expected, "after {limit} requests");
            }
            let gone = site.uninstall();
            assert_eq!(gone.code, 0, "after {limit} requests: {}", gone.stderr);
            as_before();
        }
    }
    assert!(reached >= 2 * (all - 4), "only {reached} of {} were ended", 2 * all);
}
