//! Odd files: right, or one line that names what is wrong and what helps.

use super::{Dump, compare, dump, json};
use crate::serve::an_hour;
use crate::way_in::{assert_refused, plugin};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::process::Command;
use test_cluster::directory;
use test_history::History;

#[test]
fn odd_files_are_right_or_one_line() -> Result<()> {
    let history = History::generate(&an_hour());
    let file = dump("replay-odd", &history, &Dump::default())?;
    let folder = directory()?.join("replay-odd");
    let whole = fs::read(&file)?;
    let path = |name: &str, bytes: &[u8]| -> Result<String> {
        let path = folder.join(name);
        fs::write(&path, bytes)?;
        Ok(path.display().to_string())
    };
    // Cut at the end of a line, or in one: the report of what is there, which says so.
    let half = whole[..whole.len() / 2].iter().rposition(|byte| *byte == b'\n').context("no line")?;
    for (name, end) in [("cut", half + 1), ("torn", half - 5), ("torn-in-a-time", half - 2)] {
        let cut = json(&["top", "--from", &path(name, &whole[..end])?])?;
        ensure!(cut["notes"].to_string().contains("was cut: it does not end with # EOF"), "{name}: {cut}");
    }
    let noise: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let later = String::from_utf8(whole.clone())?;
    let replica = "cluster:namedprocess_node_cpu_rate:sum{prometheus_replica=\"b\"} 1 1748779200.184\n";
    let replicas = later.replace("# EOF\n", &format!("{replica}# EOF\n"));
    for (name, bytes, flags, said) in [
        ("empty", &b""[..], "", "is empty"),
        ("no-samples", b"# EOF\n", "", "does not hold what a report is made of"),
        ("noise", &noise, "", "no sample of OpenMetrics"),
        ("xz", b"\xfd7zXZ\0 and so on", "", "packed by xz, which is not read here: unpack it (xz -d)"),
        (
            "milliseconds",
            b"cluster:namedprocess_node_cpu_rate:sum{} 1 1748779200184\n",
            "",
            "line 1 is no sample of OpenMetrics",
        ),
        ("replicas", replicas.as_bytes(), "", "holds the series of 2 Prometheus or clusters"),
        ("json", b"[{\"status\": \"success\"}]\n", "", "no sample of OpenMetrics"),
        (
            "later",
            later.as_bytes(),
            "-T 2026-01-01",
            "has no sample in this window: they are from 2025-06-01T",
        ),
    ] {
        let fixed = ["top", "--from", &path(name, bytes)?].map(str::to_owned);
        let outcome = plugin().run(fixed.iter().map(String::as_str).chain(flags.split_whitespace()))?;
        let is_line = outcome.stderr.lines().count() == 1 && outcome.stdout.is_empty();
        ensure!(
            outcome.code == 1 && is_line && outcome.stderr.contains(said),
            "{name}: {} {}",
            outcome.code,
            outcome.stderr
        );
    }
    // Now is the newest sample.
    let ago = |end: &str| json(&["top", "-i", "10m", "-T", end, "--from", &file.display().to_string()]);
    let end = ago("-20m")?["window"]["end"].clone();
    ensure!(
        end.as_str()
            .is_some_and(|end| end.starts_with("2025-06-01T11:3") || end.starts_with("2025-06-01T11:40:0")),
        "{end}"
    );
    // Windows longer than the file, and a pipe, which is read once.
    let longer = json(&["top", "-i", "60d", "--from", &file.display().to_string()])?;
    ensure!(longer["window"]["interval_seconds"].as_f64().is_some_and(|length| length < 4000.0), "{longer}");
    let binary = env!("CARGO_BIN_EXE_oc-interrogate");
    let shown = file.display();
    let script = format!(
        "{binary} compare <(cat {shown}) {shown} --by group --tolerance 0% --floor 0 --fail-on any; cat {shown} | {binary} top --from - -o csv"
    );
    let piped = Command::new("bash").args(["-ec", &script]).output()?;
    ensure!(piped.status.success(), "{}", String::from_utf8_lossy(&piped.stderr));
    ensure!(String::from_utf8_lossy(&piped.stdout).contains("class,namespace,name"));
    let missing = plugin().run(["top", "--from", "/no/such/file"])?;
    ensure!(missing.code == 1 && missing.stderr.contains("cannot read /no/such/file"), "{}", missing.stderr);
    Ok(())
}

/// Archives in archives, ones that mean harm, a bomb, a database, and several files of samples.
#[test]
fn odd_archives_are_right_or_one_line() -> Result<()> {
    let history = History::generate(&an_hour());
    let file = dump("replay-archives", &history, &Dump::default())?;
    let folder = directory()?.join("replay-archives");
    let metrics = file.parent().context("no folder")?;
    let whole = json(&["top", "--from", &file.display().to_string()])?;
    let sh = |script: &str| -> Result<()> {
        let output =
            Command::new("sh").args(["-ec", script]).current_dir(&folder).env("METRICS", metrics).output()?;
        ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    // Right: a tar in a tar, one that names a path outside of itself, and gzip whose end is cut.
    sh("tar -cf inner.tar -C \"$METRICS\" metrics.openmetrics; tar -czf outer.tgz inner.tar; rm inner.tar
        tar -cPf outside.tar --transform 's|^|../../../../|' -C \"$METRICS\" metrics.openmetrics
        gzip -c \"$METRICS/metrics.openmetrics\" > whole.gz; head -c 200000 whole.gz > cut.gz
        tar -cf whole.tar -C \"$METRICS\" metrics.openmetrics; head -c 3000000 whole.tar > cut.tar")?;
    let from = |name: &str| folder.join(name).display().to_string();
    for name in ["outer.tgz", "outside.tar"] {
        compare("", &whole, &json(&["top", "--from", &from(name)])?).with_context(|| name.to_owned())?;
    }
    for name in ["cut.gz", "cut.tar"] {
        let cut = json(&["top", "--from", &from(name)])?;
        ensure!(cut["notes"].to_string().contains("was cut"), "{name}: {}", cut["notes"]);
    }
    sh("head -c 3000000000 /dev/zero | gzip -1 > bomb.gz
        mkdir -p db/data/01A/chunks; echo x > db/data/01A/chunks/000001; tar -czf tsdb.tar.gz -C db .
        mkdir -p twice/a twice/b; cp \"$METRICS/metrics.openmetrics\" twice/a; cp \"$METRICS/metrics.openmetrics\" twice/b
        mkdir nothing; head -c 400 whole.tar > early.tar; ln -s loop loop
        mkdir deep; cp outer.tgz deep/1.tgz; cd deep
        for n in 2 3 4 5 6; do tar -czf $n.tgz $((n-1)).tgz; rm $((n-1)).tgz; done")?;
    for (name, said) in [
        ("bomb.gz", &["is longer than", "no OpenMetrics text"][..]),
        (
            "tsdb.tar.gz",
            &[
                "database of a Prometheus",
                "tar -xf",
                "--storage.tsdb.path=tsdb",
                "--prometheus http://localhost:9090",
            ],
        ),
        ("twice", &["several files of samples", "a/metrics.openmetrics", "b/metrics.openmetrics"]),
        ("nothing", &["no metrics.openmetrics", "gather_metrics", "oc interrogate capture"]),
        ("early.tar", &["cut or broken before its samples", "get it again"]),
        ("loop", &["cannot read"]),
        ("deep/6.tgz", &["in too many others"]),
    ] {
        let outcome = plugin().run(["top", "--from", &from(name)])?;
        assert_refused(name, &outcome, said);
    }
    Ok(())
}
