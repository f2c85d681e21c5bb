//! Chunks of a payload, and the node's shell script that joins them again.
use super::*;
use crate::golden::Page;
use std::process::Command;

/// Returns a static program that does not compress, so that it needs several chunks.
fn program(size: usize, machine: u16) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut state = 1_u64;
    while bytes.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend(state.to_be_bytes());
    }
    let head = [0x7f, b'E', b'L', b'F', 2, 1];
    bytes[..6].copy_from_slice(&head);
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[56..58].copy_from_slice(&[0, 0]);
    bytes
}

fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn architectures(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

fn names(payload: &Payload) -> BTreeSet<String> {
    payload.config_maps().map(|map| map["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn chunks_fit_config_maps_and_their_names_follow_the_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = write_file(folder.path(), "a", &program(2_000_000, 62));
    let read = || Payload::read(std::slice::from_ref(&file), &architectures(&["amd64"])).unwrap();
    let (one, before) = (read(), names(&read()));
    assert_eq!(before.len(), 3, "{before:?}");
    for map in one.config_maps() {
        assert!(map.to_string().len() < 1_400_000 && map["immutable"] == true);
        let data = BASE64.decode(map["binaryData"][CHUNK_KEY].as_str().unwrap()).unwrap();
        assert!(data.len() <= CHUNK_SIZE);
    }
    assert_eq!(one.config_maps().collect::<Vec<_>>(), read().config_maps().collect::<Vec<_>>());
    write_file(folder.path(), "a", &program(2_000_008, 62));
    assert!(names(&read()).is_disjoint(&before));
}

#[test]
fn the_node_unpacks_what_was_packed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let machine = String::from_utf8(Command::new("uname").arg("-m").output().unwrap().stdout).unwrap();
    let &(name, number, _) = ARCHITECTURES.iter().find(|(_, _, uname)| *uname == machine.trim()).unwrap();
    let bytes = program(2_000_000, number);
    let file = write_file(root, "a", &bytes);
    let payload = Payload::read(&[file], &architectures(&[name])).unwrap();
    let mut daemonset: Value =
        serde_yaml::from_str(include_str!("../../../manifests/daemonset.yaml")).unwrap();
    payload.mount(&mut daemonset, "image").unwrap();
    let pod = &daemonset["spec"]["template"]["spec"];
    let unpack = &pod["initContainers"][0];
    // Write the keys of each ConfigMap to where the kubelet would mount them.
    for map in payload.config_maps() {
        let volumes = pod["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|v| v["configMap"]["name"] == map["metadata"]["name"]).unwrap();
        let mounts = unpack["volumeMounts"].as_array().unwrap();
        let mount = mounts.iter().find(|mount| mount["name"] == volume["name"]).unwrap();
        let mount_path = root.join(mount["mountPath"].as_str().unwrap().trim_start_matches('/'));
        std::fs::create_dir_all(&mount_path).unwrap();
        let data = BASE64.decode(map["binaryData"][CHUNK_KEY].as_str().unwrap()).unwrap();
        std::fs::write(mount_path.join(CHUNK_KEY), data).unwrap();
    }
    std::fs::create_dir(root.join("exporter")).unwrap();
    let script = unpack["command"][2].as_str().unwrap();
    let here = |path: &str| format!("{}{path}", root.display());
    let script = script
        .replace(CHUNKS_FOLDER, &here(CHUNKS_FOLDER))
        .replace(&format!("{UNPACKED}/"), &here("/exporter/"));
    let run = |script: &str| Command::new("/bin/sh").args(["-c", script]).output().unwrap();
    for _ in 0..2 {
        let done = run(&script);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(std::fs::read(root.join("exporter/process-exporter")).unwrap(), bytes);
    }
    assert_eq!(pod["containers"][0]["command"], json!(["/exporter/process-exporter"]));

    std::fs::write(root.join(format!("payload/{name}/01/part")), b"cut").unwrap();
    assert!(!run(&script).status.success(), "a broken part must not pass");
    let foreign = run(&script.replace("$(uname -m)", "riscv64"));
    assert!(String::from_utf8_lossy(&foreign.stderr).contains("no exporter for a riscv64"));
}

#[test]
fn an_architecture_without_an_exporter_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let amd = write_file(folder.path(), "amd", &program(200, 62));
    let script = write_file(folder.path(), "script", b"#!/bin/sh\n");
    let gone = folder.path().join("gone");
    let mut page = Page::new("Exporters that cannot be brought along, in the folder FOLDER.");
    for (case, given, names) in [
        ("amd64 for arm64 and s390x", &[&amd][..], &["arm64", "s390x"][..]),
        ("two for amd64", &[&amd, &amd], &["amd64"]),
        ("a script", &[&script], &["amd64"]),
        ("no file", &[&gone], &["amd64"]),
    ] {
        let given: Vec<PathBuf> = given.iter().map(|path| path.to_path_buf()).collect();
        let error = Payload::read(&given, &architectures(names)).err().unwrap();
        page.add(case, &format!("{error:#}").replace(folder.path().to_str().unwrap(), "FOLDER"));
    }
    page.check("tests/golden/install/exporters.txt");
    let arm = write_file(folder.path(), "arm", &program(200, 183));
    let both = Payload::read(&[amd.clone(), arm], &architectures(&["arm64"])).unwrap();
    assert!(names(&both).iter().all(|name| name.contains("-arm64-")), "what no node needs stays here");
    let some = Payload::read(std::slice::from_ref(&amd), &architectures(&["amd64", "s390x"])).unwrap();
    assert_eq!(some.architectures().into_iter().collect::<Vec<_>>(), ["amd64"], "the others are left out");
}

#[test]
fn the_release_archives_folder_and_a_builds_are_searched() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("exporter");
    std::fs::create_dir(&archive).unwrap();
    let folders = [archive.clone(), folder.path().to_owned()];
    assert!(find_binary(&folders, "arm64").unwrap().is_none());
    write_file(folder.path(), NAME, &program(200, 62));
    assert_eq!(find_binary(&folders, "amd64").unwrap().unwrap().0, "amd64");
    assert!(find_binary(&folders, "arm64").unwrap().is_none());
    write_file(&archive, "process-exporter-linux-arm64", &program(300, 183));
    assert_eq!(find_binary(&folders, "arm64").unwrap().unwrap().1.len(), 304);
    write_file(&archive, "process-exporter-linux-amd64", &program(300, 183));
    assert!(find_binary(&folders, "amd64").err().unwrap().to_string().contains("is for arm64"));
}

#[test]
fn what_was_built_to_be_shipped_comes_before_the_build_beside_this_program() {
    let target = tempfile::tempdir().unwrap();
    let (debug, shipped) = (target.path().join("debug"), target.path().join("shipped/some-triple/exporter"));
    std::fs::create_dir_all(&debug).unwrap();
    std::fs::create_dir_all(&shipped).unwrap();
    write_file(&debug, NAME, &program(200, 62));
    assert_eq!(find_binary(&folders_beside(&debug), "amd64").unwrap().unwrap().1.len(), 200);
    write_file(&shipped, NAME, &program(304, 62));
    assert_eq!(find_binary(&folders_beside(&debug), "amd64").unwrap().unwrap().1.len(), 304);
}
