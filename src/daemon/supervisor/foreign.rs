//! Somebody else's agent: it is found by its card and cannot be started.
//!
//! Owns: fetching the card, the token out of the environment, the dialects that are spoken. Does not own: when.

use std::time::Duration;

use fleet_a2a::client::{Client, Dialect, Endpoint, Secret};
use tokio::time::Instant;

use super::status::Status;
use crate::config::ForeignPeer;
use crate::daemon::peers::{ClientEnv, ReadyPeer};
use crate::domain::{ErrorKind, Failure, Health, PeerName, SafeText};

/// How long a card may take: it is one small file.
const CARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Fetches the card and makes an endpoint of it.
///
/// # Errors
/// `Unauthenticated` when the token's variable is not set; `Unreachable` when there is no usable card.
pub(super) async fn reach(
    client: &Client,
    name: &PeerName,
    peer: &ForeignPeer,
    env: &ClientEnv,
) -> Result<ReadyPeer, Failure> {
    let token = token_of(name, peer, env)?;
    let fetched = client.fetch_card(&peer.url, token.as_ref());
    let endpoint = match tokio::time::timeout(CARD_TIMEOUT, fetched).await {
        Ok(Ok(endpoint)) => endpoint,
        Ok(Err(error)) => return Err(unreachable(name, peer, &error.to_string())),
        Err(_) => return Err(unreachable(name, peer, "no card within 5 s")),
    };
    check_dialect(name, peer, &endpoint)?;
    Ok(ReadyPeer {
        endpoint,
        instance: None,
    })
}

/// What a probe means.
pub(super) fn status_of(reached: &Result<ReadyPeer, Failure>) -> Status {
    match reached {
        Ok(ready) => Status {
            dialect: Some(ready.endpoint.card.dialect.word().to_owned()),
            probed_at: Some(Instant::now()),
            ready: Some(ready.clone()),
            ..Status::new(Health::Ready)
        },
        Err(failure) => {
            let health = match failure.kind {
                ErrorKind::Unauthenticated | ErrorKind::State => Health::Degraded,
                _other => Health::Unreachable,
            };
            Status {
                reason: Some(failure.message.clone()),
                remedy: Some(failure.remedy.clone()).filter(|remedy| !remedy.is_empty()),
                probed_at: Some(Instant::now()),
                ..Status::new(health)
            }
        }
    }
}

/// The token as the client has it, else as this daemon has it.
fn token_of(
    name: &PeerName,
    peer: &ForeignPeer,
    env: &ClientEnv,
) -> Result<Option<Secret>, Failure> {
    let Some(variable) = &peer.token_env else {
        return Ok(None);
    };
    let lent = env.iter().find(|(name, _)| name == variable);
    let value = lent.map(|(_, value)| value.clone());
    match value.or_else(|| std::env::var(variable).ok()) {
        Some(value) if !value.trim().is_empty() => Ok(Some(Secret::new(&value))),
        Some(_) | None => Err(Failure::new(
            ErrorKind::Unauthenticated,
            format!("The token of {name} is missing: {variable} is not set."),
            format!("Set {variable} to the token, then run the command again."),
        )),
    }
}

fn check_dialect(name: &PeerName, peer: &ForeignPeer, endpoint: &Endpoint) -> Result<(), Failure> {
    let card = endpoint.card.dialect;
    let spoken = peer.dialect.as_deref().unwrap_or(card.word());
    if spoken == Dialect::V1.word() {
        return Ok(());
    }
    Err(Failure::new(
        ErrorKind::State,
        format!(
            "{name} speaks A2A in the dialect {spoken}, which this version of fleet does not speak yet."
        ),
        "Use an agent that speaks A2A 1.0.",
    ))
}

fn unreachable(name: &PeerName, peer: &ForeignPeer, why: &str) -> Failure {
    Failure::new(
        ErrorKind::Unreachable,
        format!(
            "{name} cannot be reached at {}: {}.",
            peer.url,
            SafeText::line_of(why.trim_end_matches('.'))
        ),
        "See that the agent runs, and that its url in fleet.toml is right.",
    )
}
