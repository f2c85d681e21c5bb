//! Verdicts on sides in memory: what is found, what is noise, and that it adds up.
use super::{Limits, compare};
use crate::compare::level::Level;
use crate::compare::report::{Comparison, SideReport, Verdict};
use crate::compare::side::{Side, SideRow};
use crate::report::{Class, Window};
use fastrand::Rng;

const LIMITS: Limits = Limits { tolerance: 0.1, floor: 0.01 };
const STEPS: usize = 240;
const BLOCKS: usize = 48;

/// How one sample follows from those before it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Noise {
    /// Not at all.
    White,
    /// Four fifths of the last one's deviation stay.
    Sticky,
    /// Mostly idle, now and then ten times as much.
    Bursts,
}

/// A number around zero with a deviation of one: the sum of three, less their mean.
fn normal(rng: &mut Rng) -> f64 {
    2.0 * ((0..3).map(|_| rng.f64()).sum::<f64>() - 1.5)
}

/// An hour of samples around a level, as means of blocks.
fn blocks(rng: &mut Rng, level: f64, noise: Noise) -> Vec<f64> {
    let mut last = normal(rng);
    let mut sample = || match noise {
        Noise::White => level * (1.0 + 0.3 * normal(rng)),
        Noise::Sticky => {
            last = 0.8 * last + 0.6 * normal(rng);
            level * (1.0 + 0.3 * last)
        }
        Noise::Bursts => level * if rng.f64() < 0.1 { 5.5 } else { 0.5 },
    };
    let samples: Vec<f64> = (0..STEPS).map(|_| sample()).collect();
    samples.chunks(STEPS / BLOCKS).map(|block| block.iter().sum::<f64>() / block.len() as f64).collect()
}

fn side(source: &str, nodes: usize, rows: Vec<(String, Vec<f64>)>) -> Side {
    let row = |(name, blocks): (String, Vec<f64>)| SideRow {
        avg: blocks.iter().sum::<f64>() / blocks.len() as f64,
        name,
        blocks,
        ..SideRow::default()
    };
    let rows: Vec<SideRow> = rows.into_iter().map(row).collect();
    let total: f64 = rows.iter().map(|row| row.avg).sum();
    let end: jiff::Timestamp = "2026-02-02T02:00:00Z".parse().unwrap();
    let window = Window {
        start: end - jiff::SignedDuration::from_hours(1),
        end,
        interval_seconds: 3600.0,
        asked_seconds: None,
        step_seconds: 15.0,
    };
    let report = SideReport {
        asked: "now".to_owned(),
        window,
        coverage: 1.0,
        source: source.to_owned(),
        url: None,
        nodes,
        blocks: 0,
        notes: Vec::new(),
    };
    let (classes, excluded) = ([(Class::Host, total)].into(), Some(0.0));
    let (busy, unattributed) = (Some(total), Some(0.0));
    let level = Level::Group;
    let mut side = Side {
        report,
        level,
        rows,
        classes,
        busy,
        unattributed,
        excluded,
        places: Default::default(),
        nodes: Default::default(),
    };
    side.align();
    side
}

/// A cluster's rows of many sizes.
fn rows(rng: &mut Rng, noise: Noise) -> Vec<(String, Vec<f64>)> {
    (0..40).map(|row| (format!("unit-{row}"), blocks(rng, 0.002 * 1.2_f64.powi(row), noise))).collect()
}

fn judged(a: Vec<(String, Vec<f64>)>, b: Vec<(String, Vec<f64>)>) -> Comparison {
    compare(side("exporter", 1, a), side("exporter", 1, b), Level::Group, LIMITS)
}

fn verdict(of: &Comparison, name: &str) -> Verdict {
    of.rows.iter().find(|row| row.name == name).unwrap().verdict
}

/// At most 5 % of pairs of equal means have a finding, whatever the noise is, of 40 rows each.
#[test]
fn of_200_pairs_of_noise_hardly_any_has_a_finding() {
    for noise in [Noise::White, Noise::Sticky, Noise::Bursts] {
        let mut rng = Rng::with_seed(27);
        let (mut found, mut over) = (0, 0);
        for _ in 0..200 {
            let (a, b) = (rows(&mut rng, noise), rows(&mut rng, noise));
            let comparison = judged(a, b);
            found += usize::from(comparison.rows.iter().any(|row| row.verdict.is_finding()));
            over += comparison.rows.iter().filter(|row| row.verdict == Verdict::Noise).count();
        }
        assert!(found <= 10, "{noise:?}: {found} of 200 pairs have findings");
        // Without the test of noise most pairs would have some.
        assert!(
            noise == Noise::White || over > 200,
            "{noise:?}: only {over} rows were over tolerance and floor"
        );
    }
}

/// One row of 150 m that uses a fifth more, which is 30 m, among 40 others of noise.
#[test]
fn a_fifth_more_is_found_and_is_the_only_finding() {
    let mut rng = Rng::with_seed(1);
    for noise in [Noise::White, Noise::Sticky] {
        for (factor, expected) in [(1.2, Verdict::Worse), (0.8, Verdict::Better)] {
            let (mut a, mut b) = (rows(&mut rng, noise), rows(&mut rng, noise));
            // As steady as a node's services are over blocks of minutes.
            let mut steady = |level: f64| {
                blocks(&mut rng, 1.0, noise).iter().map(|mean| level * (0.8 + 0.2 * mean)).collect()
            };
            a.push(("crio".to_owned(), steady(0.15)));
            b.push(("crio".to_owned(), steady(0.15 * factor)));
            let comparison = judged(a, b);
            assert_eq!(verdict(&comparison, "crio"), expected, "{noise:?}");
            let found: Vec<&str> = comparison
                .rows
                .iter()
                .filter(|row| row.verdict.is_finding())
                .map(|row| row.name.as_str())
                .collect();
            assert_eq!(found, ["crio"], "{noise:?}");
        }
    }
}

#[test]
fn a_finding_is_over_all_three_limits() {
    let flat =
        |level: f64| (0..24).map(|block| level * (1.0 + 0.001 * f64::from(block % 5))).collect::<Vec<_>>();
    let row = |name: &str, blocks: Vec<f64>| (name.to_owned(), blocks);
    // Of the same mean as the last one's, but all in one block.
    let burst = (0..24).map(|block| if block == 3 { 24.0 * 0.05 } else { 0.0 }).collect();
    let a = vec![
        row("below tolerance", flat(1.0)),
        row("below floor", flat(0.004)),
        row("gone", flat(0.1)),
        row("noise", flat(0.001)),
        row("less", flat(0.1)),
    ];
    let b = vec![
        row("below tolerance", flat(1.09)),
        row("below floor", flat(0.008)),
        row("new", flat(0.1)),
        row("noise", burst),
        row("less", flat(0.05)),
    ];
    let comparison = judged(a, b);
    for (name, expected) in [
        ("below tolerance", Verdict::Same),
        ("below floor", Verdict::Same),
        ("noise", Verdict::Noise),
        ("gone", Verdict::Gone),
        ("new", Verdict::New),
        ("less", Verdict::Better),
    ] {
        assert_eq!(verdict(&comparison, name), expected, "{name}");
    }
    let counts = comparison.findings;
    assert_eq!((counts.worse, counts.better, counts.new, counts.gone), (0, 1, 1, 1));
    // It adds up, on each side.
    let total = &comparison.classes[0].change;
    let sums = comparison
        .rows
        .iter()
        .fold((0.0, 0.0), |(a, b), row| (a + row.change.a.unwrap_or(0.0), b + row.change.b.unwrap_or(0.0)));
    assert!((sums.0 - total.a.unwrap()).abs() < 1e-12 && (sums.1 - total.b.unwrap()).abs() < 1e-12);
}

/// Without samples on a side, size alone decides, and a note says so; few samples tell nothing, and that is said too.
#[test]
fn without_samples_noise_is_not_judged() {
    let row = |level: f64| vec![("crio".to_owned(), vec![level])];
    let comparison = judged(row(0.1), row(0.2));
    assert_eq!((verdict(&comparison, "crio"), comparison.rows[0].p), (Verdict::Worse, None));
    assert!(
        comparison.notes.iter().any(|note| note.contains("too few samples, or none")),
        "{:?}",
        comparison.notes
    );
    let few = |level: f64| (0..40).map(|unit| (format!("unit-{unit}"), vec![level; 5])).collect::<Vec<_>>();
    let comparison = judged(few(0.1), few(0.2));
    assert_eq!(verdict(&comparison, "unit-0"), Verdict::Noise);
    assert!(comparison.notes.iter().any(|note| note.contains("longer windows")), "{:?}", comparison.notes);
}

#[test]
fn figures_are_per_node_if_the_clusters_differ_in_size() {
    let row = |level: f64| vec![("crio".to_owned(), vec![level; 16])];
    let comparison =
        compare(side("exporter", 3, row(0.75)), side("exporter", 5, row(1.25)), Level::Group, LIMITS);
    assert!(comparison.per_node && comparison.notes[0].contains("A has 3 nodes and B 5"));
    assert_eq!((comparison.rows[0].verdict, comparison.rows[0].change.a), (Verdict::Same, Some(0.25)));
    assert_eq!((comparison.classes[0].change.b, comparison.busy.b), (Some(0.25), Some(0.25)));
    // As much in sum on half the nodes is twice as much on each.
    let halved = compare(side("exporter", 4, row(1.0)), side("exporter", 2, row(1.0)), Level::Group, LIMITS);
    assert_eq!(verdict(&halved, "crio"), Verdict::Worse);
}

#[test]
fn what_one_source_does_not_count_is_no_finding() {
    let mut a = side("exporter", 1, vec![("rcu".to_owned(), vec![0.5; 24])]);
    a.rows[0].class = Class::Kernel;
    a.classes = [(Class::Kernel, 0.5)].into();
    let comparison =
        compare(a, side("platform", 1, vec![("crio".to_owned(), vec![0.5; 24])]), Level::Group, LIMITS);
    assert_eq!(verdict(&comparison, "rcu"), Verdict::Unknown);
    let kernel = comparison.classes.iter().find(|total| total.class == Class::Kernel).unwrap();
    assert_eq!((kernel.change.a, kernel.change.b, kernel.change.difference), (Some(0.5), None, None));
}

/// Rows that filters left out on one side alone would seem to be new: a note says so.
#[test]
fn filters_of_one_side_are_noted() {
    let row = || vec![("crio".to_owned(), vec![0.1; 48])];
    let note = "left 0.500 cores out of the rows of A, and 0.000 out of those of B";
    for (excluded, expected) in [(0.5, true), (0.0, false)] {
        let mut a = side("exporter", 1, row());
        a.excluded = Some(excluded);
        let comparison = compare(a, side("exporter", 1, row()), Level::Group, LIMITS);
        assert_eq!(
            comparison.notes.iter().any(|told| told.contains(note)),
            expected,
            "{:?}",
            comparison.notes
        );
    }
}
