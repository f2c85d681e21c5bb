//! Tests the parsers with text that the kernel writes, and with text that it does not write.

use super::*;

const TAIL: &str = "1 1 1 0 -1 4194560 10 20 30 40 150 250 7 8 20 0 1 0 1234 1000 5 18446744073709551615";

#[test]
fn a_comm_may_hold_anything() {
    for comm in [&b"sh"[..], b"a) R 1 (b", b") R 1 1 1", b"", b"\xff\xfe x", b"new\nline"] {
        let text = [b"42 (", comm, b") S ", TAIL.as_bytes(), b"\n"].concat();
        let want = Stat {
            comm: Comm::new(comm),
            ppid: 1,
            kernel_thread: false,
            own: Cpu { user_us: 1_500_000, system_us: 2_500_000 },
            waited: Cpu { user_us: 70_000, system_us: 80_000 },
            threads: 1,
            start: 1234,
        };
        assert_eq!(stat(&text, 100), Some(want), "{comm:?}");
    }
}

#[test]
fn a_kernel_thread_is_recognised_by_its_flag() {
    let kthread = stat(b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 3 0 0 20 0 1 0 5 0 0", 100).unwrap();
    assert!(kthread.kernel_thread);
    let zombie = stat(b"9 (x) Z 1 9 9 0 -1 4227084 0 0 0 0 1 3 0 0 20 0 1 0 5 0 0", 100).unwrap();
    assert!(!zombie.kernel_thread);
}

#[test]
fn fields_that_are_not_used_need_not_be_numbers() {
    let text = b"42 (sh) S 1 1 1 0 -1 4194560 -1 20 99999999999999999999 40 150 250 -1 8 20 0 1 0 1234 -5 -1";
    let odd = stat(text, 100).unwrap();
    assert_eq!((odd.own.total_us(), odd.waited.total_us(), odd.start), (4_000_000, 80_000, 1234));
    // Fields that are used must be numbers.
    let text = b"42 (sh) S 1 1 1 0 -1 4194560 10 20 30 40 -150 250 7 8 20 0 1 0 1234 1000 5";
    assert_eq!(stat(text, 100), None);
}

#[test]
fn short_or_malformed_text_is_no_process() {
    for text in [&b""[..], b"1", b"1 (a", b"1 )a( S", b"1 (a) S 1 2 3", b"1 (a) S x 1 1 1 1 1 1 1 1 1 1"] {
        assert_eq!(stat(text, 100), None, "{text:?}");
    }
}

#[test]
fn the_nodes_modes_are_in_the_first_line() {
    let text = b"cpu  1 2 3 400 500 6 7 8 9 10\ncpu0 9 9 9 9 9 9 9 9 9 9\n";
    let modes = [10_000, 20_000, 30_000, 60_000, 70_000];
    let want = Busy { modes, unused: Some((4_000_000 + 5_000_000, 80_000)), cpus: 1 };
    assert_eq!(busy(text, 100), Some(want));
    assert_eq!(busy(b"cpu 1 2 3 4 5 6", 100), None);
    // Containers have seen such idle times.
    for idle in ["18446744073709551615", "99999999999999999999", "-7"] {
        let text = format!("cpu 1 2 3 {idle} 5 6 7 8 9 10\ncpu0 9\n");
        assert_eq!(busy(text.as_bytes(), 100), Some(Busy { modes, unused: None, cpus: 1 }), "{idle}");
    }
    assert_eq!(busy(b"cpu0 1 2 3 4 5 6 7", 100), None);
}

#[test]
fn small_files() {
    assert_eq!(uptime(b"123.45 99.00\n", 100), Some(12_345));
    assert_eq!(uptime(b"nonsense", 100), None);
    let text = b"usage_usec 30\nuser_usec 10\nsystem_usec 20\nnice_usec 1\n";
    assert_eq!(cpu_stat(text), Some(Cpu { user_us: 10, system_us: 20 }));
    // A kernel of 2024 has written such a split.
    let odd = b"usage_usec 30\nuser_usec 18446744073709551\nsystem_usec 20\n";
    assert_eq!(cpu_stat(odd), Some(Cpu { user_us: 30, system_us: 0 }));
    assert_eq!(cpu_stat(b"usage_usec 30\nuser_usec 99999999999999999999\n").unwrap().total_us(), 30);
    assert_eq!(cpu_stat(b"user_usec 10\nsystem_usec 20\n"), None);
    assert_eq!(pids(b"0\n1\n77\n"), Some(vec![0, 1, 77]));
    assert_eq!(pids(b""), Some(vec![]));
    assert_eq!(pids(b"x\n"), None);
    assert!(is_populated(b"populated 1\nfrozen 0\n"));
    assert!(!is_populated(b"populated 0\nfrozen 1\n") && !is_populated(b""));
}

#[test]
fn mounts_with_optional_fields_and_escapes() {
    let text = br"32 31 0:29 / /sys/fs/cgroup/cpu rw shared:5 master:1 - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
42 31 0:38 / /a\040b\134c rw - cgroup2 none rw
43 31 0:38 / /x rw - tmpfs cgroup2 rw
";
    let want = [PathBuf::from("/sys/fs/cgroup/unified"), PathBuf::from(r"/a b\c")];
    assert_eq!(cgroup2_mounts(text), want);
}

#[test]
fn the_cpus_of_a_set_add_up() {
    let text = b"cpu  60 6 12 600 60 6 6 12 0 0\ncpu0 10 1 2 100 10 1 1 2 0 0\ncpu1 20 2 4 200 20 2 2 4 0 0\ncpu10 30 3 6 300 30 3 3 6 0 0\nintr 5\n";
    assert_eq!(cpus(text), Some([0, 1, 10].into_iter().collect()));
    let all = busy(text, 100).unwrap();
    assert_eq!((all.cpus, all.unused), (3, Some((6_600_000, 120_000))));
    let [isolated, others] = busy_of(text, 100, &[1, 10].into_iter().collect()).unwrap();
    assert_eq!((isolated.cpus, isolated.unused), (2, Some((5_500_000, 100_000))));
    assert_eq!((others.cpus, others.modes), (1, [100_000, 10_000, 20_000, 10_000, 10_000]));
    assert_eq!(busy_of(b"cpu  1\ncpu0 a\n", 100, &[0].into_iter().collect()), None);
    assert_eq!(cpus(b"cpu  1\ncpux 1\n"), None);
}
