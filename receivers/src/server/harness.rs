//! `/harness`: what the agent here has to work with, for callers with the token.
//!
//! Owns: putting it together. Does not own: looking into the repo (see `harness`).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::App;
use super::reply::json_body;
use crate::harness::{Handshake, Harness, Listing, Verdict, inventory};

/// GET /harness.
pub(super) async fn harness(State(app): State<App>) -> Response {
    let shared = app.registry.shared();
    let config = &shared.config;
    let (repo, mode) = (config.repo.clone(), config.mode);
    let look = move || (inventory(&repo), Listing::read(&repo, mode).hash());
    // The blocking pool ends only with the process.
    let looked = tokio::task::spawn_blocking(look).await;
    let (harness, settings_hash) = looked.unwrap_or_else(|_| (Harness::default(), String::new()));
    let state = app.agent.borrow().clone();
    let answer = Handshake {
        peer: config.peer.clone(),
        mode: config.mode,
        repo: config.repo.to_string_lossy().into_owned(),
        cli_version: state.version(),
        login: state.verdict().0,
        settings_accepted: shared.guard.verdict().await == Verdict::Accepted,
        settings_hash,
        harness,
    };
    json_body(
        StatusCode::OK,
        &serde_json::to_value(&answer).unwrap_or_default(),
    )
}
