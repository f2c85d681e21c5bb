//! The floors of the house: no room imports from one above it, so there is no circle either. The plugin's `lib.rs` is drawn
//! of them; the order of the other crates is the one that their `lib.rs` or `main.rs` draws.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how tests fail, helpers included")]

#[path = "shared/files.rs"]
mod shared;

use regex::Regex;
use std::fs;
use std::path::{Path, PathBuf};

/// A crate's rooms, from the roof to the ground. Rooms of one floor know nothing of each other.
type Floors = &'static [&'static [&'static str]];

const PLUGIN: Floors = &[
    &["main"],
    &["cli"],
    &["status"],
    &["print"],
    &["compare"],
    &["capture"],
    &["budget"],
    &["top", "install"],
    &["query"],
    &["cluster", "progress"],
    &["prometheus"],
    &["report", "evaluate"],
    &["openmetrics"],
    &["time", "trace"],
];
const CLUSTER: Floors = &[
    &["mod"],
    &["connection", "names", "partitioning"],
    &["route", "port_forward", "ca_bundle", "server", "nodes"],
    &["context", "unreachable"],
    &["session"],
    &["api", "kubeconfig", "token"],
    &["connector", "tls", "files", "exec_credential"],
    &["verifier", "identity", "entry", "document"],
    &["certificate", "crypto", "options", "monitoring", "address", "pod", "home", "proxy", "traced"],
];
const PROMETHEUS: Floors = &[
    &["mod"],
    &["client"],
    &["state"],
    &["http_client"],
    &["response"],
    &["front"],
    &["failure", "refusal", "promql"],
];
const TOP: Floors = &[
    &["mod"],
    &["watch"],
    &["local", "gathered"],
    &["run"],
    &["recording"],
    &["assemble"],
    &["fetch", "cpusets"],
    &["plan"],
    &["probe"],
    &["nodes", "coverage", "question"],
    &["sampling", "filter"],
    &["metric_names", "key"],
];
const BUDGET: Floors = &[
    &["mod"],
    &["suggest", "alert", "acm"],
    &["run", "during"],
    &["trend"],
    &["moment", "exporter", "machine", "rates", "platform_series"],
    &["totals", "judge", "selectors"],
    &["measured", "expression"],
    &["facts", "profiles"],
    &["file"],
    &["subject"],
    &["limit", "report", "platform_metrics"],
];
const COMPARE: Floors = &[
    &["mod"],
    &["run"],
    &["notes"],
    &["judge", "saved", "trends"],
    &["join", "noise"],
    &["side", "workload", "operand"],
    &["blocks"],
    &["report"],
    &["level"],
];
const CAPTURE: Floors = &[
    &["write"],
    &["case", "samples", "cluster_objects"],
    &["derived", "ends", "members", "objects", "text"],
    &["input"],
    &["selectors"],
];
const EVALUATE: Floors =
    &[&["evaluator"], &["operators"], &["aggregate"], &["functions"], &["selection"], &["store"]];
const QUERY: Floors = &[&["mod"], &["querier"], &["split", "cache"], &["promql", "span"]];

const INSTALL: Floors = &[
    &["mod"],
    &["uninstall", "rollout", "first_samples", "diff", "versions", "deletion"],
    &["apply", "diagnose", "threads"],
    &["serving_certificate", "nodes"],
    &["preflight", "rights", "pod_problems"],
    &["daemonset"],
    &["options"],
    &["objects"],
    &["payload"],
    &["manifest"],
    &["resources", "console"],
];

const STATUS: Floors = &[
    &["mod"],
    &["round", "output"],
    &["data", "strays"],
    &["targets"],
    &["running"],
    &["installed"],
    &["inventory", "constraints"],
    &["drift"],
    &["report", "remedy"],
    &["checks"],
];

const CLI: Floors = &[
    &["mod", "watch"],
    &["typed", "complete", "called_as"],
    &["flags"],
    &["budgeting", "capturing", "comparing", "installing", "checking", "completion", "version"],
    &["verdict_output"],
    &["shared"],
    &["values"],
];
const NODE_CPU: Floors = &[
    &["fuzz"],
    &["collect", "unsupported"],
    &["account"],
    &["naming"],
    &["kernel"],
    &["snapshot", "options", "boot_options"],
    &["cpu", "cpu_list"],
];
const COLLECT: Floors =
    &[&["mod"], &["node"], &["cgroups"], &["processes"], &["threads"], &["pass"], &["plausibility"]];
const ACCOUNT: Floors =
    &[&["mod"], &["worked_example"], &["interrupts", "reaped_children", "cpu_sets"], &["ledger", "busy"]];
const NAMING: Floors = &[
    &["mod"],
    &["namer"],
    &["rules", "tests", "cgroup"],
    &["pod"],
    &["process", "thread", "unit_name"],
    &["owner"],
];
const KERNEL: Floors = &[&["mod"], &["procfs"], &["reader"], &["parse", "slow_file"]];
const EXPORTER: Floors = &[&["main"], &["serve"], &["expose"]];
const SERVE: Floors = &[
    &["mod"],
    &["connection"],
    &["app"],
    &["singleflight"],
    &["scrape"],
    &["tls"],
    &["slots", "gzip", "reload"],
];

/// What names a room: `crate::ROOM` and `super::ROOM`, alone or in braces.
const OF_CRATE: &str = r"\b(?:crate|oc_interrogate)::(\{[^;]*|\w+)";
const OF_FOLDER: &str = r"\b(?:super|crate::(?:collect|account|naming|kernel|serve|cluster|prometheus|budget|compare|capture|evaluate|top|query|cli|install|status))::(\{[^;]*|\w+)";

#[test]
fn no_room_imports_from_one_above() {
    check("src", OF_CRATE, PLUGIN);
    check("node-cpu/src", OF_CRATE, NODE_CPU);
    check("exporter/src", OF_CRATE, EXPORTER);
}

#[test]
fn no_circle_inside_of_a_room() {
    check("src/cluster", OF_FOLDER, CLUSTER);
    check("src/prometheus", OF_FOLDER, PROMETHEUS);
    check("src/top", OF_FOLDER, TOP);
    check("src/budget", OF_FOLDER, BUDGET);
    check("src/compare", OF_FOLDER, COMPARE);
    check("src/capture", OF_FOLDER, CAPTURE);
    check("src/evaluate", OF_FOLDER, EVALUATE);
    check("src/query", OF_FOLDER, QUERY);
    check("src/cli", OF_FOLDER, CLI);
    check("src/install", OF_FOLDER, INSTALL);
    check("src/status", OF_FOLDER, STATUS);
    check("node-cpu/src/collect", OF_FOLDER, COLLECT);
    check("node-cpu/src/account", OF_FOLDER, ACCOUNT);
    check("node-cpu/src/naming", OF_FOLDER, NAMING);
    check("node-cpu/src/kernel", OF_FOLDER, KERNEL);
    check("exporter/src/serve", OF_FOLDER, SERVE);
}

/// `UPDATE_EXPECT=1` draws it anew.
#[test]
fn the_drawing_of_the_plugin_is_of_its_floors() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let text = fs::read_to_string(source.join("lib.rs")).unwrap();
    let (head, rest) = text.split_once("//! ```text\n").unwrap();
    let (drawn, tail) = rest.split_once("//! ```\n").unwrap();
    let floor = |rooms: &&[&str]| rooms.iter().map(|room| drawing_of(&source, room)).collect::<String>();
    let drawing = PLUGIN.iter().map(floor).collect::<Vec<_>>().join("//!    |\n");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(source.join("lib.rs"), format!("{head}//! ```text\n{drawing}//! ```\n{tail}")).unwrap();
        return;
    }
    assert_eq!(
        drawn, drawing,
        "the drawing in src/lib.rs is not of these floors: UPDATE_EXPECT=1 draws it anew"
    );
}

/// Draws a room: its name, and the first sentence of its file.
fn drawing_of(source: &Path, room: &str) -> String {
    const WIDTH: usize = 90;
    let files = [source.join(room).join("mod.rs"), source.join(format!("{room}.rs"))];
    let text = fs::read_to_string(files.iter().find(|file| file.exists()).unwrap()).unwrap();
    let head = text.lines().map_while(|line| line.strip_prefix("//! ")).collect::<Vec<_>>().join(" ");
    let sentence = head.split_once(". ").map_or(head.as_str(), |(first, _)| first).trim_end_matches('.');
    let of_room = format!("{}: ", room.to_lowercase());
    let sentence = match sentence.to_lowercase().starts_with(&of_room) {
        true => sentence.get(of_room.len()..).unwrap(),
        false => sentence,
    };
    let (mut lines, mut line) = (String::new(), format!("//!   {room:<11}"));
    for word in sentence.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            lines.push_str(&format!("{line}\n"));
            line = format!("//!   {:<11}", "");
        }
        line.push_str(&format!(" {word}"));
    }
    lines + &line + "\n"
}

/// Intervals are of the monotonic clock and starts of the ticks since boot, so that nothing happens when the clock is set.
#[test]
fn the_exporter_does_not_read_the_time_of_day() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = ["exporter/src", "node-cpu/src"].map(|folder| files(&root.join(folder)));
    let asks = |file: &PathBuf| fs::read_to_string(file).unwrap().contains("SystemTime");
    assert_eq!(sources.concat().into_iter().filter(asks).collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

fn check(root: &str, import: &str, floors: Floors) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let floor = |room: &str| floors.iter().position(|rooms| rooms.contains(&room));
    let (import, name) = (Regex::new(import).unwrap(), Regex::new(r"\w+").unwrap());
    let (mut seen, mut upwards) = (0, Vec::new());
    for file in files(&root) {
        let room =
            file.strip_prefix(&root).unwrap().iter().next().unwrap().to_string_lossy().replace(".rs", "");
        if room == "lib" {
            continue;
        }
        let own = floor(&room).unwrap_or_else(|| {
            panic!("{} is on no floor: add it to this test and to the drawing", file.display())
        });
        let text = fs::read_to_string(&file).unwrap();
        let imports =
            import.captures_iter(&text).flat_map(|found| name.find_iter(found.get(1).unwrap().as_str()));
        for other in imports.map(|found| found.as_str()) {
            let Some(its) = floor(other).filter(|_| other != room) else { continue };
            if its <= own {
                upwards.push(format!("{} ({room}) imports {other}, which is not below it", file.display()));
            }
            seen += 1;
        }
    }
    assert!(upwards.is_empty(), "{}", upwards.join("\n"));
    assert!(seen > 2, "only {seen} imports found under {}: the pattern has gone blind", root.display());
}

/// Returns the sources below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let is_source = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    shared::files(folder).into_iter().filter(is_source).collect()
}
