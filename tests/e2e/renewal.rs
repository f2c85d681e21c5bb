//! A token whose time is over while `top --watch` runs: another one is taken from the same context.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::thread::spawn;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use test_cluster::{Certificate, Cluster, Login, Prometheus, shared, until};

use crate::watch::serve;
use crate::way_in::plugin;

#[test]
fn a_token_that_is_refused_is_looked_for_again_in_its_context() -> Result<()> {
    let (cluster, prometheus) = (shared(), serve("renewed")?);
    let host = "renewed-gateway.apps.test.example";
    let mut gateway = cluster.start_gateway(host, &prometheus.bare.url, Certificate::Good)?;
    // It remembers for minutes whom it has let in.
    renewed(
        &prometheus,
        host,
        "leaving",
        || gateway.restart(),
        ["the token was refused (401)", "log in again with oc login"],
    )
}

#[test]
fn a_page_to_sign_in_may_be_for_want_of_another_token() -> Result<()> {
    let (cluster, prometheus) = (shared(), serve("signed-in-again")?);
    let host = "signed-in-again.apps.test.example";
    let _proxy = cluster.start_oauth_proxy(host, &prometheus.bare.url)?;
    let said = ["answered with a sign-in page (403)", "cluster-monitoring-view"];
    renewed(&prometheus, host, "leaving-too", || Ok(()), said)
}

/// A token's time is over: its user, called `name`, has logged in again meanwhile, and also looked at another cluster.
/// `forget` has what stands at `host` forget who has been let in; `said` is in its refusal, and ends it.
fn renewed(
    prometheus: &Prometheus,
    host: &str,
    name: &'static str,
    forget: impl FnOnce() -> Result<()>,
    said: [&str; 2],
) -> Result<()> {
    let cluster = shared();
    let leaving = Leaving::new(cluster, name)?;
    let plugin = plugin();
    let kubeconfig = plugin.home().join("config");
    let login = |token: &str, current: &str| -> Result<()> {
        let mut config: Value =
            serde_json::from_str(&fs::read_to_string(cluster.kubeconfig(Login::Viewer))?)?;
        config["users"][0]["user"]["token"] = token.into();
        let nobody = json!({"name": "elsewhere", "context": {"cluster": "elsewhere", "user": "viewer"}});
        config["contexts"].as_array_mut().context("no contexts")?.push(nobody);
        let elsewhere =
            json!({"name": "elsewhere", "cluster": {"server": "https://elsewhere.test.example:1"}});
        config["clusters"].as_array_mut().context("no clusters")?.push(elsewhere);
        config["current-context"] = current.into();
        Ok(fs::write(&kubeconfig, config.to_string())?)
    };
    login(&leaving.token, "viewer")?;
    let url = format!("https://{host}");
    let plugin = plugin.kubeconfig(&kubeconfig);
    let ca = cluster.ingress_ca().display().to_string();
    let flags = ["top", "--watch=200ms", "-o", "json", "--prometheus", &url, "--prometheus-ca", &ca];
    let mut watch = plugin.start(flags)?;
    let mut stdout = watch.stdout.take().context("no standard output")?;
    let mut errors = BufReader::new(watch.stderr.take().context("no standard error")?).lines();
    let read = || prometheus.bare.samples_read();
    let first = read()?;
    until("a first report", Duration::from_secs(60), || {
        ensure!(read()? > first, "nothing was read");
        Ok(())
    })?;
    // A pipe that nobody reads from would hold the program.
    let reports = spawn(move || io::copy(&mut stdout, &mut io::sink()));

    leaving.leave(cluster)?;
    forget()?;
    let refused = errors
        .by_ref()
        .find(|line| line.as_ref().is_ok_and(|line| line.contains(said[0])))
        .context("it ended")??;
    ensure!(refused.ends_with(said[1]), "{refused}");
    // Nothing reaches the server by now.
    let before = read()?;
    login(Login::Viewer.token().context("no token")?, "elsewhere")?;
    let errors = spawn(move || errors.collect::<io::Result<Vec<_>>>());
    let renewed = until("the new token to be taken", Duration::from_secs(60), || {
        ensure!(read()? > before, "nothing was read");
        Ok(())
    });
    watch.kill()?;
    watch.wait()?;
    reports.join().map_err(|_| anyhow!("reading reports"))??;
    let errors = errors.join().map_err(|_| anyhow!("reading errors"))??;
    renewed.with_context(|| errors.join("\n"))
}

/// A user whose token is good until they are gone.
struct Leaving {
    name: &'static str,
    token: String,
}

impl Leaving {
    const PATH: &str = "/api/v1/namespaces/default/serviceaccounts";

    fn new(cluster: &Cluster, account: &'static str) -> Result<Leaving> {
        let api = cluster.api();
        let name = json!({"name": account});
        api.create(Self::PATH, &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": name}))?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": name,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-monitoring-view"},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "default"}],
        });
        api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding)?;
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let answer = api.create(&format!("{}/{account}/token", Self::PATH), &request)?;
        let token = answer["status"]["token"].as_str().context("no token")?.to_owned();
        Ok(Leaving { name: account, token })
    }

    /// Until the API server has forgotten too.
    fn leave(&self, cluster: &Cluster) -> Result<()> {
        cluster.api().delete(&format!("{}/{}", Self::PATH, self.name))?;
        until("the token to be refused", Duration::from_secs(60), || {
            let status = cluster.api().get_as("/version", Some(&self.token))?;
            ensure!(status == 401, "{status}");
            Ok(())
        })
    }
}
