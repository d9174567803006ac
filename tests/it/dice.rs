//! Chance that can be repeated.
//!
//! Owns: the seed, which is printed, so that a failure can be played again, and the throws.

/// Names the seed to play again.
const SEED: &str = "FLEET_TEST_SEED";

/// A small generator, so that moments differ from run to run and a failure can be repeated.
pub(crate) struct Dice(u64);

impl Dice {
    /// With a seed of this run.
    pub(crate) fn new() -> Self {
        Self::of(0)
    }

    /// One of several that are thrown at the same time.
    pub(crate) fn of(lane: u64) -> Self {
        let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) * 2_654_435_761 + 1);
        eprintln!("{SEED}={seed}");
        Self(
            seed.wrapping_add(lane.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                .max(1),
        )
    }

    /// From 0 to below the bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
