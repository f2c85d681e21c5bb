//! The exporter's binary as a payload: found, compressed and split into immutable ConfigMaps. An init container
//! unpacks it on the node, in an image that every node has.
mod chunk;
mod elf;

use super::manifest::{field_mut, insert_field, labels, list_mut};
use super::resources::{NAME, NAMESPACE};
use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub(crate) use chunk::Chunk;
pub(super) use elf::ARCHITECTURES;

/// Size of a chunk, bytes. A ConfigMap holds 1 MiB, and the rest of the object needs room too.
const CHUNK_SIZE: usize = 900 * 1024;
/// Key of each chunk in its ConfigMap.
const CHUNK_KEY: &str = "part";
/// Folders in which the init container mounts the chunks, and both containers the unpacked binary.
const CHUNKS_FOLDER: &str = "/payload";
const UNPACKED: &str = "/exporter";
/// Pointer to the required node affinity in the pod's spec.
const EXPRESSIONS: &str = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions";
/// Largest size of a binary, bytes. The emptyDir is limited to it.
const MAX_SIZE: usize = 64 << 20;
/// Prefix of the payloads' names.
pub(crate) const NAME_PREFIX: &str = "process-exporter-payload-";

/// The exporter's binary for each CPU architecture of the nodes.
pub(crate) struct Payload {
    /// Hash and gzip of the binary, by architecture.
    binaries: BTreeMap<&'static str, (String, Vec<u8>)>,
}

impl Payload {
    /// Reads and compresses a binary for each of `architectures`: from `given` files, or from beside this program.
    /// Architectures without one are left out. Errors if a binary is wrong, or if there is none at all.
    pub(super) fn read(given: &[PathBuf], architectures: &BTreeSet<String>) -> Result<Payload> {
        let mut files = BTreeMap::new();
        for path in given {
            let (architecture, bytes) = read_binary(path)?;
            let twice = files.insert(architecture, bytes).is_some();
            ensure!(!twice, "{} is the second exporter for {architecture}: give one", path.display());
        }
        let folders = if given.is_empty() { default_folders()? } else { Vec::new() };
        let mut missing = Vec::new();
        for needed in architectures {
            if files.contains_key(needed.as_str()) {
                continue;
            }
            match find_binary(&folders, needed)? {
                Some((architecture, bytes)) => drop(files.insert(architecture, bytes)),
                None => missing.push(needed.as_str()),
            }
        }
        if missing.len() == architectures.len() {
            let looked =
                folders.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ");
            let looked =
                if looked.is_empty() { String::new() } else { format!(" beside this program ({looked})") };
            bail!(
                "there are nodes of architecture {0} and no exporter for {0}{looked}: give it with --exporter FILE, take the whole release archive, or use --image REF",
                missing.join(", ")
            );
        }
        let needed = files.into_iter().filter(|(architecture, _)| architectures.contains(*architecture));
        let binaries = needed
            .map(|(architecture, bytes)| Ok((architecture, compress(&bytes)?)))
            .collect::<Result<_>>()?;
        Ok(Payload { binaries })
    }

    /// Returns the CPU architectures that it has a binary for.
    pub(super) fn architectures(&self) -> BTreeSet<&str> {
        self.binaries.keys().copied().collect()
    }

    /// Returns its chunks with their data, in order.
    fn chunks(&self) -> impl Iterator<Item = (Chunk, &[u8])> {
        self.binaries.iter().flat_map(|(&architecture, (hash, packed))| {
            packed.chunks(CHUNK_SIZE).enumerate().map(move |(number, data)| {
                (Chunk { architecture: architecture.to_owned(), hash: hash.clone(), number }, data)
            })
        })
    }

    /// Returns its ConfigMaps. They are immutable, so that a thousand kubelets need not watch them.
    pub(super) fn config_maps(&self) -> impl Iterator<Item = Value> {
        self.chunks().map(|(chunk, data)| {
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "immutable": true,
                "metadata": {"name": chunk.name(), "namespace": NAMESPACE, "labels": labels()},
                "binaryData": {CHUNK_KEY: BASE64.encode(data)},
            })
        })
    }

    /// Changes the DaemonSet to unpack the payload and run it in `image`.
    pub(super) fn mount(&self, daemonset: &mut Value, image: &str) -> Result<()> {
        mount(daemonset, image, self.chunks().map(|(chunk, _)| chunk))
    }
}

/// Changes the DaemonSet to mount these chunks in their order, unpack them, and run the binary in `image`.
pub(super) fn mount(
    daemonset: &mut Value,
    image: &str,
    chunks: impl IntoIterator<Item = Chunk>,
) -> Result<()> {
    let pod = field_mut(daemonset, "/spec/template/spec")?;
    let mut mounts = Vec::new();
    let mut architectures = BTreeSet::new();
    for chunk in chunks {
        let (name, Chunk { architecture, number, .. }) = (chunk.name(), chunk);
        let volume = format!("payload-{architecture}-{number}");
        // The number has leading zeros, so that the shell expands the paths in this order.
        let path = format!("{CHUNKS_FOLDER}/{architecture}/{number:02}");
        list_mut(pod, "/volumes")?.push(json!({"name": volume, "configMap": {"name": name}}));
        mounts.push(json!({"name": volume, "mountPath": path, "readOnly": true}));
        architectures.insert(architecture);
    }
    // On nodes of other architectures the pods could only fail.
    list_mut(pod, EXPRESSIONS)?
        .push(json!({"key": "kubernetes.io/arch", "operator": "In", "values": architectures}));
    list_mut(pod, "/volumes")?
        .push(json!({"name": "exporter", "emptyDir": {"sizeLimit": MAX_SIZE.to_string()}}));
    mounts.push(json!({"name": "exporter", "mountPath": UNPACKED}));
    let container = field_mut(pod, "/containers/0")?;
    insert_field(container, "image", json!(image))?;
    insert_field(container, "command", json!([format!("{UNPACKED}/{NAME}")]))?;
    list_mut(container, "/volumeMounts")?
        .push(json!({"name": "exporter", "mountPath": UNPACKED, "readOnly": true}));
    let of_container = |field: &str| container.get(field).cloned().unwrap_or_default();
    let unpack = json!([{
        "name": "unpack", "image": image, "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", unpack_script()],
        "securityContext": of_container("securityContext"), "resources": of_container("resources"),
        "terminationMessagePolicy": "FallbackToLogsOnError", "volumeMounts": mounts,
    }]);
    insert_field(pod, "initContainers", unpack)
}

/// Returns the script of the init container. It joins and unpacks the chunks of the node's architecture, and starts
/// anew if it was interrupted.
fn unpack_script() -> String {
    let cases: String =
        ARCHITECTURES.iter().map(|(name, _, machine)| format!("  {machine}) arch={name} ;;\n")).collect();
    format!(
        r#"set -eu
machine=$(uname -m)
case $machine in
{cases}  *) echo "no exporter for a $machine: run oc interrogate install again" >&2; exit 1 ;;
esac
[ -d {CHUNKS_FOLDER}/$arch ] || {{ echo "no exporter for $arch came along: run oc interrogate install again" >&2; exit 1; }}
cat {CHUNKS_FOLDER}/$arch/*/{CHUNK_KEY} | gzip -dc >{UNPACKED}/{NAME}.new
chmod 0555 {UNPACKED}/{NAME}.new
mv -f {UNPACKED}/{NAME}.new {UNPACKED}/{NAME}
"#
    )
}

/// Returns the names of the payloads that a DaemonSet mounts.
pub(crate) fn mounted_payloads(daemonset: &Value) -> impl Iterator<Item = &str> {
    let volumes = daemonset.pointer("/spec/template/spec/volumes").and_then(Value::as_array);
    let names =
        volumes.into_iter().flatten().filter_map(|volume| volume.pointer("/configMap/name")?.as_str());
    names.filter(|name| name.starts_with(NAME_PREFIX))
}

/// Returns the hash of each exporter beside this program, by architecture. Binaries that cannot be installed are left
/// out: `install` says why.
pub(super) fn bundled() -> Result<BTreeMap<&'static str, String>> {
    let folders = default_folders()?;
    let mut hashes = BTreeMap::new();
    for (name, ..) in ARCHITECTURES {
        if let Ok(Some((architecture, bytes))) = find_binary(&folders, name) {
            hashes.insert(architecture, hash(&bytes));
        }
    }
    Ok(hashes)
}

/// Returns the first 12 hexadecimal digits of the SHA-256.
fn hash(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the hash of a binary and its gzip. The same bytes always give the same gzip.
fn compress(bytes: &[u8]) -> Result<(String, Vec<u8>)> {
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    gzip.write_all(bytes).context("packing the exporter")?;
    Ok((hash(bytes), gzip.finish().context("packing the exporter")?))
}

/// Reads a static binary. Returns its architecture too.
fn read_binary(path: &Path) -> Result<(&'static str, Vec<u8>)> {
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|why| {
        anyhow!("the exporter {name} cannot be read ({why}): name another with --exporter FILE")
    })?;
    ensure!(
        bytes.len() <= MAX_SIZE,
        "{name} is no exporter, it is over 64 MiB: name another with --exporter FILE"
    );
    let architecture = elf::architecture(&bytes).with_context(|| format!("{name} cannot be installed"))?;
    Ok((architecture, bytes))
}

/// Returns the folders to search for exporters, which are beside this program.
fn default_folders() -> Result<Vec<PathBuf>> {
    let program = std::env::current_exe().and_then(|path| path.canonicalize());
    let program =
        program.context("this program's own file is not to be found: give --exporter FILE or --image REF")?;
    Ok(folders_beside(program.parent().unwrap_or(Path::new("/"))))
}

/// Returns the release archive's folder. In development, also the output of `exporter/build` and of this program's
/// build.
fn folders_beside(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.join("exporter")];
    if let Some(Ok(targets)) = folder.parent().map(|target| target.join("shipped").read_dir()) {
        let mut built: Vec<_> = targets.flatten().map(|target| target.path().join("exporter")).collect();
        built.sort();
        folders.extend(built);
    }
    folders.push(folder.to_owned());
    folders
}

/// Searches `folders` for the exporter for `architecture`. A development build has no architecture in its name: one
/// for another architecture is skipped.
fn find_binary(folders: &[PathBuf], architecture: &str) -> Result<Option<(&'static str, Vec<u8>)>> {
    for folder in folders {
        let released = folder.join(format!("process-exporter-linux-{architecture}"));
        let built = folder.join(NAME);
        for path in [&released, &built].into_iter().filter(|path| path.is_file()) {
            let (found, bytes) = read_binary(path)?;
            if found == architecture {
                return Ok(Some((found, bytes)));
            }
            ensure!(path == &built, "{} is for {found}: take the release archive anew", path.display());
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
