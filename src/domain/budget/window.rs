//! When a budget begins anew.
//!
//! Owns: the calendar of windows, in UTC. Does not own: what counts in one.

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;
/// 1970-01-01 was a Thursday; weeks start on Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// When a budget starts anew. Calendar windows are UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// At midnight.
    Day,
    /// On Monday at midnight.
    Week,
    /// Never.
    Total,
}

impl Window {
    /// The start of the window that holds `now_ms` (Unix milliseconds); 0 for [`Window::Total`].
    #[must_use]
    pub fn start_ms(self, now_ms: i64) -> i64 {
        let day = now_ms.div_euclid(DAY_MS);
        match self {
            Self::Day => day * DAY_MS,
            Self::Week => (day - (day + EPOCH_WEEKDAY).rem_euclid(7)) * DAY_MS,
            Self::Total => 0,
        }
    }

    /// The end of that window, exclusive; `None` for [`Window::Total`].
    #[must_use]
    pub fn end_ms(self, now_ms: i64) -> Option<i64> {
        match self {
            Self::Day => Some(self.start_ms(now_ms) + DAY_MS),
            Self::Week => Some(self.start_ms(now_ms) + 7 * DAY_MS),
            Self::Total => None,
        }
    }

    /// The word in fleet.toml.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Total => "total",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn windows_are_utc_calendar_days_and_weeks_from_monday() {
        // 2026-11-21 is a Saturday; its Monday is the 16th.
        let saturday: i64 = 1_795_219_200_000;
        let monday = saturday - 5 * DAY_MS;
        assert_eq!(Window::Day.start_ms(saturday + HOUR_MS), saturday);
        assert_eq!(Window::Day.start_ms(saturday - 1), saturday - DAY_MS);
        assert_eq!(Window::Week.start_ms(saturday), monday);
        assert_eq!(Window::Week.start_ms(monday), monday);
        assert_eq!(Window::Week.start_ms(monday - 1), monday - 7 * DAY_MS);
        assert_eq!(Window::Week.end_ms(saturday), Some(monday + 7 * DAY_MS));
        assert_eq!(Window::Total.start_ms(saturday), 0);
        assert_eq!(Window::Total.end_ms(saturday), None);
    }

    proptest! {
        #[test]
        fn an_instant_is_in_its_window(now_ms in 0..4_000_000_000_000_i64) {
            for window in [Window::Day, Window::Week] {
                let (start, end) = (window.start_ms(now_ms), window.end_ms(now_ms).unwrap());
                prop_assert!(start <= now_ms && now_ms < end);
                prop_assert_eq!(window.start_ms(end), end);
                prop_assert_eq!(window.start_ms(end - 1), start);
            }
        }
    }
}
