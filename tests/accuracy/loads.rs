//! Known loads, and what the kernel says each has used at any time: the truth that `top` is held against.
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use test_cluster::{Cgroups, Load, until};

/// The loads of one test, and a thread that keeps reading what they use.
pub(crate) struct Loads {
    program: PathBuf,
    scratch: PathBuf,
    running: BTreeMap<String, Running>,
    monitors: Vec<Load>,
    /// A tree of their own, so that no other program's units matter; dropped after them.
    tree: Cgroups,
    sources: Arc<Mutex<BTreeMap<String, PathBuf>>>,
    recording: Arc<Mutex<Vec<Totals>>>,
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

/// Unix seconds, and CPU seconds used by each load until then.
type Totals = (f64, BTreeMap<String, f64>);

struct Running {
    unit: Option<String>,
    load: Load,
}

impl Loads {
    /// Makes the tree; none, where this machine has no cgroup v2 tree that we may change.
    pub(crate) fn new(program: PathBuf, scratch: PathBuf) -> Result<Option<Loads>> {
        let Some(tree) = Cgroups::new("accuracy")? else { return Ok(None) };
        tree.make("system.slice")?;
        let sources: Arc<Mutex<BTreeMap<String, PathBuf>>> = Arc::default();
        let (recording, stop): (Arc<Mutex<Vec<Totals>>>, Arc<AtomicBool>) = Default::default();
        let (their_sources, their_recording, their_stop) = (sources.clone(), recording.clone(), stop.clone());
        let reader = std::thread::spawn(move || {
            let mut latest = BTreeMap::new();
            while !their_stop.load(Ordering::Relaxed) {
                for (name, file) in their_sources.lock().unwrap().iter() {
                    // A load that has ended has used what it had.
                    if let Some(seconds) = fs::read_to_string(file).ok().and_then(|text| cpu_seconds(&text)) {
                        latest.insert(name.clone(), seconds);
                    }
                }
                their_recording.lock().unwrap().push((unix_now(), latest.clone()));
                std::thread::sleep(Duration::from_millis(50)); // the distance of two readings
            }
        });
        let (running, reader) = (BTreeMap::new(), Some(reader));
        let monitors = Vec::new();
        Ok(Some(Loads { tree, program, scratch, running, monitors, sources, recording, stop, reader }))
    }

    /// The root of the tree.
    pub(crate) fn cgroup_root(&self) -> &Path {
        self.tree.root()
    }

    /// A load in a unit of its own, whose group is `name`: a share of a core, in a burst every so many ms.
    pub(crate) fn in_unit(&mut self, name: &str, share: f64, period_ms: u32) -> Result<()> {
        let unit = format!("system.slice/{name}.service");
        let load = self.tree.load(&unit, share, period_ms)?;
        let counter = self.tree.root().join(&unit).join("cpu.stat");
        self.sources.lock().unwrap().insert(name.to_owned(), counter);
        self.running.insert(name.to_owned(), Running { unit: Some(unit), load });
        Ok(())
    }

    /// A pod of this name in a namespace of the same, with a load in it.
    pub(crate) fn in_pod(&mut self, name: &str, share: f64, period_ms: u32) -> Result<()> {
        let unit = format!("kubepods.slice/kubepods-pod{}.slice", name.replace('-', "_"));
        self.monitors.push(self.tree.monitor(&unit, name, name, name)?);
        let load = self.tree.load(&format!("{unit}/crio-main.scope"), share, period_ms)?;
        let counter = self.tree.root().join(&unit).join("cpu.stat");
        self.sources.lock().unwrap().insert(name.to_owned(), counter);
        self.running.insert(name.to_owned(), Running { unit: None, load });
        Ok(())
    }

    /// One core more in that pod, until what this returns is dropped.
    pub(crate) fn burst(&self, pod: &str) -> Result<Load> {
        let pod = pod.replace('-', "_");
        self.tree.load(&format!("kubepods.slice/kubepods-pod{pod}.slice/crio-burst.scope"), 1.0, 50)
    }

    /// The most that a load used in so many seconds on end, of `(start, end]`, in cores.
    pub(crate) fn most(&self, name: &str, start: f64, end: f64, seconds: f64) -> f64 {
        let steps = ((end - start - seconds) / 0.05).max(0.0) as u32;
        let of = |step: u32| start + 0.05 * f64::from(step);
        let used = |step| self.used(name, of(step), of(step) + seconds) / seconds;
        (0..=steps).map(used).fold(0.0, f64::max)
    }

    /// A load in the root of the tree and in no unit, a child of PID 1, whose group is its program's `name`.
    pub(crate) fn in_none(&mut self, name: &str, share: f64, period_ms: u32) -> Result<()> {
        let program = self.scratch.join(name);
        fs::copy(&self.program, &program).with_context(|| format!("copying to {}", program.display()))?;
        // The shell ends at once, so that its child is PID 1's; the load keeps the pipe.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec 3<&0; "$@" <&3 >/dev/null & echo $!"#, "sh"])
            .arg(&program)
            .args([share.to_string(), period_ms.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let life = child.stdin.take();
        let mut pid = String::new();
        child.stdout.take().context("no pipe")?.read_to_string(&mut pid)?;
        child.wait()?;
        child.stdin = life;
        fs::write(self.tree.root().join("cgroup.procs"), pid.trim()).context("moving a load to the root")?;
        let process = Path::new("/proc").join(pid.trim());
        let status = fs::read_to_string(process.join("status"))?;
        ensure!(
            status.contains("\nPPid:\t1\n"),
            "{name} is no child of PID 1: a subreaper is above this test"
        );
        self.sources.lock().unwrap().insert(name.to_owned(), process.join("schedstat"));
        self.running.insert(name.to_owned(), Running { unit: None, load: Load::from_child(child) });
        Ok(())
    }

    /// Ends a load and removes its unit.
    pub(crate) fn end(&mut self, name: &str) -> Result<()> {
        let Running { unit, load } = self.running.remove(name).with_context(|| format!("no load {name}"))?;
        drop(load);
        let Some(unit) = unit else { return Ok(()) };
        // Read what it used at the end, before its counter goes.
        let last = self.tree.used(&unit)?;
        until("the reader to have seen the last", Duration::from_secs(5), || {
            let recording = self.recording.lock().unwrap();
            ensure!(
                recording.last().and_then(|(_, used)| used.get(name)).is_some_and(|seen| *seen >= last),
                "not yet"
            );
            Ok(())
        })?;
        self.tree.remove(&unit)
    }

    /// CPU seconds that a load used in `(start, end]`, Unix seconds, by the kernel's count.
    pub(crate) fn used(&self, name: &str, start: f64, end: f64) -> f64 {
        self.used_until(name, end) - self.used_until(name, start)
    }

    fn used_until(&self, name: &str, at: f64) -> f64 {
        let recording = self.recording.lock().unwrap();
        let value = |index: usize| {
            recording.get(index).map_or(0.0, |(_, used)| used.get(name).copied().unwrap_or(0.0))
        };
        let after = recording.partition_point(|(time, _)| *time < at);
        let (Some((t0, _)), Some((t1, _))) = (recording.get(after.wrapping_sub(1)), recording.get(after))
        else {
            return value(after.min(recording.len().saturating_sub(1)));
        };
        value(after - 1) + (value(after) - value(after - 1)) * (at - t0) / (t1 - t0)
    }
}

impl Drop for Loads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Unix seconds.
pub(crate) fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Of `cpu.stat` (`usage_usec N` first) or of `schedstat` (nanoseconds first).
fn cpu_seconds(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    match words.next()? {
        "usage_usec" => Some(words.next()?.parse::<f64>().ok()? / 1e6),
        nanoseconds => Some(nanoseconds.parse::<f64>().ok()? / 1e9),
    }
}
