//! `fleet`: a terminal console that runs a fleet of coding agents over A2A (Agent2Agent).
//!
//! | module | what it is |
//! |---|---|
//! | [`domain`] | the words and rules, as plain data and functions |
//! | [`control`] | what clients and the daemon say to each other |

pub mod control;
pub mod domain;
