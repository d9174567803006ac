//! `/harness`: what the agent here has to work with, for callers with the token.
//!
//! Owns: putting it together. Does not own: looking into the repo (see `harness`).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::App;
use super::agent::standing;
use super::reply::json_body;
use crate::harness::{Handshake, Harness, inventory};

/// GET /harness.
pub(super) async fn harness(State(app): State<App>) -> Response {
    let standing = standing(&app).await;
    let config = &app.registry.shared().config;
    let repo = config.repo.clone();
    let looked = tokio::task::spawn_blocking(move || inventory(&repo)).await;
    let answer = Handshake {
        peer: config.peer.clone(),
        mode: config.mode,
        repo: config.repo.to_string_lossy().into_owned(),
        cli_version: standing.cli_version,
        readiness: standing.readiness,
        // The blocking pool ends only with the process.
        harness: looked.unwrap_or_else(|_| Harness::default()),
    };
    json_body(
        StatusCode::OK,
        &serde_json::to_value(&answer).unwrap_or_default(),
    )
}
