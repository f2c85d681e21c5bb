//! Excluded: the part of the totals that filters, and the exporter's exclusion, take out of the rows.
use super::{Assembly, each};
use crate::report::{Class, SourceKind, Steps};
use crate::top::key::Key;
use crate::top::metric_names::OWN_NAMESPACE;
use crate::top::plan::Purpose;

impl Assembly<'_> {
    /// Computes the part of all classes that filters took out, step by step. The second value is false if
    /// all of each class is in the rows.
    pub(super) fn excluded(&self) -> (Steps, bool) {
        let filter = &self.question.filter;
        let count = self.extent.points;
        let (mut excluded, mut any) = (Steps::absent(count), false);
        for (class, total) in &self.totals.classes {
            let included =
                if filter.has_class(*class) { self.included(*class) } else { Some(Steps::absent(count)) };
            if let Some(included) = included {
                excluded.add_all(&total.less(&included));
                any = true;
            } else {
                excluded.add_all(&total.less(total));
            }
        }
        (excluded, any)
    }

    /// Adds up the rows of a class that has some; `None` if all of it is in them.
    fn included(&self, class: Class) -> Option<Steps> {
        let (filter, fetched) = (&self.question.filter, &self.fetched);
        let total = |steps: &mut dyn Iterator<Item = &Steps>| {
            let mut sum = Steps::absent(self.extent.points);
            steps.for_each(|steps| sum.add_all(steps));
            sum
        };
        let of_class = |purpose| each(fetched, purpose).filter(move |(key, _)| key.class == class);
        let is_pod = matches!(class, Class::Infra | Class::Workload);
        let placed = self.extent.kind == SourceKind::Platform && self.question.of_nodes();
        if placed && is_pod && filter.nodes.is_some() {
            return Some(total(&mut of_class(Purpose::PlacedPods).map(|(_, steps)| steps)));
        }
        let host = self.extent.kind == SourceKind::Platform && filter.nodes.is_some();
        if host {
            let rows = of_class(Purpose::Groups).chain(of_class(Purpose::OnNodes));
            return Some(total(&mut rows.map(|(_, steps)| steps)));
        }
        let mut included = if is_pod && filter.picks_namespaces() {
            let has = |key: &Key| filter.has_namespace(key.namespace.as_deref().unwrap_or_default());
            let namespaces = of_class(Purpose::Namespaces).filter(|(key, _)| has(key));
            Some(total(&mut namespaces.map(|(_, steps)| steps)))
        } else if filter.nodes.is_some() {
            Some(total(&mut of_class(Purpose::OnNodes).map(|(_, steps)| steps)))
        } else {
            None
        };
        if class == Class::Infra && filter.leaves_out_own() {
            let own = self.own();
            if own.samples() > 0 {
                let all = included.or_else(|| self.totals.classes.get(&class).cloned())?;
                included = Some(all.less(&own));
            }
        }
        included
    }

    /// Adds up the exporter's own pods, on the nodes asked for.
    fn own(&self) -> Steps {
        let count = self.extent.points;
        let sum = |purpose, of: &dyn Fn(&Key) -> bool| {
            let parts = each(&self.fetched, purpose).filter(|(key, _)| of(key));
            Steps::total(count, parts.map(|(_, steps)| steps))
        };
        if self.fetched.parts.contains_key(&Purpose::Neighbours) {
            let namespace = |key: &Key| key.namespace.as_deref() == Some(OWN_NAMESPACE);
            let all = sum(Purpose::Namespaces, &namespace);
            return all.less(&sum(Purpose::Neighbours, &|_| true));
        }
        sum(Purpose::Own, &|_| true)
    }
}
