//! A release as far as it goes without a network: the tag of a copy of this tree, packed and checked by the script that
//! .github/workflows/release.yml runs, up to the command that uploads it.
use super::krew::{fake_exporters, run, validate};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use test_cluster::directory;

const TAG: &str = concat!("v", env!("CARGO_PKG_VERSION"));
const PLATFORMS: [&str; 5] = ["darwin-amd64", "darwin-arm64", "linux-amd64", "linux-arm64", "windows-amd64"];

/// A repository with a commit of this tree's files, as they are now.
struct Copy(PathBuf);

impl Copy {
    fn make(name: &str) -> Copy {
        let (root, folder) = (Path::new(env!("CARGO_MANIFEST_DIR")), directory().unwrap().join(name));
        fs::create_dir_all(&folder).unwrap();
        let listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let files = run(Command::new("git").arg("-C").arg(root).args(listed));
        for file in files.split_terminator('\0').filter(|file| root.join(file).is_file()) {
            let target = folder.join(file);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(root.join(file), target).unwrap();
        }
        let copy = Copy(folder);
        copy.git(&["init", "-q"]);
        copy.commit();
        copy
    }

    fn git(&self, words: &[&str]) -> String {
        let who = ["-c", "user.name=test", "-c", "user.email=test@example"];
        run(Command::new("git").arg("-C").arg(&self.0).args(who).args(words))
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", "Release"]);
    }

    /// Has files in place of the programs of all platforms: nothing runs them.
    fn build(&self) {
        let bin = self.0.join("target/dist/bin");
        for platform in PLATFORMS {
            fs::create_dir_all(bin.join(platform)).unwrap();
            let name = if platform.starts_with("windows") { "oc-interrogate.exe" } else { "oc-interrogate" };
            fs::copy(self.0.join("exporter/build"), bin.join(platform).join(name)).unwrap();
            fs::write(bin.join(platform).join("THIRD-PARTY.txt"), "licences\n").unwrap();
        }
        fake_exporters(&bin.join("exporter"));
    }

    fn dry_run(&self, tag: &str) -> Output {
        Command::new(self.0.join("packaging/release")).args(["--dry-run", tag]).output().unwrap()
    }

    fn refuse(&self, tag: &str, reason: &str) {
        let output = self.dry_run(tag);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(reason), "{tag}: not {reason:?}: {said}");
        assert!(output.stdout.is_empty(), "{tag}: an upload is printed all the same");
    }
}

#[test]
fn a_tag_becomes_archives_hashes_a_manifest_and_an_upload() {
    let copy = Copy::make("release");
    copy.git(&["tag", TAG]);
    copy.build();
    let output = copy.dry_run(TAG);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let upload = String::from_utf8(output.stdout).unwrap();
    let archives: Vec<String> =
        PLATFORMS.iter().map(|platform| format!("target/dist/oc-interrogate-{platform}.tar.gz")).collect();
    let files =
        [&archives[..], &["SHA256SUMS", "interrogate.yaml"].map(|file| format!("target/dist/{file}"))]
            .concat();
    let expected = format!(
        "gh release create {TAG} --draft --verify-tag --title {TAG} --notes-file target/dist/NOTES.md {}\n",
        files.join(" ")
    );
    assert_eq!(upload, expected);
    assert!(files.iter().all(|file| copy.0.join(file).is_file()));
    let notes = fs::read_to_string(copy.0.join("target/dist/NOTES.md")).unwrap();
    assert!(notes.contains("oc interrogate top") && !notes.contains("\n## "), "{notes}");

    let manifest = copy.0.join("target/dist/interrogate.yaml");
    validate(&manifest);
    let manifest = fs::read_to_string(manifest).unwrap();
    for line in fs::read_to_string(copy.0.join("target/dist/SHA256SUMS")).unwrap().lines() {
        let (hash, file) = line.split_once("  ").unwrap();
        let entry = format!("/releases/download/{TAG}/{file}\n    sha256: \"{hash}\"\n");
        assert!(manifest.contains(&entry), "{entry} is not in {manifest}");
    }
    // krew takes plain files alone, and the index asks for the licence beside them.
    for archive in archives {
        let listed = run(Command::new("tar").arg("-tvzf").arg(copy.0.join(&archive)));
        assert!(listed.lines().all(|line| line.starts_with(['-', 'd'])), "{archive}: {listed}");
        for file in ["LICENSE", "THIRD-PARTY.txt", "exporter/process-exporter-linux-arm64"] {
            assert!(
                listed.lines().any(|line| line.ends_with(&format!(" {file}"))),
                "{archive}: no {file}: {listed}"
            );
        }
    }
    let first = fs::read(copy.0.join("target/dist/SHA256SUMS")).unwrap();
    assert!(copy.dry_run(TAG).status.success());
    assert_eq!(first, fs::read(copy.0.join("target/dist/SHA256SUMS")).unwrap(), "packed again, other bytes");
}

#[test]
fn what_is_no_release_is_refused() {
    let copy = Copy::make("no-release");
    copy.build();
    copy.refuse("v99.0.0", "but Cargo.toml has version");
    copy.refuse(TAG, "there is no tag");
    copy.git(&["tag", TAG]);
    let windows = copy.0.join("target/dist/bin/windows-amd64");
    fs::rename(&windows, copy.0.join("target/dist/windows")).unwrap();
    copy.refuse(TAG, "no archive for windows-amd64");
    fs::rename(copy.0.join("target/dist/windows"), windows).unwrap();
    fs::remove_file(copy.0.join("target/dist/bin/exporter/process-exporter-linux-arm64")).unwrap();
    copy.refuse(TAG, "no exporter for arm64");
    fake_exporters(&copy.0.join("target/dist/bin/exporter"));
    fs::write(copy.0.join("CHANGELOG.md"), "# Changes\n").unwrap();
    copy.refuse(TAG, "the tree differs from the commit");
    copy.commit();
    copy.refuse(TAG, "HEAD is not the commit of");
    copy.git(&["tag", "-f", TAG]);
    copy.refuse(TAG, "CHANGELOG.md has no section");
}
