//! In, again, changed, and out.
use crate::site::{CONFIG, DAEMON_SET, HERE, program, site};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use test_cluster::{Fleet, Login, Spec, tool};

#[test]
fn nothing_becomes_everything_and_nothing_again() {
    let site = site();
    let before = site.names();
    let done = site.install(&[]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    let lines: Vec<_> = done.stdout.lines().collect();
    assert!(
        lines[0].contains("securitycontextconstraints.security.openshift.io/process-exporter created"),
        "{lines:?}"
    );
    assert_eq!(lines.iter().filter(|line| line.ends_with(" created")).count(), 13, "two payloads: {lines:?}");
    assert!(
        lines.last().unwrap().starts_with("installed, 3 nodes are ready; next: oc interrogate top"),
        "{lines:?}"
    );
    assert_eq!(done.stderr.matches("unsupported").count(), 1, "{}", done.stderr);
    assert!(
        done.stderr
            .contains("warning: whether samples arrive is not known, since Prometheus cannot be queried"),
        "{}",
        done.stderr
    );

    assert!(done.stderr.contains(&format!("which every node has: {}", Fleet::IMAGE)), "{}", done.stderr);
    let pod = &site.get(DAEMON_SET)["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], Fleet::IMAGE);
    assert_eq!(pod["initContainers"][0]["image"], Fleet::IMAGE);

    let versions = site.versions();
    let again = site.install(&[]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stdout.contains("nothing changed"), "{}", again.stdout);
    assert!(!again.stdout.contains("created") && !again.stdout.contains("configured"), "{}", again.stdout);
    assert_eq!(site.versions(), versions);

    let dry = site.plugin.run(["uninstall", "--dry-run"]).unwrap();
    assert_eq!((dry.code, dry.stdout.matches("would be deleted").count()), (0, 13), "{}", dry.stdout);
    assert_eq!(site.versions(), versions);
    let gone = site.uninstall();
    assert_eq!(gone.code, 0, "{}", gone.stderr);
    assert_eq!(gone.stdout.matches(" deleted\n").count(), 13, "{}", gone.stdout);
    assert!(gone.stdout.ends_with("all of oc interrogate is gone\n"), "{}", gone.stdout);
    test_cluster::until("the namespaces to be as before", std::time::Duration::from_secs(30), || {
        anyhow::ensure!(site.names() == before);
        Ok(())
    })
    .unwrap();
    let twice = site.uninstall();
    assert_eq!(twice.code, 0);
    assert!(twice.stdout.contains("nothing of oc interrogate is installed"), "{}", twice.stdout);
}

#[test]
fn another_exporter_replaces_its_payloads() {
    let site = site();
    site.install(&[]);
    let payloads = || {
        let maps = site.get(&format!("/api/v1{HERE}/configmaps"));
        let names = maps["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|map| map["metadata"]["name"].as_str().unwrap().to_owned());
        names.filter(|name| name.contains("-payload-")).collect::<Vec<_>>()
    };
    let before = payloads();
    assert_eq!(before.len(), 2, "{before:?}");
    std::fs::write(&site.exporter, program(300_000, 62).iter().rev().copied().collect::<Vec<_>>()).unwrap();
    let refused = site.install(&[]);
    assert!(refused.code == 1 && refused.stderr.contains("no 64-bit ELF program"), "{}", refused.stderr);
    assert_eq!(payloads(), before);
    std::fs::write(&site.exporter, program(300_000, 62)).unwrap();
    let done = site.install(&[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.stdout.matches("deleted (another version's)").count(), 2, "{}", done.stdout);
    let after = payloads();
    assert!(after.len() == 1 && !before.contains(&after[0]), "{after:?}");
    let image = site.install(&["--image", "registry/x:1"]);
    assert_eq!(image.code, 2, "an image and an exporter: {}", image.stderr);
    let image = site.plugin.run(["install", "--image", "registry/x:1"]).unwrap();
    assert_eq!(image.code, 0, "{}", image.stderr);
    assert!(payloads().is_empty());
}

#[test]
fn the_users_groups_are_theirs() {
    let site = site();
    site.install(&[]);
    let text = || site.get(CONFIG)["data"]["config.yaml"].as_str().unwrap().to_owned();
    let own = "process_names: [{name: mine, comm: [mine]}]\n";
    site.cluster.api().merge(CONFIG, &json!({"data": {"config.yaml": own}})).unwrap();
    let kept = site.install(&[]);
    assert_eq!(kept.code, 0, "{}", kept.stderr);
    assert!(kept.stdout.contains("configmap/process-exporter unchanged (yours)"), "{}", kept.stdout);
    assert_eq!(text(), own);
    let file = site.plugin.home().join("groups.yaml");
    std::fs::write(&file, "process_names: [{name: other, comm: [other]}]\n").unwrap();
    let given = site.install(&["--config", file.to_str().unwrap()]);
    assert_eq!(given.code, 0, "{}", given.stderr);
    assert!(text().contains("other"));
    let versions = site.versions();
    std::fs::write(&file, "process_names:\n- name: a\n  exes: [a]\n").unwrap();
    let wrong = site.install(&["--config", file.to_str().unwrap(), "--threads=false"]);
    assert_eq!(wrong.code, 1, "{}", wrong.stdout);
    assert!(wrong.stderr.contains("groups.yaml: process_names[0]: unknown field `exes`"), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("at line 3 column 3: correct it"), "{}", wrong.stderr);
    assert_eq!(site.versions(), versions, "it is looked at before anything is changed");
}

#[test]
fn what_is_printed_can_be_applied() {
    let site = site();
    let printed = site.install(&["-o", "yaml", "--dry-run=client"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let documents: Vec<Value> = serde_yaml::Deserializer::from_str(&printed.stdout)
        .map(|text| Value::deserialize(text).unwrap())
        .collect();
    assert_eq!(documents.len(), 13);
    assert!(!site.has(DAEMON_SET));
    let mut kubectl = Command::new(tool("kubectl").unwrap());
    kubectl.args(["apply", "--server-side", "--dry-run=server", "-f", "-"]);
    kubectl.arg("--kubeconfig").arg(site.cluster.kubeconfig(Login::Installer));
    let mut kubectl =
        kubectl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    kubectl.stdin.take().unwrap().write_all(printed.stdout.as_bytes()).unwrap();
    let answer = kubectl.wait_with_output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    assert_eq!(String::from_utf8_lossy(&answer.stdout).matches("serverside-applied").count(), 13);

    // With an image of one's own not even a cluster is needed.
    let nowhere = site
        .plugin
        .run(["install", "--image", "x", "-o", "yaml", "--server", "https://127.0.0.1:1"])
        .unwrap();
    assert_eq!(nowhere.code, 0, "{}", nowhere.stderr);
}

#[test]
fn what_would_change_is_printed_and_not_done() {
    let site = site();
    let dry = site.install(&["--dry-run=server"]);
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    assert_eq!(dry.stdout.matches("would be created (server dry run)").count(), 13, "{}", dry.stdout);
    assert!(!site.has(DAEMON_SET));
    site.install(&[]);
    let versions = site.versions();
    let same = site.install(&["--diff"]);
    assert_eq!(same.stdout.matches("unchanged (server dry run)").count(), 13, "{}", same.stdout);
    let diff = site.install(&["--diff", "--threads=false", "--scrape-interval", "30s"]);
    assert_eq!(diff.code, 0, "{}", diff.stderr);
    for line in [
        "-        - --threads=true",
        "+        - --threads=false",
        "-  - interval: 15s",
        "+  - interval: 30s",
    ] {
        assert!(diff.stdout.lines().any(|found| found == line), "{line} is not in\n{}", diff.stdout);
    }
    assert_eq!(site.versions(), versions);
}

#[test]
fn the_first_samples_are_waited_for() {
    let site = site();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let line = |node: usize| {
        format!("namedprocess_namegroup_cpu_seconds_total{{instance=\"node-{node}\"}} 1 {now}\n")
    };
    let prometheus = |name: &str, nodes: usize| {
        let history = test_cluster::directory().unwrap().join(format!("{name}.txt"));
        let lines: String = (0..nodes).map(line).collect();
        let text = format!("# TYPE namedprocess_namegroup_cpu_seconds counter\n{lines}# EOF\n");
        std::fs::write(&history, text).unwrap();
        let spec = Spec { config: "{}", history: Some(&history), ..Spec::default() };
        site.cluster.start_prometheus(name, &spec).unwrap()
    };
    let all = prometheus("all", 3);
    let done = site.install(&["--prometheus", &all.url]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(!done.stderr.contains("warning"), "{}", done.stderr);
    let some = prometheus("some", 2);
    let done = site.install(&["--prometheus", &some.url, "--timeout", "8s"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr.contains("warning: 2 of 3 nodes have samples in Prometheus so far"),
        "{}",
        done.stderr
    );
}
