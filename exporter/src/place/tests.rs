//! Names as they are on real nodes, and as nobody should give them.

use super::*;

const HEX: &str = "af97775074c5f35e8c9cece9ae603a30aed0f6bf87078c72cc66b674825dd00f";

fn place(path: &str) -> Place {
    path.split('/').map(OsStr::new).fold(Place::root(), |place, name| place.child(name))
}

fn group(path: &str) -> Option<String> {
    place(path).own.map(|(_, group)| group.to_string())
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
        // Below a unit everybody may take any name.
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
        assert_eq!(group(path).as_deref(), Some(want), "{path}");
        assert!(!place(path).slice && !place(path).pods, "{path}");
    }
}

#[test]
fn a_slice_has_no_group_of_its_own_and_pods_are_one() {
    let slice = place("system.slice/system-getty.slice");
    assert_eq!(slice, Place::root());
    // A container's scope may stand outside of the pods' slices, as its monitor's; by process it is a pod's too.
    let outside = [format!("system.slice/crio-{HEX}.scope"), format!("system.slice/crio-conmon-{HEX}.scope")];
    let slices = ["kubepods.slice", "kubepods", "kubelet.slice/kubelet-kubepods.slice"];
    for path in slices.into_iter().chain(outside.iter().map(String::as_str)) {
        let slice = path.ends_with(".slice");
        assert_eq!(place(path), Place { own: Some(pods()), slice, pods: true, users: false }, "{path}");
        assert_eq!(class_by_text(format!("0::/{path}\n").as_bytes(), false), Class::Pod, "{path}");
        for below in ["kubepods-besteffort.slice", "crio-1.scope/container", "pod1/system.service"] {
            let inside = place(&format!("{path}/{below}"));
            assert!(inside.pods && inside.group() == Some(&pods()), "{path}/{below}");
        }
    }
    assert_eq!((slice.group(), place("a.service").group()), (None, Some(&(Class::Host, "a".into()))));
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
fn pods_by_text() {
    let uid = "adc9f485_9173_4420_9817_ad8359f665b3";
    let cases = [
        (format!("0::/kubepods.slice/x/crio-{HEX}.scope/container\n"), false, Class::Pod),
        (format!("0::/../../crio-conmon-{HEX}.scope\n"), true, Class::Pod),
        (format!("0::/../../../kubepods-burstable-pod{uid}.slice/x\n"), true, Class::Pod),
        (
            format!("9:name=systemd:/system.slice/crio.service\n2:cpu:/a/crio-{HEX}.scope\n0::/\n"),
            false,
            Class::Pod,
        ),
        ("4:memory:/kubepods/besteffort/pod1/2\n0::/\n".into(), false, Class::Pod),
        ("0::/\n".into(), true, Class::Pod),
        ("0::/\n".into(), false, Class::Host),
        ("0::/../../../../../system.slice/crio.service\n".into(), true, Class::Host),
        ("0::/system.slice/crio-wipe.scope\n".into(), false, Class::Host),
        ("9:name=systemd:/system.slice/kubelet.service\n0::/\n".into(), false, Class::Host),
        (String::new(), true, Class::Host),
    ];
    for (text, relative, want) in cases {
        assert_eq!(class_by_text(text.as_bytes(), relative), want, "{text}");
    }
    assert!(is_relative(b"0::/../../../../../init.scope\n"));
    assert!(!is_relative(b"2:cpu:/\n0::/init.scope\n"));
}
