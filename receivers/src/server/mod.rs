//! The HTTP face of a receiver: one router over the registry, behind our own accept loop.
//!
//! Owns: routes, checks, bindings, frames. Does not own: what a task goes through (see `registry`).

mod accept;
mod agent;
mod card;
mod check;
mod guard;
mod harness;
mod health;
mod params;
mod reply;
mod rest;
mod rpc;
mod send;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use fleet_a2a::client::Secret;
use tokio::sync::watch;

pub(crate) use accept::accept_loop;
pub(crate) use agent::{AgentState, watch_agent};

use crate::registry::Registry;
use check::{Hosts, TokenHash};

/// What every handler sees.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Inner>);

/// The parts of [`App`].
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) registry: Registry,
    pub(crate) agent: watch::Receiver<AgentState>,
    pub(crate) token: Secret,
    token_hash: TokenHash,
    hosts: Hosts,
    pub(crate) instance: String,
    pub(crate) addr: SocketAddr,
    pub(crate) url: String,
    pub(crate) started_at_ms: i64,
}

/// What an [`App`] is made of.
#[derive(Debug)]
pub(crate) struct AppParts {
    pub(crate) registry: Registry,
    pub(crate) agent: watch::Receiver<AgentState>,
    pub(crate) token: Secret,
    pub(crate) instance: String,
    pub(crate) addr: SocketAddr,
    pub(crate) url: String,
    pub(crate) started_at_ms: i64,
}

impl App {
    pub(crate) fn new(parts: AppParts) -> Self {
        Self(Arc::new(Inner {
            token_hash: TokenHash::of(parts.token.expose()),
            hosts: Hosts::of(parts.addr),
            registry: parts.registry,
            agent: parts.agent,
            token: parts.token,
            instance: parts.instance,
            addr: parts.addr,
            url: parts.url,
            started_at_ms: parts.started_at_ms,
        }))
    }
}

impl std::ops::Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The routes. `{id}:cancel` and its like cannot be a pattern, so everything below `/tasks/` is taken apart by hand.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/.well-known/agent-card.json", get(card::card))
        .route("/health", get(health::health))
        .route("/jsonrpc", post(rpc::jsonrpc))
        .route("/message:send", post(rest::send))
        .route("/message:stream", post(rest::stream))
        .route("/tasks", get(rest::list))
        .route("/tasks/{*rest}", any(rest::task))
        .route("/harness", get(harness::harness))
        .route("/extendedAgentCard", get(rest::extended_card))
        .fallback(rest::not_found)
        .method_not_allowed_fallback(rest::not_found)
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
