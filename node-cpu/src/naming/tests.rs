//! Tests names as they are on real nodes, and names that should never occur.

use super::*;
use crate::snapshot::OTHER;
use std::ffi::OsStr;

const HEX: &str = "af97775074c5f35e8c9cece9ae603a30aed0f6bf87078c72cc66b674825dd00f";

fn role_of(path: &str) -> CgroupRole {
    path.split('/').map(OsStr::new).fold(CgroupRole::root(), |role, name| role.child(name))
}

fn group_of(path: &str) -> Option<String> {
    match role_of(path).owner? {
        Owner::Group((_, group)) => Some(group.to_string()),
        Owner::Pod(_) => None,
    }
}

#[test]
fn a_cgroup_belongs_to_its_first_unit() {
    let long = "x".repeat(300);
    let cases = [
        ("init.scope", "systemd"),
        ("system.slice/crio.service", "crio"),
        ("system.slice/crio.service/inner/deeper", "crio"),
        ("system.slice/system-getty.slice/getty@tty1.service", "getty"),
        ("user.slice/user-0.slice/session-3.scope", "session"),
        ("user.slice/user-0.slice/session-c2.scope", "session"),
        // A cgroup below a unit may have any name.
        ("user.slice/user-1000.slice/user@1000.service/app.slice/kubelet.service", "user"),
        ("user.slice/user-1000.slice/user@1000.service/init.scope", "user"),
        ("user.slice/user-1000.slice/user@1000.service/kubepods/x", "user"),
        ("user.slice/user-1000.slice/user@1000.service/plain", "user"),
        ("user.slice/user-1000.slice/kubelet.service", "user"),
        ("user.slice/kubelet", "user"),
        (&format!("machine.slice/libpod-{HEX}.scope/system.slice/sshd.service"), "libpod"),
        (&format!("machine.slice/libpod-{HEX}.scope/kubepods.slice/x"), "libpod"),
        (&format!("docker/{HEX}/kubelet.slice/kubelet-kubepods.slice/x"), "docker"),
        ("system.slice/(exited).service", "exited"),
        ("(starting)", "starting"),
        ("system.slice/vte-spawn-8f14e45f-ceea-467f-9f3c-1b2c3d4e5f60.scope", "vte-spawn"),
        (r"system.slice/vte\x2dspawn\x2d8f14e45f\x2dceea\x2d467f\x2d9f3c\x2d1b2c3d4e5f60.scope", "vte-spawn"),
        (&format!("system.slice/{HEX}-0123456789abcdef.service"), "(unnamed)"),
        (&format!("system.slice/a-{HEX}-b.service"), "a-b"),
        ("system.slice/app_8f14e45fceea467f.run.service", "app_run"),
        ("system.slice/run-r1a2.service", "run"),
        ("system.slice/run-u12.service", "run"),
        ("system.slice/run-p12-i34.scope", "run"),
        ("system.slice/run-lock.mount", "mount"),
        ("proc-sys-fs-binfmt_misc.automount", "mount"),
        ("system.slice/systemd-journald-dev-log.socket", "systemd-journald-dev-log"),
        ("-.mount", "mount"),
        ("-.service", "-"),
        ("system.slice/@x.service", "@x"),
        ("system.slice/-1.service", "-1"),
        (r"system.slice/dev-disk-by\x2dlabel-a.swap", "dev-disk-by-label-a"),
        (r"system.slice/a\xff\x2.service", "a\u{fffd}\\x2"),
        (&format!("machine.slice/libpod-{HEX}.scope"), "libpod"),
        (&format!("machine.slice/libpod-conmon-{HEX}.scope/container"), "libpod-conmon"),
        (&format!("system.slice/docker-{HEX}.scope"), "docker"),
        (&format!("docker/{HEX}"), "docker"),
        ("system.slice/plain/inner", "plain"),
        (&format!("{long}.service"), &long[..128]),
    ];
    for (path, want) in cases {
        assert_eq!(group_of(path).as_deref(), Some(want), "{path}");
        assert_eq!(role_of(path).kind, Kind::Unit, "{path}");
    }
}

#[test]
fn a_slice_has_no_owner_and_a_pods_cgroup_its_pod() {
    let kind_and_uid = |path: &str| {
        let role = role_of(path);
        let uid = match &role.owner {
            Some(Owner::Pod(uid)) => uid.to_string(),
            Some(Owner::Group(group)) => panic!("{path} is {group:?}"),
            None => String::new(),
        };
        (role.kind, uid)
    };
    for (path, kind, uid) in [
        ("system.slice/system-getty.slice", Kind::Slice, ""),
        ("user.slice/user-0.slice", Kind::UserSlice, ""),
        ("user.slice/kubepods.slice", Kind::UserSlice, ""),
        ("kubepods.slice", Kind::Pods, ""),
        ("kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice", Kind::Pods, ""),
        ("kubepods.slice/kubepods-pod1_2.slice", Kind::Pod, "1-2"),
        ("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice", Kind::Pod, "1-2"),
        ("kubepods/besteffort", Kind::Pods, ""),
        ("kubepods/besteffort/pod1-2", Kind::Pod, "1-2"),
        ("kubepods/pod1-2", Kind::Pod, "1-2"),
        ("kubepods/pod1-2/x/kubepods-pod3.slice", Kind::InPod, "1-2"),
        ("kubepods.slice/x.scope", Kind::InPod, "(other)"),
        // A container's scope may be outside of the pods' slices, as may its monitor's.
        (&format!("system.slice/crio-{HEX}.scope/container"), Kind::InPod, "(other)"),
        (&format!("system.slice/crio-conmon-{HEX}.scope"), Kind::InPod, "(other)"),
    ] {
        assert_eq!(kind_and_uid(path), (kind, uid.to_owned()), "{path}");
        let by_text =
            parse_pod_of_process(format!("0::/{path}/x\n").as_bytes(), false).map(|pod| pod.uid.to_string());
        let uid = Some(uid).filter(|uid| !uid.is_empty());
        // A process in no pod's cgroup belongs to the pods too.
        assert!(
            by_text.as_deref() == uid || (by_text.as_deref() == Some(OTHER) && kind == Kind::Pods),
            "{path}"
        );
    }
}

#[test]
fn kernel_threads_by_family() {
    let cases = [
        ("kworker/0:1-events", "kworker"),
        ("kworker/R-rcu_gp", "kworker"),
        ("ksoftirqd/0", "ksoftirqd"),
        ("irq/24-ACPI:Ged", "irq"),
        ("rcu_preempt", "rcu"),
        ("rcuop/3", "rcu"),
        ("scsi_eh_0", "scsi_eh"),
        ("kswapd0", "kswapd"),
        ("kauditd", "kauditd"),
        ("kdamond.0", "kdamond"),
        ("jbd2/vda-8", "jbd2"),
        ("ext4-rsv-conver", "ext4-rsv-conver"),
        ("ipv6_addrconf", "ipv6_addrconf"),
        ("i915/signal:0", "i915"),
        ("mlx5_health0000:3b:00.0", "mlx5_health"),
        ("9p", "9p"),
        ("7", "7"),
        ("", "(unnamed)"),
    ];
    for (comm, want) in cases {
        assert_eq!(kernel_family(comm.as_bytes()), want, "{comm}");
    }
}

#[test]
fn a_cut_comm_is_completed_from_the_first_argument() {
    let cases = [
        (&b"systemd-journal"[..], &b"/lib/systemd/systemd-journald\0--x"[..], "systemd-journald"),
        (b"systemd-journal", b"systemd-journald: running /a/b\0", "systemd-journald"),
        (b"systemd-journal", b"other\0", "systemd-journal"),
        (b"systemd-journal", b"", "systemd-journal"),
        (b"sh", b"/bin/sh-longer\0", "sh"),
        (b"\xffx", b"", "\u{fffd}x"),
    ];
    for (comm, cmdline, want) in cases {
        assert_eq!(process_name(comm, cmdline), want);
    }
}

#[test]
fn a_reader_in_a_container_sees_relative_cgroup_paths() {
    assert!(is_relative(b"0::/../../../../../init.scope\n"));
    assert!(!is_relative(b"2:cpu:/\n0::/init.scope\n"));
}
