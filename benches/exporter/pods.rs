//! Cost of idle pods: their cgroups, and their series in each exposition.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::at_most;
use crate::exporters::{Exporter, Kind};
use crate::slice::{Slice, remove_cgroup};
use crate::spread::Spread;

const PODS: usize = 160;
const CONTAINERS: usize = 4;
const ROUNDS: usize = 41;
/// Maximum time that the pods may add to a scrape, in milliseconds.
const MOST_MS: f64 = 1.0;
const METRIC: &str = "namedprocess_pod_cpu_seconds_total";

/// Blocked pods, each with a process in each container and a monitor process that names the pod. They end when dropped.
pub(crate) struct Pods {
    folder: PathBuf,
    processes: Vec<Child>,
    end: Option<ChildStdin>,
}

impl Pods {
    /// Starts `pods` pods in a new cgroup at `folder`.
    pub(crate) fn start(folder: PathBuf, pods: usize, containers: usize) -> Result<Pods> {
        fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        // The processes wait for input from this pipe, and end with the bench.
        let mut pipe = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (end, wait) = (pipe.stdin.take(), pipe.stdout.take().context("no pipe")?);
        let wait = std::os::fd::OwnedFd::from(wait);
        let mut all = Pods { folder, processes: vec![pipe], end };
        for pod in 0..pods {
            let slice = all.folder.join(format!("kubepods-pod{pod:04}.slice"));
            let id = format!("{pod:064x}");
            for container in 0..containers {
                let scope = slice.join(format!("crio-{container}{}.scope", id.get(1..).unwrap_or_default()));
                all.run(&scope, &["main"], wait.try_clone()?)?;
            }
            let name =
                format!("k8s_main_pod-{pod:04}-7c9f8d6b5-x2x4z_openshift-namespace-{}_{pod:04}_0", pod % 40);
            all.run(
                &slice.join(format!("crio-conmon-{id}.scope")),
                &["conmon", "-n", &name],
                wait.try_clone()?,
            )?;
        }
        Ok(all)
    }

    fn run(&mut self, cgroup: &Path, name: &[&str], wait: std::os::fd::OwnedFd) -> Result<()> {
        fs::create_dir_all(cgroup)?;
        let script = format!("echo 0 > '{}/cgroup.procs' && read end", cgroup.display());
        let process = Command::new("sh").args(["-c", &script]).args(name).stdin(Stdio::from(wait)).spawn()?;
        let begun = Instant::now();
        while fs::read_to_string(cgroup.join("cgroup.procs"))?.is_empty() {
            ensure!(begun.elapsed() < Duration::from_secs(10), "nobody is in {}", cgroup.display());
        }
        self.processes.push(process);
        Ok(())
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.end.take();
        for process in &mut self.processes {
            let _ = process.wait();
        }
        if let Err(error) = remove_cgroup(&self.folder, Duration::from_secs(60)) {
            let _ = writeln!(std::io::stderr(), "{error:#}");
        }
    }
}

/// Compares an exporter with pods and one without, in turns.
pub(crate) fn pods(out: &mut dyn Write) -> Result<bool> {
    let slice = Slice::new()?;
    let (tree, empty) = (slice.unit("with")?, slice.unit("without")?);
    let _pods = Pods::start(tree.path.join("kubepods.slice"), PODS, CONTAINERS)?;
    let mut with = Exporter::start_on_tree(&slice, "ours-with-pods", Kind::Https, &tree.path, &[])?;
    let mut without = Exporter::start_on_tree(&slice, "ours-without-pods", Kind::Https, &empty.path, &[])?;
    let (mut all, mut more) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (with, without) = match round % 2 {
            0 => (with.scrape()?, without.scrape()?),
            _ => {
                let without = without.scrape()?;
                (with.scrape()?, without)
            }
        };
        let named = with.count(METRIC, "class=\"infra\"");
        ensure!(named == PODS, "{named} of {PODS} pods have their name");
        all.push(with.cpu_ms);
        more.push(with.cpu_ms - without.cpu_ms);
    }
    writeln!(
        out,
        "a scrape with {PODS} pods of {CONTAINERS} containers, none of which moves, ms: {}",
        Spread::from_figures(all)?
    )?;
    at_most(out, "more than without any, ms", &Spread::from_figures(more)?, MOST_MS)
}
