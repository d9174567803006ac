//! Asking a receiver who it is, before it is sent the token.
//!
//! Owns: one question and what its answer is worth. Does not own: how often it is asked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet_a2a::client::Client;
use fleet_a2a::health::verify_answer;
use fleet_receivers::folder::{Health, Identity};
use url::Url;

use super::deploy::Deployed;
use crate::config::hex;
use crate::domain::SafeText;

/// How long `/health` may take: it does no work, and a receiver that is too busy for it is not healthy.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Why a receiver is not proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unproven {
    /// Nothing answers, or not in time.
    #[error("it does not answer: {0}")]
    Silent(String),
    /// Something else answers on its port.
    #[error("something else answers on its port {0}")]
    Stranger(u16),
    /// It is ours, but of another peer, repo or start.
    #[error("its answer does not fit: {0}")]
    Other(&'static str),
    /// It is ours and works elsewhere.
    #[error("it works in {} and not in {}", SafeText::line_of(.works_in), wanted.display())]
    Elsewhere {
        /// What it said.
        works_in: String,
        /// What its configuration says.
        wanted: PathBuf,
    },
    /// It says that its work loop does not turn.
    #[error("its work loop has stood still for {0} ms")]
    Stuck(u64),
}

/// Asks once.
pub(super) async fn prove(
    client: &Client,
    deployed: &Deployed,
    identity: &Identity,
) -> Result<Health, Unproven> {
    let nonce = hex(&rand::random::<[u8; 16]>());
    let base = base_url(identity).ok_or(Unproven::Other("its address is no address"))?;
    let asked = tokio::time::timeout(TIMEOUT, client.health(&base, &nonce)).await;
    let answer = match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(Unproven::Silent(error.to_string())),
        Err(_) => return Err(Unproven::Silent("no answer within 2 s".to_owned())),
    };
    if !verify_answer(&deployed.token, &nonce, &identity.addr.to_string(), &answer) {
        return Err(Unproven::Stranger(identity.addr.port()));
    }
    let health: Health =
        serde_json::from_value(answer).map_err(|_| Unproven::Other("it is of another version"))?;
    if health.peer != deployed.config.peer {
        return Err(Unproven::Other("it is another peer"));
    }
    if health.repo != deployed.config.repo.to_string_lossy() {
        return Err(Unproven::Other("it works in another repo"));
    }
    if health.mode != deployed.config.mode || health.instance != identity.instance {
        return Err(Unproven::Other("it is another start or mode"));
    }
    if !same_folder(Path::new(&health.repo), &deployed.config.repo).await {
        return Err(Unproven::Elsewhere {
            works_in: health.repo,
            wanted: deployed.config.repo.clone(),
        });
    }
    if !health.ok {
        return Err(Unproven::Stuck(health.loop_age_ms));
    }
    Ok(health)
}

/// Whether two paths lead to one folder; `/health` tells a path that is no text as near as it can.
pub(super) async fn same_folder(said: &Path, wanted: &Path) -> bool {
    if said.to_string_lossy() == wanted.to_string_lossy() {
        return true;
    }
    let (said, wanted) = tokio::join!(
        tokio::fs::canonicalize(said),
        tokio::fs::canonicalize(wanted)
    );
    matches!((said, wanted), (Ok(said), Ok(wanted)) if said == wanted)
}

/// The base of a receiver's addresses, from what it bound.
pub(super) fn base_url(identity: &Identity) -> Option<Url> {
    Url::parse(&format!("http://{}", identity.addr)).ok()
}
