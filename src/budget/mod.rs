//! Budget: limits of what the platform may use, and verdicts on them. Each node is judged by itself.
//!
//! ```text
//!   suggest              how many CPUs to reserve          alert, acm   a budget as an alerting rule; an allow-list
//!    |
//!   run                  one report                        during       a window around a command
//!    |
//!   exporter             measurements by the exporter's rules; platform_series: memory and single CPUs
//!   rates                before it is installed            machine      of this machine's recording
//!   moment, trend        parts of the worst moment, and of the window around it
//!    |
//!   totals, selectors    sums of classes on each node      judge        a measurement against its limit
//!    |
//!   measured             what a line comes to on a node    expression   PromQL of a line
//!    |
//!   facts                reserved CPUs, requests, nodes    profiles     budgets that are built in
//!    |
//!   file                 a budget as YAML                  platform_metrics  names of the platform's series                  
//!    |
//!   subject              lines                             limit, report
//! ```
mod acm;
mod alert;
mod during;
mod exporter;
mod expression;
mod facts;
mod file;
mod judge;
mod limit;
mod machine;
mod measured;
mod moment;
mod platform_metrics;
mod platform_series;
mod profiles;
mod rates;
mod report;
mod run;
mod selectors;
mod subject;
mod suggest;
mod totals;
mod trend;

pub use acm::allow_list;
pub use alert::alerting_rule;
pub use during::{Ran, record_around, run as run_command};
pub use facts::Reserved;
pub use file::Budget;
pub(crate) use platform_metrics::SERIES;
pub use profiles::{PROFILES, Profile, profile};
pub use report::{
    BudgetReport, Finding, Item, LineReport, NodeTrend, NodeVerdict, Part, Unit, Verdict, WorstMoment,
};
pub use run::{Query, judge_cluster, judge_machine};
pub use suggest::{NodeReservation, Suggestion, suggest_cluster};
