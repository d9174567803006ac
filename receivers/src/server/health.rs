//! `/health`: whether this receiver works, and the proof that it is the one it claims to be.
//!
//! Owns: when it is red. Public; it must answer even when the work loop hangs, so it touches neither it nor the database.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use fleet_a2a::contract::Violation;
use fleet_a2a::health::{MAX_NONCE_BYTES, NONCE_PARAM, proof};
use fleet_a2a::rpc::Fault;

use super::App;
use super::agent::{Standing, standing};
use super::reply::{Failed, json_body};
use crate::folder::Health;

/// Age of the work loop's last beat at which health turns red; it beats once a second.
const RED_AFTER: Duration = Duration::from_secs(5);

/// GET /health.
pub(super) async fn health(State(app): State<App>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or("");
    let nonce = url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == NONCE_PARAM)
        .map(|(_, value)| value.into_owned());
    if let Some(nonce) = &nonce
        && (nonce.is_empty() || nonce.len() > MAX_NONCE_BYTES)
    {
        let held = format!("{} bytes", nonce.len());
        let takes = format!("1 to {MAX_NONCE_BYTES} bytes");
        return Failed::from(Fault::invalid_params(&[Violation::new(
            NONCE_PARAM,
            held,
            takes,
        )]))
        .rest();
    }
    let standing = standing(&app).await;
    let health = health_of(&app, standing, nonce.as_deref());
    let status = if health.ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json_body(status, &serde_json::to_value(&health).unwrap_or_default())
}

fn health_of(app: &App, standing: Standing, nonce: Option<&str>) -> Health {
    let shared = app.registry.shared();
    let config = &shared.config;
    let age = shared.pulse.age();
    let addr = app.addr.to_string();
    Health {
        ok: age < RED_AFTER,
        peer: config.peer.clone(),
        mode: config.mode,
        repo: config.repo.to_string_lossy().into_owned(),
        instance: app.instance.clone(),
        addr: app.addr,
        version: crate::version().to_owned(),
        cli_version: standing.cli_version,
        readiness: standing.readiness,
        detail: standing.detail,
        remedy: standing.remedy,
        loop_age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        open_tasks: app.registry.open_tasks() as u64,
        draining: shared.drain.is_cancelled(),
        proof: nonce.map(|nonce| proof(&app.token, nonce, &app.instance, &addr)),
    }
}
