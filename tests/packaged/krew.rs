//! From an empty home: the real krew installs the archive, kubectl runs and completes what is in it, and krew takes it
//! away again. The archive is packed here of this test's own build; where `OC_INTERROGATE_DIST` names what
//! `packaging/dist` has built (target/dist), it is the one to be released.
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_cluster::{Outcome, Plugin, directory, tool};

/// What krew and this machine call its CPU.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
/// Above it a download is a nuisance, bytes.
const LARGEST: u64 = 12 << 20;

pub(crate) fn run(program: &mut Command) -> String {
    let output = program.output().unwrap();
    assert!(output.status.success(), "{program:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Copies this test's own program without its symbols, which are most of it.
fn strip_to(file: &Path) {
    run(Command::new("strip").arg("-o").arg(file).arg(env!("CARGO_BIN_EXE_oc-interrogate")));
}

/// Makes files that are packed as the exporters, and run nowhere.
pub(crate) fn fake_exporters(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for architecture in ["amd64", "arm64"] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("exporter/build");
        fs::copy(script, folder.join(format!("process-exporter-linux-{architecture}"))).unwrap();
    }
}

/// Packs this test's own programs, whose bytes those of a release are not, in `folder`. Returns the hashes.
fn pack(folder: &Path) -> String {
    let platform = folder.join("bin").join(format!("linux-{ARCHITECTURE}"));
    fs::create_dir_all(&platform).unwrap();
    strip_to(&platform.join("oc-interrogate"));
    fake_exporters(&folder.join("bin/exporter"));
    run(Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/pack")).arg(folder));
    fs::read_to_string(folder.join("SHA256SUMS")).unwrap()
}

/// A machine may have no compiler for the other architecture: an archive is made all the same, if that is asked for.
#[test]
fn an_archive_may_lack_an_exporter_only_if_that_is_said() {
    let folder = directory().unwrap().join("lacking");
    pack(&folder);
    fs::remove_file(folder.join("bin/exporter/process-exporter-linux-arm64")).unwrap();
    let pack = |without: &[&str]| {
        let mut pack = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/pack"));
        pack.arg(&folder).args(without).output().unwrap()
    };
    let refused = pack(&["amd64"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("no exporter for arm64: packaging/build"), "{said}");
    let packed = pack(&["arm64"]);
    let said = String::from_utf8(packed.stderr).unwrap();
    assert!(packed.status.success() && said.contains("WITHOUT an exporter for arm64"), "{said}");
    let archive = folder.join(format!("oc-interrogate-linux-{ARCHITECTURE}.tar.gz"));
    let files = run(Command::new("tar").arg("-tzf").arg(archive));
    let exporters: Vec<_> = files.lines().filter(|file| file.contains("process-exporter-linux-")).collect();
    assert_eq!(exporters, ["exporter/process-exporter-linux-amd64"]);
}

/// The folder with the archive and its manifest, and whether it is the one to be released.
fn dist() -> (PathBuf, bool) {
    if let Some(built) = std::env::var_os("OC_INTERROGATE_DIST") {
        return (Path::new(env!("CARGO_MANIFEST_DIR")).join(built), true);
    }
    let [folder, again] = ["dist", "dist-again"].map(|name| directory().unwrap().join(name));
    let hashes = pack(&folder);
    assert_eq!(hashes, pack(&again), "the same programs are packed into other bytes");
    (folder, false)
}

fn ok(outcome: Outcome) -> String {
    assert_eq!(outcome.code, 0, "{outcome:?}");
    outcome.stdout
}

#[test]
fn krew_installs_runs_and_uninstalls_the_archive() {
    let (dist, is_release) = dist();
    let archive = dist.join(format!("oc-interrogate-linux-{ARCHITECTURE}.tar.gz"));
    if is_release {
        let size = archive.metadata().unwrap().len();
        assert!(size <= LARGEST, "the archive is of {size} bytes");
    }
    let manifest = dist.join("interrogate.yaml");
    validate(&manifest);

    let krew = Plugin::new(tool("krew").unwrap().to_str().unwrap()).unwrap();
    let home = krew.home().to_owned();
    let index = home.join("index");
    fs::create_dir_all(index.join("plugins")).unwrap();
    fs::write(index.join("plugins/.keep"), "").unwrap();
    let git = |words: &[&str]| run(Command::new("git").arg("-C").arg(&index).args(words));
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["-c", "user.name=test", "-c", "user.email=test@example", "commit", "-qm", "Empty"]);
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", home.join(".krew/bin").display());
    let krew = krew.variable("KREW_DEFAULT_INDEX_URI", format!("file://{}", index.display()));
    let krew = krew.variable("PATH", &path);
    ok(krew.run(["update"]).unwrap());
    let from = [format!("--manifest={}", manifest.display()), format!("--archive={}", archive.display())];
    ok(krew.run(["install".to_owned()].into_iter().chain(from)).unwrap());

    let kubectl = Plugin::new(tool("kubectl").unwrap().to_str().unwrap()).unwrap();
    let kubectl = kubectl.variable("PATH", &path);
    let interrogate =
        |words: &str| ok(kubectl.run(["interrogate"].into_iter().chain(words.split_whitespace())).unwrap());
    let report: Value = serde_json::from_str(&interrogate("top --local -i 1s -o json")).unwrap();
    assert!(!report["rows"].as_array().unwrap().is_empty(), "{report:#}");
    let version = interrogate("version --client");
    if is_release {
        assert!(version.contains("Exporter: amd64 ") && version.contains(", arm64 "), "{version}");
    }
    assert!(kubectl_offers(&kubectl).contains("interrogate"), "kubectl itself offers the plugin");
    interrogate("completion --install");
    let offered = ok(kubectl.run(["__complete", "interrogate", "top", "--no"]).unwrap());
    assert!(offered.starts_with("--node\t"), "{offered}");

    interrogate("completion --remove");
    ok(krew.run(["uninstall", "interrogate"]).unwrap());
    for folder in ["bin", "store", "receipts"] {
        let left = fs::read_dir(home.join(".krew").join(folder)).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert!(
            left.is_empty() || folder == "store" && is_empty(&home.join(".krew/store/interrogate")),
            "{folder}: {left:?}"
        );
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

fn kubectl_offers(kubectl: &Plugin) -> String {
    ok(kubectl.run(["__complete", "interr"]).unwrap())
}

/// Validates a manifest as krew's index does, which wants the file to be named after the plugin.
pub(crate) fn validate(manifest: &Path) {
    let folder = directory().unwrap().join("manifest");
    fs::create_dir_all(&folder).unwrap();
    let named = folder.join("interrogate.yaml");
    fs::copy(manifest, &named).unwrap();
    run(Command::new(tool("validate-krew-manifest").unwrap())
        .arg("-skip-install")
        .arg("-manifest")
        .arg(named));
}

#[test]
fn the_manifest_in_the_tree_is_valid_and_of_this_version() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plugin = root.join("plugin.yaml");
    let written = run(&mut Command::new(root.join("packaging/manifest")));
    assert_eq!(
        fs::read_to_string(&plugin).unwrap(),
        written,
        "write it anew: packaging/manifest >plugin.yaml"
    );
    assert!(written.contains(concat!("\n  version: v", env!("CARGO_PKG_VERSION"), "\n")), "{written}");
    for platform in ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64"] {
        assert!(written.contains(&format!("/oc-interrogate-{platform}.tar.gz\n")), "{platform} is missing");
    }
    validate(&plugin);
}
