//! From a mode to its adapter.
//!
//! Owns: the one list of what is built in.

use std::sync::Arc;

use super::Adapter;
use super::cc::CcAdapter;
use super::echo::EchoAdapter;
use super::exec::ExecAdapter;
use crate::Mode;
use crate::child::ChildEnv;
use crate::config::ReceiverConfig;

/// A mode that this fleet cannot drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("mode {mode} is not built in yet; use one of cc, exec, echo")]
pub struct BuildError {
    /// Which.
    pub mode: Mode,
}

/// Whether this version can drive that mode.
#[must_use]
pub fn is_built(mode: Mode) -> bool {
    match mode {
        Mode::Cc | Mode::Exec | Mode::Echo => true,
        Mode::Oc | Mode::Codex | Mode::Agy | Mode::Hermes => false,
    }
}

/// The adapter of a receiver; `env` is what its processes get.
///
/// # Errors
/// [`BuildError`] for a mode that is not built in yet.
pub fn build(config: &ReceiverConfig, env: ChildEnv) -> Result<Arc<dyn Adapter>, BuildError> {
    match config.mode {
        Mode::Cc => Ok(Arc::new(CcAdapter::new(config, env))),
        Mode::Exec => Ok(Arc::new(ExecAdapter::new(config, env))),
        Mode::Echo => Ok(Arc::new(EchoAdapter)),
        Mode::Oc | Mode::Codex | Mode::Agy | Mode::Hermes => Err(BuildError { mode: config.mode }),
    }
}
