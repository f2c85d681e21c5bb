//! One side of a comparison: rows and totals of a window, whatever they were read from.
use super::blocks::{Places, align};
use super::level::Level;
use super::report::SideReport;
use crate::report::{Class, Report, SourceKind, Window};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Rows and totals of one side. All averages are cores.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub report: SideReport,
    /// Finest level that its rows can tell.
    pub level: Level,
    pub rows: Vec<SideRow>,
    pub classes: BTreeMap<Class, f64>,
    pub busy: Option<f64>,
    pub unattributed: Option<f64>,
    pub excluded: Option<f64>,
    /// Where its blocks are in its window.
    pub places: Places,
    /// Names of the cluster's nodes, as far as they are known.
    pub nodes: BTreeSet<String>,
}

/// Row of one side.
#[derive(Clone, Debug)]
pub(super) struct SideRow {
    pub class: Class,
    pub namespace: Option<String>,
    pub name: String,
    pub workload_type: Option<String>,
    pub avg: f64,
    /// Means of the side's blocks. Empty if there are no samples.
    pub blocks: Vec<f64>,
}

#[cfg(test)]
impl Default for SideRow {
    fn default() -> SideRow {
        let (namespace, name, workload_type, blocks) = (None, String::new(), None, Vec::new());
        SideRow { class: Class::Host, namespace, name, workload_type, avg: 0.0, blocks }
    }
}

impl Side {
    /// Makes a side of a report that has the means of its rows' blocks. `asked`: as the user gave it.
    pub(super) fn of_report(asked: &str, level: Level, report: Report) -> Side {
        let nodes = report.source.node_names.iter().cloned().collect();
        let row = |row: crate::report::Row| SideRow {
            class: row.class,
            namespace: row.namespace,
            name: row.name,
            workload_type: row.workload_type,
            avg: row.stats.avg,
            blocks: row.trend,
        };
        let side = SideReport {
            asked: asked.to_owned(),
            coverage: coverage(&report.window),
            window: report.window,
            source: report.source.series.unwrap_or(report.source.kind).as_str().to_owned(),
            url: report.source.url,
            nodes: report.source.nodes,
            blocks: 0,
            notes: report.notes,
        };
        let rows = report.rows.into_iter().map(row).collect();
        let classes = report.classes.iter().map(|total| (total.class, total.stats.avg)).collect();
        let mut side = Side {
            report: side,
            level,
            rows,
            classes,
            busy: report.busy.map(|stats| stats.avg),
            unattributed: report.unattributed.map(|stats| stats.avg),
            excluded: report.excluded.map(|excluded| excluded.avg),
            places: Places::default(),
            nodes,
        };
        side.align();
        side
    }

    /// Makes the means of its rows' blocks comparable.
    pub(super) fn align(&mut self) {
        let window = Duration::try_from_secs_f64(self.report.window.interval_seconds).unwrap_or_default();
        let is_platform = self.is_platform();
        let rows = self.rows.iter_mut().map(|row| &mut row.blocks).collect();
        (self.report.blocks, self.places) = align(rows, window, is_platform);
    }

    /// Returns true if its figures are the platform's own, without the exporter.
    pub(super) fn is_platform(&self) -> bool {
        self.report.source == SourceKind::Platform.as_str()
    }

    /// Returns true if its source counts a class.
    pub(super) fn knows(&self, class: Class) -> bool {
        !(self.is_platform() && matches!(class, Class::Kernel | Class::Pod))
    }

    /// Divides all figures by the number of nodes.
    pub(super) fn average(&mut self) {
        let by = self.report.nodes.max(1) as f64;
        for row in &mut self.rows {
            row.avg /= by;
            row.blocks.iter_mut().for_each(|mean| *mean /= by);
        }
        self.classes.values_mut().for_each(|total| *total /= by);
        for total in [&mut self.busy, &mut self.unattributed, &mut self.excluded].into_iter().flatten() {
            *total /= by;
        }
    }
}

/// Returns the share of the window asked for that a report covers.
pub(super) fn coverage(window: &Window) -> f64 {
    let share = window.asked_seconds.map(|asked| window.interval_seconds / asked);
    share.filter(|share| share.is_finite()).unwrap_or(1.0).clamp(0.0, 1.0)
}
