//! Figures, times and states as people read them.
//!
//! Owns: words and glyphs. Does not own: colours beyond naming their meaning.

use fleet_a2a::ext::Usage;
use jiff::Timestamp;

use crate::domain::{DispatchState, Health, Verification, grouped};

use super::theme::Role;

/// A state as word, glyph and meaning, so that it is never told by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sign {
    pub(crate) glyph: &'static str,
    pub(crate) word: &'static str,
    pub(crate) role: Role,
}

const fn sign(glyph: &'static str, word: &'static str, role: Role) -> Sign {
    Sign { glyph, word, role }
}

/// A peer's health.
pub(crate) fn health(health: Health) -> Sign {
    let word = health.word();
    match health {
        Health::Ready => sign("●", word, Role::Good),
        Health::Starting => sign("◐", word, Role::Busy),
        Health::Stopped => sign("○", word, Role::Dim),
        Health::Degraded => sign("▲", word, Role::Warn),
        Health::Unreachable => sign("✗", word, Role::Bad),
        Health::Parked => sign("■", word, Role::Bad),
        Health::Unknown => sign("?", word, Role::Dim),
    }
}

/// A dispatch's state.
pub(crate) fn state(state: DispatchState) -> Sign {
    let word = state.word();
    match state {
        DispatchState::Queued => sign("◌", word, Role::Dim),
        DispatchState::Sending => sign("↑", word, Role::Busy),
        DispatchState::Working => sign("▶", word, Role::Busy),
        DispatchState::InputRequired => sign("!", word, Role::Warn),
        DispatchState::Completed => sign("✓", word, Role::Good),
        DispatchState::Failed => sign("✗", word, Role::Bad),
        DispatchState::Rejected => sign("⊘", word, Role::Bad),
        DispatchState::Canceled => sign("–", word, Role::Dim),
        DispatchState::Expired => sign("◷", word, Role::Warn),
        DispatchState::Unknown => sign("?", word, Role::Warn),
    }
}

/// What the checks said.
pub(crate) fn verification(verification: Verification) -> Sign {
    match verification {
        Verification::Verified => sign("✓", "verified", Role::Good),
        Verification::Unverified => sign("·", "unverified", Role::Dim),
        Verification::Rejected => sign("✗", "rejected", Role::Bad),
    }
}

/// Seconds as `0:07`, `12:34` or `1:02:03`.
pub(crate) fn clock(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{rest:02}")
    } else {
        format!("{minutes}:{rest:02}")
    }
}

/// How long something took: `137 ms`, `8.7 s`, then as [`clock`] says it.
pub(crate) fn took(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000.. => clock(ms / 1_000),
    }
}

/// What is left until an instant, both in Unix milliseconds, rounded up so that 0:00 means over.
pub(crate) fn left(until_ms: i64, now_ms: i64) -> String {
    let left_ms = u64::try_from(until_ms.saturating_sub(now_ms)).unwrap_or(0);
    clock(left_ms.div_ceil(1000))
}

/// How long ago, coarse: `5s`, `3m`, `2h`, `9d`.
pub(crate) fn age(from_ms: i64, now_ms: i64) -> String {
    let seconds = u64::try_from(now_ms.saturating_sub(from_ms)).unwrap_or(0) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400.. => format!("{}d", seconds / 86_400),
    }
}

/// RFC 3339 as Unix milliseconds; `None` for anything else.
pub(crate) fn at_ms(rfc3339: &str) -> Option<i64> {
    rfc3339
        .parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_millisecond)
}

/// Tokens and money of a dispatch so far.
pub(crate) fn usage(usage: &Usage, granted: Option<u64>) -> String {
    let mut text = if usage.estimated { "~" } else { "" }.to_owned();
    text.push_str(&grouped(usage.counted_tokens()));
    if let Some(limit) = granted {
        text.push_str(&format!(" of {}", grouped(limit)));
    }
    text.push_str(" tokens");
    if usage.cache_read_tokens > 0 {
        text.push_str(&format!(
            " + {} from cache",
            grouped(usage.cache_read_tokens)
        ));
    }
    if let Some(cost) = usage.cost_usd {
        text.push_str(&format!(" · ${cost:.4}"));
    }
    text
}

/// The first eight characters of an id: enough to recognise, the whole one stands in the stream's header.
pub(crate) fn short_id(id: impl std::fmt::Display) -> String {
    let id = id.to_string();
    // A UUID v7 begins with its time, so ids of one minute share it: the end tells them apart.
    id.chars()
        .skip(id.chars().count().saturating_sub(8))
        .collect()
}

/// A singular or a plural.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {many}")
    }
}
