//! Values of a sorted map by keys that rise: one walk beside them. A search for each compares many more strings.

use std::iter::Peekable;

/// Walk over the entries of a sorted map.
pub(super) struct InOrder<I: Iterator>(Peekable<I>);

impl<'a, K: Ord + 'a, V, I: Iterator<Item = (&'a K, V)>> InOrder<I> {
    pub(super) fn new(entries: impl IntoIterator<IntoIter = I>) -> InOrder<I> {
        InOrder(entries.into_iter().peekable())
    }

    /// Returns the value of a key, which must be above the one before: else it is not found. `None` if the map does not have it.
    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        while self.0.next_if(|(passed, _)| *passed < key).is_some() {}
        self.0.next_if(|(next, _)| *next == key).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_has_the_values_of_the_map() {
        let map = BTreeMap::from([(1, "a"), (2, "b"), (4, "c"), (7, "d")]);
        for step in 1..4 {
            let mut entries = InOrder::new(&map);
            for key in (0..9).step_by(step) {
                assert_eq!(entries.get(&key), map.get(&key), "{key} in steps of {step}");
            }
        }
    }
}
