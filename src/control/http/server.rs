//! Edge: the socket: bounded connections, time-outs, a shutdown that ends.

use super::auth::Tokens;
use super::config::ConfigError;
use super::guard::Traffic;
use super::{Config, Shared, routes};
use crate::control::plane::Host;
use crate::control::plane::ledger::Ledger;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;

/// Connections that the kernel holds while all places are taken.
const BACKLOG: u32 = 1024;
/// Longest head of a request, in bytes, and most headers in it.
const HEAD_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// Pause after the kernel refused to accept (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the control plane cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// A value of `[http]` is out of range.
    #[error("[http] {0}")]
    Config(#[from] ConfigError),
    /// Somebody else listens there.
    #[error(
        "the control plane cannot listen on {0}: another program has port {port}; `ss -ltnp 'sport = :{port}'` shows which. \
         Stop it, or set [http] bind to another port (127.0.0.1:0 takes a free one), or [http] enabled = false",
        port = .0.port()
    )]
    PortTaken(SocketAddr),
    /// The address cannot be used.
    #[error("the control plane cannot listen on {address}: {source}; set [http] bind to an address of this machine")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No thread or no runtime.
    #[error("the control plane cannot start its thread: {0}")]
    Thread(std::io::Error),
}

/// A running control plane. Dropping it ends it.
#[derive(Debug)]
pub struct Plane {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Plane {
    /// Where it listens; with port 0 configured, the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets open requests finish (at most `[http] shutdown_ms`), and ends the thread.
    pub fn stop(&self) {
        self.stop.send_replace(true);
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            // The thread's panic was told when it happened; here it only means that it has ended.
            drop(thread.join());
        }
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Listens, and serves on a thread of its own. `on_thread` is run first on that thread: the place to keep it off the hot
/// cores. When this returns, the port is open.
///
/// # Errors
/// [`PlaneError`]: nothing was started.
pub fn start(
    config: Config,
    tokens: Tokens,
    host: Arc<dyn Host>,
    on_thread: impl FnOnce() + Send + 'static,
) -> Result<Plane, PlaneError> {
    config.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(PlaneError::Thread)?;
    let listener = {
        let _inside = runtime.enter();
        listen(config.bind)?
    };
    let address = listener.local_addr().map_err(|source| PlaneError::Bind { address: config.bind, source })?;
    if !address.ip().is_loopback() {
        tracing::warn!("the control plane listens on {address}, beyond this machine: what it shows needs no token");
    }
    if tokens.is_empty() {
        tracing::warn!("the control plane takes no commands: {}", super::auth::HOW_TO);
    }
    let shared = Arc::new(Shared {
        ledger: Mutex::new(Ledger::new(host.now())),
        traffic: Traffic::new(&config),
        document: routes::document(),
        host,
        config,
        tokens,
    });
    let (stop, stopped) = watch::channel(false);
    let thread = std::thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || {
            on_thread();
            runtime.block_on(serve(&shared, listener, stopped));
            // What still hangs is cut off here.
            runtime.shutdown_background();
        })
        .map_err(PlaneError::Thread)?;
    Ok(Plane { address, stop, thread: Mutex::new(Some(thread)) })
}

fn listen(address: SocketAddr) -> Result<TcpListener, PlaneError> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A restart need not wait for the connections of the run before to fade.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => PlaneError::PortTaken(address),
        _ => PlaneError::Bind { address, source },
    })
}

async fn serve(shared: &Arc<Shared>, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
    let router = routes::service(shared);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            // An error means that the `Plane` is gone, which also ends it.
            _ = stopped.wait_for(|stop| *stop) => break,
            accepted = accept(shared, &listener) => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, place)) => {
                let connection = connection(stream, place, router.clone(), Arc::clone(shared), stopped.clone());
                connections.spawn(connection);
            }
            Err(error) => {
                tracing::warn!("the control plane cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_millis(shared.config.shutdown_ms), all).await.is_err() {
        tracing::warn!("the control plane cut off connections that did not end within [http] shutdown_ms");
    }
}

/// A connection with its place; waits for a free place first.
async fn accept(shared: &Shared, listener: &TcpListener) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(&shared.traffic.places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn connection(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    router: Router,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    // Answers are small: waiting for more bytes only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("control plane: {error}");
    }
    let millis = Duration::from_millis;
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(millis(shared.config.header_timeout_ms))
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut serving = pin!(serving);
    let over = tokio::select! {
        // An error here is the client's: a head that is no HTTP, a time-out, a reset. It has no effect and no reader.
        _ = serving.as_mut() => true,
        () = tokio::time::sleep(millis(shared.config.connection_lifetime_ms)) => false,
        _ = stopped.wait_for(|stop| *stop) => false,
    };
    if !over {
        serving.as_mut().graceful_shutdown();
        // An open request may finish; a client that does not read its answer may not hold the place.
        drop(tokio::time::timeout(millis(shared.config.request_timeout_ms), serving).await);
    }
    drop(place);
}
