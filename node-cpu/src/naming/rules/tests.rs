//! Tests the names that users' configs give, and the errors of configs that are wrong.

use super::*;

fn name_process(config: &str, comm: &str, argv: &[&str], ppid: u32) -> Option<String> {
    let argv: Vec<u8> = argv.iter().flat_map(|arg| arg.bytes().chain([0])).collect();
    Rules::parse(config).unwrap().name(&Identity { comm: comm.as_bytes(), argv: &argv, ppid })
}

/// Config of the predecessor. In its order, PID 1 comes before the processes that it has started.
const PREDECESSOR: &str = "
process_names:
- name: '{{.Comm}}'
  comm: [systemd]
  cmdline: ['--system']
- name: '{{.ExeBase}}'
  ppid: 1
";

/// Config with all kinds of items, after the examples in process-exporter's documentation.
const EXAMPLES: &str = r#"
process_names:
  # comm is the second field of /proc/<pid>/stat minus parens.
  - comm:
    - bash
    - zsh
  - exe:
    - postgres
    - /usr/local/bin/web
  - name: "{{.ExeBase}}:{{ .Matches.Cfgfile }}"
    exe: [/usr/bin/keeper]
    cmdline:
    - -config.path\s+(?P<Cfgfile>\S+)
  - name: "{{.Comm}}/{{.Matches.who}}/{{.Matches.what}}"
    cmdline: ['^job (?P<who>\w+)', 'on (?P<what>[^ ]+)( twice)?$']
  - {name: "", comm: [three], ppid: 7}
  - {name: all of them, cmdline: ['.+']}
"#;

/// Config, process as comm, argv and parent PID, and the expected name of its group.
type Case = (&'static str, &'static str, &'static [&'static str], u32, Option<&'static str>);

#[test]
fn the_first_item_that_matches_names_it() {
    let cases: [Case; 18] = [
        (PREDECESSOR, "systemd", &["/usr/lib/systemd/systemd", "--system"], 0, Some("systemd")),
        (PREDECESSOR, "systemd", &["/usr/lib/systemd/systemd", "--user"], 1, Some("systemd")),
        (PREDECESSOR, "systemd", &["/usr/lib/systemd/systemd", "--user"], 2, None),
        (PREDECESSOR, "kubelet", &["/usr/bin/kubelet", "--v=2"], 1, Some("kubelet")),
        (PREDECESSOR, "(sd-pam)", &[], 1, Some("(sd-pam)")),
        (EXAMPLES, "bash", &["-bash"], 5, Some("-bash")),
        (EXAMPLES, "p", &["/usr/pgsql/bin/postgres", "-D"], 5, Some("postgres")),
        (EXAMPLES, "w", &["/usr/local/bin/web"], 5, Some("web")),
        (EXAMPLES, "w", &["/bin/web"], 5, Some("all of them")),
        (EXAMPLES, "k", &["/usr/bin/keeper", "-config.path", "/a/b"], 5, Some("keeper:/a/b")),
        (EXAMPLES, "k", &["/usr/bin/keeper", "-other"], 5, Some("all of them")),
        (EXAMPLES, "j", &["job", "ann", "on", "disk"], 5, Some("j/ann/disk")),
        (EXAMPLES, "j", &["job", "ann", "off", "disk"], 5, Some("all of them")),
        (EXAMPLES, "three", &["/bin/3"], 7, Some("3")),
        (EXAMPLES, "three", &["/bin/3"], 8, Some("all of them")),
        (EXAMPLES, "kworker/0:1", &[], 2, None),
        ("process_names: []", "a", &["a"], 1, None),
        ("process_names:", "a", &["a"], 1, None),
    ];
    for (config, comm, argv, ppid, want) in cases {
        assert_eq!(name_process(config, comm, argv, ppid).as_deref(), want, "{comm} {argv:?} {ppid}");
    }
}

#[test]
fn names_are_text_and_never_empty() {
    let odd = |name: &str, comm: &[u8], argv: &[u8]| {
        let rules = Rules::parse(&format!("process_names: [{{name: '{name}', cmdline: ['^(?P<x>b)?']}}]"));
        rules.unwrap().name(&Identity { comm, argv, ppid: 1 }).unwrap()
    };
    assert_eq!(odd("{{.Comm}}", b"a\xff) R 1", b""), "a\u{fffd}) R 1");
    assert_eq!(odd("{{.ExeBase}}", b"c", b"/x/\xfe\0"), "\u{fffd}");
    for argv in [&b""[..], b"\0", b"/\0", b"//\0rest\0"] {
        assert_eq!(odd("{{.ExeBase}}", b"comm", argv), "comm", "{argv:?}");
    }
    assert_eq!(odd("{{.ExeBase}}", b"c", b"/x/y/\0"), "y");
    assert_eq!(odd("{{.Matches.x}}", b"comm", b"abc\0"), "comm", "the group took no part");
    assert_eq!(odd("<{{.Matches.x}}>", b"comm", b"bcd\0"), "<b>");
    assert_eq!(odd("{{.ExeBase}}", b"c", &[b'x'; 5000]).len(), 128);
    assert_eq!(odd("{{.Comm}}", b"", b"bcd\0"), "(unnamed)", "a label without a value is none");
}

#[test]
fn arguments_are_joined_by_spaces() {
    for (argv, want) in [("a\0b\0", "a b"), ("a\0\0b\0", "a  b"), ("a b", "a b"), ("a\0\0\0", "a"), ("", "")]
    {
        assert_eq!(join_arguments(argv.as_bytes()), want, "{argv:?}");
    }
    assert_eq!(join_arguments(b"a\xff\0b"), "a\u{fffd} b");
    assert_eq!(join_arguments(&[b'x'; 100_000]).len(), 32_768);
}

#[test]
fn errors_are_one_line_that_names_the_line() {
    let item = |item: &str| format!("process_names:\n- comm: [a]\n- {item}\n");
    let cases = [
        (item("coma: [b]\n  name: x"), "unknown field `coma`", 3),
        ("proces_names: []".to_owned(), "unknown field `proces_names`", 1),
        ("process_names: []\nproces_name: []\n".to_owned(), "unknown field `proces_name`", 2),
        (
            item("comm: [b]\n  cmdline:\n  - fine\n  - 'a('"),
            "bad pattern \"a(\": found open group without closing ')'",
            6,
        ),
        (item("comm: [b]\n  cmdline: ['.{1000}{1000}']"), "bad pattern", 4),
        (item("comm: [b]\n  name: '{{.PID}}'"), "{{.PID}} is not supported", 4),
        (item("comm: [b]\n  name: '{{.Matches}}'"), "{{.Matches}} is not supported", 4),
        (item("comm: [b]\n  name: '{{.Com}}'"), "no variable is called {{.Com}}", 4),
        (item("comm: [b]\n  name: '{{.Comm'"), "{{ has no }}", 4),
        (item("cmdline: ['(?P<y>.)']\n  name: '{{.Matches.x}}'"), "has (?P<x>...)", 3),
        (item("name: lonely"), "an item needs a selector", 3),
        (item("comm: b"), "expected a sequence", 3),
        (item("comm: [b]\n  ppid: -1"), "expected u32", 4),
        (item("comm: [b]\n  ppid: [1]"), "expected u32", 4),
        (item("comm: [b]\n  comm: [c]"), "duplicate field `comm`", 3),
        (item("just text"), "a name and its selectors", 3),
    ];
    for (config, want, line) in cases {
        let error = format!("{:#}", Rules::parse(&config).unwrap_err());
        assert!(error.contains(want), "{config}: {error}");
        assert!(error.contains(&format!("at line {line} ")), "{config}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    for config in ["", "a: [", "[]", "--- {}\n--- {}"] {
        let error = Rules::parse(config).unwrap_err().to_string();
        assert!(!error.is_empty() && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_file_that_is_no_config() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yaml");
    let read = || format!("{:#}", Rules::read(&path).unwrap_err());
    assert!(read().contains("No such file"));
    std::fs::write(&path, b"process_names: [{comm: ['\xff']}]").unwrap();
    assert!(read().starts_with("it is not UTF-8: "));
    std::fs::write(&path, "#".repeat(1 << 20) + "\nprocess_names: []").unwrap();
    assert_eq!(read(), "it is longer than 1048576 bytes");
    std::fs::write(&path, "process_names: []\n").unwrap();
    assert!(Rules::read(&path).unwrap().0.is_empty());
}

#[test]
fn the_command_line_is_needed_only_to_choose_or_to_name() {
    let needs =
        |items: &str| Rules::parse(&format!("process_names: [{items}]")).unwrap().need_arguments(b"a", 1);
    for (items, expected) in [
        ("", false),
        ("{name: x, comm: [a]}", false),
        ("{name: '{{.Comm}}', ppid: 1}", false),
        ("{comm: [a]}", true),
        ("{comm: [b]}", false),
        ("{name: x, exe: [a]}", true),
        ("{name: x, cmdline: [a]}", true),
        ("{name: x, comm: [b], cmdline: [a]}", false),
        ("{name: x, comm: [a]}, {name: y, cmdline: [a]}", false),
        ("{name: x, comm: [b]}, {name: y, cmdline: [a]}", true),
        ("{name: 'x{{.Matches.m}}', cmdline: ['(?P<m>a)']}", true),
    ] {
        assert_eq!(needs(items), expected, "{items}");
    }
}
