//! Nodes that cannot run the exporter: one is down, one is virtual, one is of an architecture that no exporter came along
//! for. They are named and not waited for, by `install`, an upgrade, `status` and `uninstall`; the others are looked at.
use crate::report::status;
use crate::scrape::{Rules, start_scrape_as};
use crate::site::{DAEMON_SET, HERE, NODES, Site, site};
use std::time::Duration;
use test_cluster::{Cluster, add_node, add_node_down, add_node_with, until};

/// Nodes that run the exporter, and all.
const READY: usize = 17;
const DOWN: &str = "down-1";
const VIRTUAL: &str = "virtual-1";
const OTHER: &str = "mainframe-1";

/// Further nodes, twenty in all; deleted when dropped, since later tests expect few.
struct More(&'static Cluster);

impl More {
    fn join(cluster: &'static Cluster) -> More {
        let more = More(cluster);
        (NODES..READY).for_each(|number| add_node(cluster, &format!("node-{number}"), "amd64").unwrap());
        add_node_down(cluster, DOWN).unwrap();
        add_node_with(cluster, VIRTUAL, "amd64", &[("type", "virtual-kubelet")]).unwrap();
        add_node(cluster, OTHER, "s390x").unwrap();
        more
    }
}

impl Drop for More {
    fn drop(&mut self) {
        let names = (NODES..READY).map(|number| format!("node-{number}"));
        for name in names.chain([DOWN, VIRTUAL, OTHER].map(str::to_owned)) {
            // Those that did not come to be, if the test failed early, are not there to be deleted.
            let _ = self.0.api().delete(&format!("/api/v1/nodes/{name}"));
        }
    }
}

/// Deletes the pods of the node that is down, as its kubelet does when it comes back.
fn end_pods_of_down(site: &Site) {
    let pods = site.get(&format!("/api/v1{HERE}/pods?fieldSelector=spec.nodeName={DOWN}"));
    for pod in pods["items"].as_array().unwrap() {
        let name = pod["metadata"]["name"].as_str().unwrap();
        site.cluster.api().delete(&format!("/api/v1{HERE}/pods/{name}?gracePeriodSeconds=0")).unwrap();
    }
}

#[test]
fn nodes_that_cannot_run_it_are_named_and_not_waited_for() {
    let site = site();
    let _more = More::join(site.cluster);
    // Prometheus is given the rules as they are stored.
    assert_eq!(site.install(&["--wait=false", "--scrape-interval", "1s"]).code, 0);
    let names: Vec<_> = (0..READY).map(|number| format!("node-{number}")).collect();
    let scrape = start_scrape_as(&site, "nodes", Rules::All, &names, None);
    scrape.await_data();
    let flag = scrape.flag();
    until("the pods to be on their nodes", Duration::from_secs(60), || {
        anyhow::ensure!(site.get(DAEMON_SET)["status"]["numberReady"] == READY);
        Ok(())
    })
    .unwrap();

    // The pod on the node that is down cannot end: all else is gone, and that is said.
    let gone = site.uninstall();
    assert_eq!(gone.code, 0, "{gone:?}");
    let left =
        format!("pods of it are left on nodes that are not ready ({DOWN}): each goes when its node is ready");
    assert!(
        gone.stderr.contains(&left) && !gone.stdout.contains("all of oc interrogate is gone"),
        "{gone:?}"
    );
    // Objects installed in it would be deleted with it.
    let refused = site.install(&[]);
    let why = format!(
        "is being deleted, and waits for pods on nodes that are not ready ({DOWN}): end these with oc"
    );
    assert!(refused.code == 1 && refused.stderr.contains(&why), "{refused:?}");
    let found = status(&site.plugin, &[&flag]);
    found.assert_check(
        "pods",
        "failed",
        "has been deleted and waits for its pods to end",
        "oc delete pod --force",
    );
    end_pods_of_down(&site);
    until("the daemonset to be gone", Duration::from_secs(60), || {
        anyhow::ensure!(!site.has(DAEMON_SET));
        Ok(())
    })
    .unwrap();

    // From nothing, and as an upgrade.
    for flags in [&[][..], &["--threads=false"]] {
        let done = site.install(&[&["--scrape-interval", "1s", &flag], flags].concat());
        assert_eq!(done.code, 0, "{done:?}");
        for said in [
            format!("left out: {VIRTUAL}: a virtual node"),
            format!(
                "left out: {OTHER}: no exporter for s390x came along; give one with --exporter FILE, or choose other nodes with --node-selector"
            ),
            format!("{DOWN}: the node is not ready, and is not waited for: see oc get nodes"),
        ] {
            assert_eq!(done.stderr.matches(&said).count(), 1, "{said}: {}", done.stderr);
        }
        assert!(done.stdout.contains(&format!("installed, {READY} nodes are ready")), "{done:?}");
        // The samples of the others were looked at, and are there.
        assert!(!done.stderr.contains("samples"), "{}", done.stderr);
        assert_eq!(site.get(DAEMON_SET)["status"]["desiredNumberScheduled"], READY + 1);
        // The old pod of that node cannot end either.
        end_pods_of_down(&site);
    }

    let found = until("the samples to be recorded", Duration::from_secs(60), || {
        let found = status(&site.plugin, &[&flag]);
        anyhow::ensure!(found.with_status("failed").is_empty(), "{found:?}");
        Ok(found)
    })
    .unwrap();
    assert_eq!(found.code, 0, "{found:?}");
    let state = |what: &str| format!("{READY} of {} nodes {what}", READY + 1);
    found.assert_check(
        "pods",
        "warning",
        &format!("{}; {DOWN}: the node is not ready", state("are ready")),
        "see oc get nodes",
    );
    found.assert_check(
        "targets",
        "warning",
        &format!("{}; not ready: {DOWN}", state("are scraped")),
        "see oc get nodes",
    );
    found.assert_check("samples", "warning", &state("have fresh samples"), "see oc get nodes");

    // A node that is up and has no samples is no such thing.
    let fewer = start_scrape_as(&site, "fewer-nodes", Rules::All, &names[1..], None);
    fewer.await_data();
    let told =
        site.install(&["--threads=false", "--scrape-interval", "1s", &fewer.flag(), "--timeout", "10s"]);
    let few = format!("{} of {READY} nodes have samples in Prometheus so far", READY - 1);
    assert!(told.code == 0 && told.stderr.contains(&few), "{told:?}");
    let found = status(&site.plugin, &[&fewer.flag()]);
    assert!(found.with_status("failed").contains(&"targets"), "{found:?}");
    assert_eq!(site.uninstall().code, 0);
    end_pods_of_down(&site);
}
