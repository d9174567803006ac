//! The seam between dispatch and supervision: dispatch asks for a peer that can take work, supervision finds or starts it.
//!
//! Owns: the question. The supervisor answers it; tests answer it with a listener of their own.

use std::future::Future;
use std::pin::Pin;

use fleet_a2a::client::Endpoint;

use crate::domain::{Failure, PeerName};

/// The environment a client gave for receivers that its command starts.
pub type ClientEnv = Vec<(String, String)>;

/// A peer that was proven just now.
#[derive(Debug, Clone)]
pub struct ReadyPeer {
    /// Where and how to talk to it.
    pub endpoint: Endpoint,
    /// The receiver's instance id; `None` for somebody else's agent. It changes at each start of the receiver.
    pub instance: Option<String>,
}

/// Finds peers that can take work.
pub trait Peers: Send + Sync + 'static {
    /// A proven peer; deploys or starts a receiver that does not run.
    /// Bounded by the supervisor's own start timeout.
    fn ready<'a>(
        &'a self,
        peer: &'a PeerName,
        env: &'a ClientEnv,
    ) -> Pin<Box<dyn Future<Output = Result<ReadyPeer, Failure>> + Send + 'a>>;

    /// The peer that has work of ours already, to follow it: also one that must not get new work.
    fn attached<'a>(
        &'a self,
        peer: &'a PeerName,
        env: &'a ClientEnv,
    ) -> Pin<Box<dyn Future<Output = Result<ReadyPeer, Failure>> + Send + 'a>> {
        self.ready(peer, env)
    }

    /// A token may have been rotated, or a receiver restarted: look again before the next attempt.
    fn doubt<'a>(&'a self, peer: &'a PeerName) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}
