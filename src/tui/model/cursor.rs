//! A selection in a list that changes below it.
//!
//! Owns: keeping the selected thing selected when others come and go.

/// A selection by key; where the key is gone, by place.
#[derive(Debug)]
pub(crate) struct Cursor<K> {
    at: At<K>,
    place: usize,
}

#[derive(Debug)]
enum At<K> {
    /// Nothing was chosen yet: the first.
    First,
    Key(K),
}

impl<K> Default for Cursor<K> {
    fn default() -> Self {
        Self {
            at: At::First,
            place: 0,
        }
    }
}

impl<K: PartialEq + Clone> Cursor<K> {
    /// Where the selection stands in a list; `None` in an empty one.
    pub(crate) fn index(&self, keys: &[&K]) -> Option<usize> {
        let last = keys.len().checked_sub(1)?;
        let found = match &self.at {
            At::First => return Some(0),
            At::Key(key) => keys.iter().position(|other| *other == key),
        };
        Some(found.unwrap_or(self.place.min(last)))
    }

    /// Selects a thing by its place, as near as the list allows.
    pub(crate) fn select(&mut self, keys: &[&K], place: usize) {
        let place = place.min(keys.len().saturating_sub(1));
        if let Some(key) = keys.get(place) {
            self.at = At::Key((*key).clone());
            self.place = place;
        }
    }

    /// Goes up or down by so many.
    pub(crate) fn step(&mut self, keys: &[&K], by: isize) {
        if let Some(now) = self.index(keys) {
            self.select(keys, now.saturating_add_signed(by));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_on_its_thing_when_others_come_and_falls_to_its_place_when_it_goes() {
        let mut cursor = Cursor::default();
        cursor.step(&[&1, &2, &3], 1);
        assert_eq!(cursor.index(&[&1, &2, &3]), Some(1));
        assert_eq!(cursor.index(&[&9, &1, &2, &3]), Some(2));
        assert_eq!(cursor.index(&[&1, &3]), Some(1));
        assert_eq!(cursor.index(&[]), None);
        cursor.step(&[&1, &2, &3], isize::MAX);
        assert_eq!(cursor.index(&[&1, &2, &3]), Some(2));
        cursor.step(&[&1, &2, &3], isize::MIN);
        assert_eq!(cursor.index(&[&1, &2, &3]), Some(0));
    }
}
