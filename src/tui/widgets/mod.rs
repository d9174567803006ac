//! Pieces that know ratatui and nothing of a fleet.

mod gauge;
mod input;
mod wrap;

pub(crate) use gauge::gauge;
pub(crate) use input::{Input, Lines};
pub(crate) use wrap::{clip, wrap};
