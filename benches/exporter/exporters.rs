//! Measured exporters: ours, over HTTP and HTTPS, with a cgroup tree and without, and process-exporter.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

use crate::client::{CLIENT, Client, Tls};
use crate::slice::{Slice, Unit};

/// Kind of exporter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ours by cgroup, over HTTPS with client certificates, as it is installed.
    Https,
    /// As `Https`, shown the command line of a node whose CPU 1 is isolated.
    Partitioned,
    /// Ours by cgroup, over HTTP.
    Http,
    /// Ours without a cgroup tree, over HTTPS.
    Process,
    /// process-exporter 0.8.7, over HTTP, with a configuration that groups by comm.
    Peer,
}

/// Running exporter, which ends when dropped.
pub(crate) struct Exporter {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    port: u16,
    child: Child,
    client: Client,
    _folder: tempfile::TempDir,
}

/// Result of one scrape.
pub(crate) struct Scrape {
    /// CPU of the whole process and of the kernel for it, from before the request to a moment after the response.
    pub(crate) cpu_ms: f64,
    pub(crate) text: String,
}

/// Time from a response to the read of the CPU. Ours and Go's runtime may still clean up in it.
const CLEANUP: Duration = Duration::from_millis(50);

/// Configuration of the peer that groups the loads as ours does. Workers and children belong to their leader, because they
/// match no rule.
const PEER_CONFIG: &str = "process_names: [{name: '{{.Comm}}', cmdline: [' (lead|parent) ']}, \
     {name: '{{.Comm}}', cmdline: ['^sh ']}]";

impl Exporter {
    /// Starts an exporter in a unit of its own, connects to it, and scrapes it three times. Its files are then open, its
    /// memory is allocated, and its first series export their CPU.
    pub(crate) fn start(slice: &Slice, kind: Kind, arguments: &[&str]) -> Result<Exporter> {
        let name = match kind {
            Kind::Https => "ours-https",
            Kind::Partitioned => "ours-partitioned",
            Kind::Http => "ours-http",
            Kind::Process => "ours-by-process",
            Kind::Peer => "peer",
        };
        Exporter::start_on_tree(slice, name, kind, &slice.root, arguments)
    }

    /// Starts an exporter as [`Exporter::start`] does, with this name and for this tree.
    pub(crate) fn start_on_tree(
        slice: &Slice,
        name: &'static str,
        kind: Kind,
        tree: &Path,
        arguments: &[&str],
    ) -> Result<Exporter> {
        let folder = tempfile::tempdir()?;
        let unit = slice.measured_unit(name)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let mut words = vec![file("program"), format!("--web.listen-address=127.0.0.1:{port}")];
        let mut hide = "";
        let tls = matches!(kind, Kind::Https | Kind::Partitioned | Kind::Process)
            .then(|| Tls::new(folder.path()))
            .transpose()?;
        if tls.is_some() {
            words.push(format!("--web.tls-cert={}", file("cert.pem")));
            words.push(format!("--web.tls-key={}", file("key.pem")));
            words.push(format!("--web.client-ca={}", file("ca.pem")));
            words.push(format!("--web.client-cn={CLIENT}"));
        }
        match kind {
            Kind::Https | Kind::Http | Kind::Partitioned => {
                words.push(format!("--cgroupfs={}", tree.display()))
            }
            Kind::Process => hide = "umount -lR /sys/fs/cgroup && ",
            Kind::Peer => {
                fs::write(folder.path().join("config.yml"), PEER_CONFIG)?;
                words.push(format!("--config.path={}", file("config.yml")));
            }
        }
        if kind == Kind::Partitioned {
            fs::write(folder.path().join("cmdline"), "quiet rcu_nocbs=1\n")?;
            hide = "mount --bind \"${0%/*}/cmdline\" /proc/cmdline && ";
        }
        words.extend(arguments.iter().map(ToString::to_string));
        let ours =
            || env::var_os("EXPORTER").map_or(env!("CARGO_BIN_EXE_process-exporter").into(), PathBuf::from);
        let from = if kind == Kind::Peer { build_peer()? } else { ours() };
        // Copied in the unit, so that the program's own pages are charged to it, as on a node that unpacks it.
        let script =
            format!("{} && cp '{}' \"$0\" && {hide} exec \"$0\" \"$@\"", unit.enter(), from.display());
        let mut command = Command::new("setpriv");
        // The exporter ends with the bench, even if the bench is killed.
        command
            .args(["--pdeathsig", "KILL", "--", "unshare", "--mount", "sh", "-c", &script])
            .args(&words)
            .stdin(Stdio::null());
        let child = command.stderr(fs::File::create(folder.path().join("log"))?).spawn()?;
        let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        let client = Client::connect(port, tls.as_ref()).with_context(|| format!("{name}: {}", log()))?;
        let mut exporter = Exporter { name, unit, port, child, client, _folder: folder };
        for _ in 0..3 {
            exporter.scrape()?;
        }
        Ok(exporter)
    }

    /// Returns its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Scrapes the exporter. The CPU is the kernel's count for its cgroup.
    pub(crate) fn scrape(&mut self) -> Result<Scrape> {
        let before = self.unit.used_ms()?;
        let text = self.client.metrics().with_context(|| format!("scraping {}", self.name))?;
        std::thread::sleep(CLEANUP);
        let cpu_ms = self.unit.used_ms()? - before;
        ensure!(cpu_ms > 0.0, "{} has used no CPU for a scrape", self.name);
        Ok(Scrape { cpu_ms, text })
    }
}

impl Scrape {
    /// Returns the sum of a metric over the series whose labels contain `what`.
    pub(crate) fn sum(&self, metric: &str, what: &str) -> f64 {
        self.values(metric, what).sum()
    }

    /// Returns the number of series of a metric whose labels contain `what`.
    pub(crate) fn count(&self, metric: &str, what: &str) -> usize {
        self.values(metric, what).count()
    }

    fn values<'a>(&'a self, metric: &'a str, what: &'a str) -> impl Iterator<Item = f64> + 'a {
        self.text.lines().filter_map(move |line| {
            let rest = line.strip_prefix(metric)?.strip_prefix('{').filter(|rest| rest.contains(what))?;
            rest.rsplit_once(' ')?.1.parse::<f64>().ok()
        })
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the path of the peer, and builds it from its pinned source if it is missing.
fn build_peer() -> Result<PathBuf> {
    build_tool("process-exporter")
}

/// Returns the path of a program of tests/tools, and builds it if it is missing.
pub(crate) fn build_tool(name: &str) -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tools/build");
    let built = Command::new(script).arg(name).stderr(Stdio::inherit()).output()?;
    ensure!(built.status.success(), "tests/tools/build {name}: {}", built.status);
    Ok(Path::new(String::from_utf8(built.stdout)?.trim_end()).join(name))
}
