//! When to draw.
//!
//! Owns: the two rates. A key draws at once, at most 120 times a second; data draws on a coalesced deadline, at most 30
//! times a second; nothing changed, nothing drawn. Does not own: drawing.

use std::time::Duration;

use tokio::time::Instant;

/// Between two frames that keys asked for: 120 a second, what the fastest key repeat can fill.
const KEY_FRAME: Duration = Duration::from_micros(8_333);
/// Between two frames that data asked for: 30 a second, more than an eye needs of text.
const DATA_FRAME: Duration = Duration::from_micros(33_333);

/// Who asks for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    Key,
    Data,
}

/// Whether a frame is due, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frames {
    last: Instant,
    due: Due,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Never,
    At(Instant),
}

impl Frames {
    /// The first frame was drawn at `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            last: now,
            due: Due::Never,
        }
    }

    /// Something changed; the earliest wish wins.
    pub(crate) fn ask(&mut self, urgency: Urgency, now: Instant) {
        let gap = match urgency {
            Urgency::Key => KEY_FRAME,
            Urgency::Data => DATA_FRAME,
        };
        let wish = (self.last + gap).max(now);
        self.due = match self.due {
            Due::At(earlier) if earlier <= wish => Due::At(earlier),
            Due::At(_) | Due::Never => Due::At(wish),
        };
    }

    /// A frame was drawn.
    pub(crate) fn drawn(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// Waits for the next frame; for ever when nothing changed.
    pub(crate) async fn due(&self) {
        match self.due {
            Due::At(at) => tokio::time::sleep_until(at).await,
            Due::Never => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_data_makes_one_frame_and_a_key_overtakes_it() {
        let start = Instant::now();
        let mut frames = Frames::new(start);
        for _ in 0..200 {
            frames.ask(Urgency::Data, start);
        }
        frames.due().await;
        assert_eq!(
            start.elapsed().as_millis(),
            34,
            "paused time has a tick of 1 ms"
        );
        frames.drawn(Instant::now());
        let second = Instant::now();
        frames.ask(Urgency::Data, second);
        frames.ask(Urgency::Key, second);
        frames.due().await;
        assert!(second.elapsed() < Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_a_key_draws_at_once_and_nothing_draws_nothing() {
        let mut frames = Frames::new(Instant::now());
        tokio::time::advance(Duration::from_secs(1)).await;
        let idle = tokio::time::timeout(Duration::from_secs(3600), frames.due()).await;
        assert!(idle.is_err(), "no frame without a change");
        let before = Instant::now();
        frames.ask(Urgency::Key, before);
        frames.due().await;
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
