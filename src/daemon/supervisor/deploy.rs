//! Writing a receiver's folder.
//!
//! Owns: the token (minted once), the port (the peer's own, else the first free one of its band), `receiver.toml` and the
//! environment. Does not own: starting the receiver.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use fleet_a2a::client::Secret;
use fleet_receivers::child::ChildEnv;
use fleet_receivers::config::ReceiverConfig;
use fleet_receivers::folder::{self, FolderError};

use crate::config::{Bands, ReceiverPeer, hex};
use crate::daemon::peers::ClientEnv;
use crate::daemon::store::{ReceiverRow, Store};
use crate::domain::{Band, ErrorKind, Failure, PeerName};

/// A receiver's token in bytes before it is written as hex.
const TOKEN_BYTES: usize = 32;
/// The longest deadline of a receiver: whoever dispatches gives a shorter one.
const MAX_DEADLINE_S: u32 = 86_400;
/// How long turns may go on after SIGTERM, in seconds: a dispatch that nearly is done gets done, and `fleet stop` is not
/// held up for long.
pub(super) const DRAIN_GRACE_S: u32 = 10;

/// A written folder.
#[derive(Debug, Clone)]
pub(super) struct Deployed {
    pub(super) dir: PathBuf,
    pub(super) config: ReceiverConfig,
    pub(super) token: Secret,
    /// The environment of the process and its agents.
    pub(super) env: ClientEnv,
}

/// What to deploy.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) fleet: &'a str,
    pub(super) peer: &'a PeerName,
    pub(super) receiver: &'a ReceiverPeer,
    pub(super) bands: &'a Bands,
    /// The receiver's folder.
    pub(super) dir: PathBuf,
}

impl Plan<'_> {
    /// Writes the folder, or brings it up to date, and claims the port. The row is stored before anything else, so that
    /// whatever runs later is known to the next daemon.
    ///
    /// # Errors
    /// A [`Failure`] that names the port, the band or the file that stands in the way.
    pub(super) async fn deploy(&self, store: &Store, env: &ClientEnv) -> Result<Deployed, Failure> {
        let mut row = match store.receiver(self.peer).await? {
            Some(row) => row,
            None => ReceiverRow::new(self.peer.clone(), mint_receiver_id(self.peer)),
        };
        row.should_run = true;
        store.upsert_receiver(&row).await?;
        let port = self.claim_port(store, row.port).await?;
        let dir = self.dir.clone();
        let known = folder::load(&dir).ok();
        let token = match &known {
            Some((_, token)) => token.clone(),
            None => keep_token(&dir).unwrap_or_else(mint_token),
        };
        let config = self.receiver_config(row.receiver_id, port);
        let same = known.is_some_and(|(known, _)| known == config);
        if !same {
            folder::write(&dir, &config, &token).map_err(refused)?;
        }
        let env = self.environment(&dir, env)?;
        Ok(Deployed {
            dir,
            config,
            token,
            env,
        })
    }

    /// What `receiver.toml` is to say.
    pub(super) fn receiver_config(&self, receiver_id: String, port: u16) -> ReceiverConfig {
        let receiver = self.receiver;
        ReceiverConfig {
            fleet: self.fleet.to_owned(),
            peer: self.peer.to_string(),
            receiver_id,
            mode: receiver.mode,
            repo: receiver.repo.clone(),
            bind: loopback(port),
            permissions: receiver.permissions,
            model: receiver.model.clone(),
            command: receiver.command.clone(),
            events: receiver.events,
            env: receiver.env.clone(),
            max_concurrent_turns: receiver.max_concurrent_turns,
            max_deadline_s: MAX_DEADLINE_S,
            ceiling: receiver.ceiling,
            permission_timeout_s: receiver.permission_timeout_s,
            idle_timeout_s: receiver.idle_timeout_s,
            warm_idle_s: receiver.warm_idle_s,
            drain_grace_s: DRAIN_GRACE_S,
        }
    }

    async fn claim_port(&self, store: &Store, own: Option<u16>) -> Result<u16, Failure> {
        if let Some(port) = self.receiver.port {
            return self.claim_given(store, port).await;
        }
        let band = self.band()?;
        if let Some(port) = own.filter(|port| band.contains(*port) && is_free(*port)) {
            return Ok(port);
        }
        for port in band.ports().filter(|port| Some(*port) != own) {
            if is_free(port) && store.claim_port(self.peer, port).await? {
                return Ok(port);
            }
        }
        Err(Failure::new(
            ErrorKind::Unreachable,
            format!(
                "No port is free for {}: all of {band}, the band of mode {}, are taken by other peers or programs.",
                self.peer, self.receiver.mode
            ),
            format!(
                "Stop what listens there, or widen `{} = [..]` under [bands] in fleet.toml.",
                self.receiver.mode
            ),
        ))
    }

    async fn claim_given(&self, store: &Store, port: u16) -> Result<u16, Failure> {
        let remedy = format!(
            "Give peers.{}.port another number, or leave it out.",
            self.peer
        );
        if !is_free(port) {
            return Err(Failure::new(
                ErrorKind::Unreachable,
                format!(
                    "Port {port}, which fleet.toml gives to {}, is taken by another program.",
                    self.peer
                ),
                remedy,
            ));
        }
        if store.claim_port(self.peer, port).await? {
            return Ok(port);
        }
        Err(Failure::new(
            ErrorKind::Unreachable,
            format!(
                "Port {port}, which fleet.toml gives to {}, belongs to another peer of this fleet.",
                self.peer
            ),
            remedy,
        ))
    }

    fn band(&self) -> Result<Band, Failure> {
        let mode = self.receiver.mode;
        self.bands.0.get(&mode).copied().ok_or_else(|| {
            Failure::new(
                ErrorKind::Config,
                format!("Mode {mode} has no band of ports."),
                format!("Add `{mode} = [first, last]` under [bands] in fleet.toml."),
            )
        })
    }

    /// What the client lent, else what was kept from the last time, else our own.
    fn environment(&self, dir: &Path, lent: &ClientEnv) -> Result<ClientEnv, Failure> {
        let env = match self.of_lent(lent) {
            Some(env) => env,
            None => match folder::read_env(dir).map_err(refused)? {
                Some(kept) => return Ok(kept),
                None => listed(&ChildEnv::pick_own(self.receiver.mode, &self.receiver.env)),
            },
        };
        folder::write_env(dir, &env).map_err(refused)?;
        Ok(env)
    }

    /// What a receiver of this mode gets of what a client lends; `None` where none lends.
    fn of_lent(&self, lent: &ClientEnv) -> Option<ClientEnv> {
        let (mode, extra) = (self.receiver.mode, &self.receiver.env);
        (!lent.is_empty()).then(|| listed(&ChildEnv::pick(mode, extra, lent.iter().cloned())))
    }

    /// Whether what a client lends is another environment than the one that a receiver has.
    pub(super) fn lends_another(&self, known: &ClientEnv, lent: &ClientEnv) -> bool {
        let sorted = |env: &ClientEnv| env.iter().cloned().collect::<BTreeMap<_, _>>();
        self.of_lent(lent)
            .is_some_and(|env| sorted(&env) != sorted(known))
    }
}

fn listed(env: &ChildEnv) -> ClientEnv {
    env.iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Proven by binding; the receiver binds again in a moment.
fn is_free(port: u16) -> bool {
    TcpListener::bind(loopback(port)).is_ok()
}

fn mint_receiver_id(peer: &PeerName) -> String {
    format!("{peer}-{}", hex(&rand::random::<[u8; 8]>()))
}

fn mint_token() -> Secret {
    Secret::new(&hex(&rand::random::<[u8; TOKEN_BYTES]>()))
}

/// A new token for a receiver that does not run; one that was never deployed gets its first when it is.
pub(super) fn rotate_token(dir: &Path) -> Result<(), Failure> {
    if !folder::path(dir, folder::CONFIG_FILE).exists() {
        return Ok(());
    }
    folder::write_token(dir, &mint_token()).map_err(refused)
}

/// The token of a folder whose `receiver.toml` does not read any more, if it is one that we minted.
fn keep_token(dir: &Path) -> Option<Secret> {
    let path = folder::path(dir, folder::TOKEN_FILE);
    // What a link leads to was never written by us, and must not be sent to anybody.
    let meta = std::fs::symlink_metadata(&path).ok()?;
    if !meta.is_file() || meta.len() > 4 * TOKEN_BYTES as u64 {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    let token = text.trim();
    let minted = token.len() == 2 * TOKEN_BYTES && token.chars().all(|c| c.is_ascii_hexdigit());
    minted.then(|| Secret::new(token))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn refused(error: FolderError) -> Failure {
    Failure::new(
        ErrorKind::Internal,
        format!("The receiver's folder cannot be used: {error}."),
        "See that the state folder is yours and can be written to.",
    )
}

#[cfg(test)]
mod tests {
    use fleet_receivers::Mode;

    use super::*;

    struct Bench {
        dir: tempfile::TempDir,
        store: Store,
        receiver: ReceiverPeer,
        bands: Bands,
    }

    /// Two neighbouring ports that are free now.
    fn free_pair() -> (u16, u16) {
        loop {
            let probe = TcpListener::bind(loopback(0)).unwrap();
            let first = probe.local_addr().unwrap().port();
            if first < u16::MAX && TcpListener::bind(loopback(first + 1)).is_ok() {
                return (first, first + 1);
            }
        }
    }

    async fn bench() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("fleet.db")).await.unwrap();
        let config = crate::config::parse(
            &dir.path().join("fleet.toml"),
            "[peers.echo]\nmode = \"echo\"\n",
            None,
        )
        .unwrap();
        let receiver = match &config.peers[0].kind {
            crate::config::PeerKind::Receiver(receiver) => (**receiver).clone(),
            crate::config::PeerKind::Foreign(_) => panic!("a receiver"),
        };
        let (first, last) = free_pair();
        let band = Band::new(first, last).unwrap();
        Bench {
            dir,
            store,
            receiver,
            bands: Bands(BTreeMap::from([(Mode::Echo, band)])),
        }
    }

    impl Bench {
        async fn deploy(&self, peer: &str) -> Result<Deployed, Failure> {
            let peer = PeerName::new(peer).unwrap();
            let plan = Plan {
                fleet: "main",
                peer: &peer,
                receiver: &self.receiver,
                bands: &self.bands,
                dir: self.dir.path().join(peer.as_str()),
            };
            plan.deploy(&self.store, &Vec::new()).await
        }
    }

    #[tokio::test]
    async fn each_peer_gets_a_port_of_its_own_and_a_full_band_is_told() {
        let bench = bench().await;
        let one = bench.deploy("one").await.unwrap();
        let two = bench.deploy("two").await.unwrap();
        assert_ne!(one.config.bind, two.config.bind);
        let full = bench.deploy("three").await.unwrap_err();
        assert!(full.message.contains("No port is free"), "{full}");
        assert!(full.remedy.contains("[bands]"));
    }

    #[test]
    fn only_a_token_that_we_minted_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = folder::path(dir.path(), folder::TOKEN_FILE);
        assert!(keep_token(dir.path()).is_none());
        let minted = mint_token();
        std::fs::write(&path, format!("{}\n", minted.expose())).unwrap();
        assert_eq!(keep_token(dir.path()).unwrap().expose(), minted.expose());
        std::fs::write(&path, "root:x:0:0").unwrap();
        assert!(keep_token(dir.path()).is_none());
        std::fs::remove_file(&path).unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::fs::write(&elsewhere, minted.expose()).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(keep_token(dir.path()).is_none(), "a link is not followed");
    }

    #[tokio::test]
    async fn deploying_again_keeps_port_token_and_receiver_id() {
        let bench = bench().await;
        let first = bench.deploy("one").await.unwrap();
        let again = bench.deploy("one").await.unwrap();
        assert_eq!(first.config, again.config);
        assert_eq!(first.token.expose(), again.token.expose());
        assert_eq!(first.token.expose().len(), 2 * TOKEN_BYTES);
    }

    #[tokio::test]
    async fn a_port_that_somebody_else_took_is_left_to_them() {
        let bench = bench().await;
        let first = bench.deploy("one").await.unwrap().config.bind;
        let _squatter = TcpListener::bind(first).unwrap();
        let moved = bench.deploy("one").await.unwrap().config.bind;
        assert_ne!(first, moved);
    }
}
