//! The one place that reads the wall clock. Everything else takes time as an argument.
//!
//! Owns: the reading. Durations are measured with `tokio::time::Instant`, which tests can pause.

use jiff::Timestamp;

/// The time now, UTC.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "this is the one module that may read the wall clock"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The time now, in milliseconds of Unix time.
#[must_use]
pub fn now_ms() -> i64 {
    now().as_millisecond()
}

/// Milliseconds of Unix time as RFC 3339 in UTC, with milliseconds; out of range becomes the epoch.
#[must_use]
pub fn rfc3339(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}
