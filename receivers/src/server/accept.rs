//! The accept loop: how many connections, and how long each may take its time.
//!
//! Owns: the connections. Ours, because `axum::serve` gives no timeouts, and slow callers must not hold the receiver.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections at a time; a daemon holds one per stream, so this is many daemons.
const MAX_CONNECTIONS: usize = 256;
/// A head must be complete in this time. hyper counts waiting for the next head as reading it, so an idle connection
/// closes after the same time; clients of ours open a new one for the next message.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// Largest head, in bytes: a token, a host and some headers are below 2 KiB.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Most headers.
const MAX_HEADERS: usize = 64;
/// Pause after the system refused a connection, as it does when it is out of file descriptors.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);
/// What open answers get to finish when the receiver stops; an idle receiver is gone within 200 ms.
const CLOSE_TIME: Duration = Duration::from_millis(100);

/// Serves until `stop`, then closes what is open.
pub(crate) async fn accept_loop(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let full = connections.len() >= MAX_CONNECTIONS;
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // A connection that panicked is gone like any other; the panic is in the log.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if !full => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, router.clone(), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the system refused a connection");
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(CLOSE_TIME, all).await.is_err() {
        connections.shutdown().await;
    }
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Frames of a stream are small and must go out at once.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it was served");
        return;
    }
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
