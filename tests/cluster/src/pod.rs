//! A pod of the API server as a process, as the kubelet and its runtime would run it, without either: its volumes from the
//! API server, a root of its own that is read-only, its user, and its argv. Takes root.
//!
//! Unlike on a node, there is no seccomp filter, no cgroup of its own, and this machine's programs are its image.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::api::{Api, with_ring};
use crate::cluster::Cluster;
use crate::namespace::directory;
use crate::process::{Process, mortal, start};

/// Makes a root (the first argument) of the mounts that follow (`SOURCE:TARGET:ro|rw`, up to `--`), and runs the rest in it
/// as USER:GROUP (the second).
const RUN: &str = r#"
set -eu
root=$1 user=${2%:*} group=${2#*:}
shift 2
mount -t tmpfs -o mode=755 tmpfs "$root"
for name in bin sbin lib lib32 lib64 libx32; do
  [ ! -L /$name ] || cp -P /$name "$root/$name"
done
bind() {
  if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "${2%/*}"; touch "$2"; fi
  mount --rbind "$1" "$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$2"
}
for name in bin sbin lib lib32 lib64 libx32 usr; do
  [ -L /$name ] || [ ! -d /$name ] || bind /$name "$root/$name" ro
done
bind /proc "$root/proc" rw
bind /dev/null "$root/dev/null" rw
while [ "$1" != -- ]; do
  target=${1#*:}
  bind "${1%%:*}" "$root${target%:*}" "${1##*:}"
  shift
done
mount -o remount,ro "$root"
shift
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/bin/setpriv --pdeathsig KILL \
  --reuid "$user" --regid "$group" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@"
"#;

/// One pod: what the API server has, and its files here.
pub struct Pod<'a> {
    api: &'a Api,
    /// Object of the pod, as the API server had it.
    pub object: Value,
    directory: PathBuf,
}

impl<'a> Pod<'a> {
    /// Takes the pod of a path of the API server, and brings its volumes here.
    pub fn new(cluster: &'a Cluster, path: &str) -> Result<Self> {
        let api = cluster.api();
        let object: Value = serde_json::from_str(&api.get(path)?)?;
        let name = object.pointer("/metadata/name").and_then(Value::as_str).context("no pod")?;
        let directory = directory()?.join(name);
        fs::create_dir_all(directory.join("root"))?;
        let pod = Self { api, object, directory };
        pod.sync()?;
        Ok(pod)
    }

    /// Brings its volumes up to date with the API server, each all at once, as the kubelet does within two minutes.
    pub fn sync(&self) -> Result<()> {
        for volume in self.list("/spec/volumes") {
            let name = text(volume, "/name")?;
            let folder = self.directory.join("volumes").join(name);
            fs::create_dir_all(&folder)?;
            if volume.get("emptyDir").is_some() {
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
            } else if let Ok(map) = text(volume, "/configMap/name") {
                project(&folder, &self.named("configmaps", map)?)?;
            } else if let Ok(secret) = text(volume, "/secret/secretName") {
                project(&folder, &self.named("secrets", secret)?)?;
            } else {
                ensure!(volume.get("hostPath").is_some(), "a volume of an unknown kind: {volume}");
            }
        }
        Ok(())
    }

    /// Runs its init containers to their ends, one after the other.
    pub fn init(&self) -> Result<()> {
        for container in self.list("/spec/initContainers") {
            let output = mortal("unshare").args(self.arguments(container)?).output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "{}: {}: {said}", text(container, "/name")?, output.status);
        }
        Ok(())
    }

    /// Starts its container, under the pod's name.
    pub fn start(&self) -> Result<Process> {
        start(text(&self.object, "/metadata/name")?, "unshare", &self.arguments(self.container()?)?)
    }

    /// The status that its readiness probe is answered with, sent as the kubelet does: with no certificate, and to
    /// whoever answers.
    pub fn probe(&self) -> Result<u16> {
        let get = self.container()?.pointer("/readinessProbe/httpGet").context("no probe")?;
        ensure!(get.get("httpHeaders").is_none() && text(get, "/scheme")? == "HTTPS", "another probe: {get}");
        self.fetch_status(text(get, "/path")?)
    }

    /// The status of one request to its first port, sent likewise.
    pub fn fetch_status(&self, path: &str) -> Result<u16> {
        let client = with_ring().tls_danger_accept_invalid_certs(true);
        let port = self.container()?.pointer("/ports/0/containerPort").context("no port")?;
        let url = format!("https://{}:{port}{path}", text(&self.object, "/status/podIP")?);
        Ok(client.build()?.get(url).send()?.status().as_u16())
    }

    /// Returns the arguments by which `unshare` runs a container.
    fn arguments(&self, container: &Value) -> Result<Vec<String>> {
        let id = |field: &str| {
            let id = self.object.pointer(&format!("/spec/securityContext/{field}")).and_then(Value::as_u64);
            id.with_context(|| format!("no {field}"))
        };
        let root = self.directory.join("root").display().to_string();
        let mut arguments: Vec<String> =
            ["--mount", "--propagation", "private", "sh", "-c", RUN, "pod"].map(str::to_owned).to_vec();
        arguments.extend([root, format!("{}:{}", id("runAsUser")?, id("runAsGroup")?)]);
        for mount in list(container, "/volumeMounts") {
            let read_only = mount.get("readOnly") == Some(&Value::Bool(true));
            let (name, path) = (text(mount, "/name")?, text(mount, "/mountPath")?);
            let source = self.source(name)?;
            arguments.push(format!("{}:{path}:{}", source.display(), if read_only { "ro" } else { "rw" }));
        }
        arguments.push("--".to_owned());
        let argv = list(container, "/command").chain(list(container, "/args"));
        arguments.extend(argv.filter_map(Value::as_str).map(str::to_owned));
        Ok(arguments)
    }

    fn source(&self, volume: &str) -> Result<PathBuf> {
        let found =
            self.list("/spec/volumes").find(|found| text(found, "/name").is_ok_and(|name| name == volume));
        let found = found.with_context(|| format!("no volume {volume}"))?;
        Ok(match text(found, "/hostPath/path") {
            Ok(path) => path.into(),
            Err(_) => self.directory.join("volumes").join(volume),
        })
    }

    fn container(&self) -> Result<&Value> {
        self.object.pointer("/spec/containers/0").context("no container")
    }

    fn list(&self, pointer: &str) -> impl Iterator<Item = &Value> {
        list(&self.object, pointer)
    }

    fn named(&self, plural: &str, name: &str) -> Result<Value> {
        let namespace = text(&self.object, "/metadata/namespace")?;
        Ok(serde_json::from_str(&self.api.get(&format!("/api/v1/namespaces/{namespace}/{plural}/{name}"))?)?)
    }
}

/// Writes a ConfigMap's or a Secret's files as the kubelet does: the files are links into a folder that is exchanged.
fn project(folder: &Path, object: &Value) -> Result<()> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let is_secret = object.get("kind").and_then(Value::as_str) == Some("Secret");
    let version = format!("..{}", NEXT.fetch_add(1, Ordering::Relaxed));
    fs::create_dir(folder.join(&version))?;
    for (field, is_packed) in [("data", is_secret), ("binaryData", true)] {
        for (name, value) in object.get(field).and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            let bytes = if is_packed { BASE64.decode(value)? } else { value.as_bytes().to_vec() };
            fs::write(folder.join(&version).join(name), bytes)?;
            let link = folder.join(name);
            if !link.is_symlink() {
                symlink(Path::new("..data").join(name), link)?;
            }
        }
    }
    symlink(&version, folder.join("..new"))?;
    fs::rename(folder.join("..new"), folder.join("..data"))?;
    Ok(())
}

fn list<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, pointer: &str) -> Result<&'v str> {
    match value.pointer(pointer).and_then(Value::as_str) {
        Some(text) => Ok(text),
        None => bail!("no {pointer} in {value}"),
    }
}
