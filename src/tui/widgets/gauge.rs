//! A gauge of one text line.
//!
//! Owns: the arithmetic from a figure and a limit to filled cells.

/// `▓▓▓░░` of `cells` cells: anything above zero fills one, only the whole limit fills all.
pub(crate) fn gauge(used: u64, limit: u64, cells: usize) -> String {
    let filled = if limit == 0 || used >= limit {
        cells
    } else if used == 0 {
        0
    } else {
        let share = u128::from(used) * cells as u128 / u128::from(limit);
        usize::try_from(share)
            .unwrap_or(cells)
            .min(cells.saturating_sub(1))
            .max(1)
            .min(cells)
    };
    "▓".repeat(filled) + &"░".repeat(cells - filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shows_a_little_as_something_and_only_the_limit_as_full() {
        assert_eq!(gauge(0, 100, 5), "░░░░░");
        assert_eq!(gauge(1, 100, 5), "▓░░░░");
        assert_eq!(gauge(50, 100, 4), "▓▓░░");
        assert_eq!(gauge(99, 100, 5), "▓▓▓▓░");
        assert_eq!(gauge(100, 100, 5), "▓▓▓▓▓");
        assert_eq!(gauge(3, 0, 2), "▓▓");
    }

    proptest! {
        #[test]
        fn is_always_as_wide_as_asked(used: u64, limit: u64, cells in 0usize..40) {
            prop_assert_eq!(gauge(used, limit, cells).chars().count(), cells);
        }
    }
}
