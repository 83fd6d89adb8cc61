//! Edge: to the server: address, TLS, and what its settings put at risk.

use super::link::Link;
use super::slots::{Node, Table};
use super::trouble::Trouble;
use crate::control::secret::Secret;
use futures_util::future::select_ok;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError, RedisResult};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The variable with the address: `redis://` or `rediss://`, with name and password.
pub const URL_VARIABLE: &str = "REDIS_URL";
/// To connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// To answer one batch. A server that was stopped for a moment gets the time to go on; what it did not answer is asked for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Nodes of a cluster that are remembered.
const KNOWN_MAX: usize = 1_024;

/// The store, as the address says: one server, or a cluster. Connected to nothing yet; clones know the same nodes.
#[derive(Clone)]
pub struct Server {
    /// As the address names them; never empty.
    seeds: Arc<[Client]>,
    is_cluster: bool,
    plain_allowed: bool,
    /// Nodes of the cluster that were met: one that the address names may be gone when it is needed.
    known: Arc<Mutex<BTreeSet<Node>>>,
}

/// The store at `url`; with `cluster` it is one, and `url` may name several nodes, with commas between them.
///
/// # Errors
/// The address makes no sense, or is far away without TLS.
pub fn server(url: &Secret, plain_allowed: bool, cluster: bool) -> Result<Server, Trouble> {
    let bad = || {
        Trouble(format!(
            "{URL_VARIABLE} is no address: expected redis://[NAME:PASSWORD@]HOST[:PORT][/DB], or rediss:// for TLS"
        ))
    };
    let mut seeds = Vec::new();
    let whole = url.expose();
    // A password may have a comma.
    let cuts: Vec<usize> = whole.match_indices(",redis").map(|(at, _)| at).filter(|_| cluster).collect();
    let (starts, ends) = (cuts.iter().map(|at| at + 1), cuts.iter().copied());
    for (start, end) in std::iter::once(0).chain(starts).zip(ends.chain([whole.len()])) {
        let info = whole[start..end].into_connection_info().map_err(|_| bad())?;
        may_be_plain(info.addr(), plain_allowed)?;
        seeds.push(Client::open(info).map_err(|_| bad())?);
    }
    Ok(Server { seeds: seeds.into(), is_cluster: cluster, plain_allowed, known: Arc::default() })
}

/// Whether the address may be used.
fn may_be_plain(address: &ConnectionAddr, plain_allowed: bool) -> Result<(), Trouble> {
    if let ConnectionAddr::Tcp(host, _) = address
        && !plain_allowed
        && !is_here(host)
    {
        return Err(Trouble(format!(
            "{URL_VARIABLE} leads to another machine ({host}) without TLS: use rediss://, or set `[redis] plain_allowed = true` if that network is yours alone"
        )));
    }
    Ok(())
}

/// Whether `host` is this machine.
fn is_here(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn settings() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_WITHIN)).set_response_timeout(Some(ANSWER_WITHIN))
}

/// A connection of its own, which never connects again by itself: whoever uses it must ask the store where it stands first.
///
/// # Errors
/// [`Trouble`]; also if the store is a cluster and the configuration says that it is none, or the other way.
pub async fn connect(server: &Server) -> Result<Link, Trouble> {
    if !server.is_cluster {
        let home = server.seeds[0].clone();
        let mut first = home.get_multiplexed_async_connection_with_config(&settings()).await?;
        is_as_configured(&mut first, false).await?;
        return Ok(Link::to_one(home, first));
    }
    let known = server.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut nodes: Vec<Client> = server.seeds.to_vec();
    nodes.extend(known.iter().filter_map(|node| server.client(node).ok()));
    // Any of them will do: the first that answers.
    let (found, _) = select_ok(nodes.into_iter().map(|node| Box::pin(look(node)))).await?;
    let (home, first, node, table) = found;
    server.know(table.nodes());
    Ok(Link::to_cluster(server.clone(), (home, node), first, table))
}

/// What a node of a cluster knows of it.
async fn look(home: Client) -> Result<(Client, MultiplexedConnection, Node, Table), Trouble> {
    let node = match home.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Node { host: host.clone(), port: *port }
        }
        _ => return Err(Trouble(format!("{URL_VARIABLE}: a cluster is not reached by a socket of this machine"))),
    };
    let mut first = home.get_multiplexed_async_connection_with_config(&settings()).await?;
    is_as_configured(&mut first, true).await?;
    // One that is cut off from the others knows the past only.
    let told: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut first).await.unwrap_or_default();
    if told.lines().any(|line| line.trim_end() == "cluster_state:fail") {
        return Err(Trouble(format!(
            "Redis: the node {node} says that the cluster is down: it cannot reach most of the other masters, or slots have no node"
        )));
    }
    let answer = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut first).await?;
    let table = Table::read(answer, &node);
    if table.masters().is_empty() {
        return Err(Trouble(format!("Redis: the node {node} knows of no node with slots: is the cluster made?")));
    }
    Ok((home, first, node, table))
}

/// The names of keys depend on it, so it is not guessed.
async fn is_as_configured(connection: &mut MultiplexedConnection, cluster: bool) -> Result<(), Trouble> {
    // Who may not ask hears it from the first command that does not fit.
    let told: String = redis::cmd("INFO").arg("cluster").query_async(connection).await.unwrap_or_default();
    let is = |text: &str| told.lines().any(|line| line.trim_end() == text);
    if cluster && is("cluster_enabled:0") {
        return Err(Trouble("Redis: this server is no cluster: set `[redis] cluster = false`".to_owned()));
    }
    if !cluster && is("cluster_enabled:1") {
        return Err(Trouble("Redis: this server is a node of a cluster: set `[redis] cluster = true`".to_owned()));
    }
    Ok(())
}

impl From<Client> for Server {
    /// One server.
    fn from(client: Client) -> Self {
        Self { seeds: [client].into(), is_cluster: false, plain_allowed: true, known: Arc::default() }
    }
}

impl Server {
    /// Remembers nodes of the cluster.
    pub(super) fn know<'a>(&self, nodes: impl IntoIterator<Item = &'a Node>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for node in nodes {
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            known.insert(node.clone());
        }
    }

    /// A client for another node, with the settings of the address.
    fn client(&self, node: &Node) -> RedisResult<Client> {
        let info = self.seeds[0].get_connection_info().clone();
        let (host, port) = (node.host.clone(), node.port);
        let address = match info.addr().clone() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure, tls_params }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        may_be_plain(&address, self.plain_allowed).map_err(|trouble| {
            RedisError::from((ErrorKind::InvalidClientConfig, "a node of the cluster may not be used", trouble.0))
        })?;
        Client::open(info.set_addr(address))
    }

    /// A connection to a node.
    pub(super) async fn open(&self, node: &Node) -> RedisResult<MultiplexedConnection> {
        self.client(node)?.get_multiplexed_async_connection_with_config(&settings()).await
    }
}

/// What the server's settings put at risk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Risks {
    /// In words; empty if nothing.
    pub words: Vec<String>,
    /// It may evict queues and streams, or does not say.
    pub evicts: bool,
}

/// Reads them, of every node.
pub async fn risks(link: &mut Link) -> Risks {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("maxmemory-policy").arg("appendonly");
    let nodes = link.everywhere(&command).await.unwrap_or_else(|_| vec![redis::Value::Nil]);
    let mut all = Risks::default();
    for node in nodes {
        let settings: Vec<(String, String)> = redis::from_redis_value(node).unwrap_or_default();
        let risks = judge(|name| settings.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()));
        all.evicts |= risks.evicts;
        all.words.extend(risks.words.into_iter().filter(|word| !all.words.contains(word)).collect::<Vec<_>>());
    }
    all
}

/// Whether the server is there and loses nothing of its own accord, as LIVE needs it. Blocks for some seconds at most. `key` is
/// written for a moment: only that shows that the server takes writes, and from this user.
///
/// # Errors
/// Why not.
pub fn fit_for_live(server: &Server, key: &str) -> Result<(), Trouble> {
    let failed = |e: std::io::Error| Trouble(format!("Redis: {e}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let asked = runtime.block_on(async {
        let mut connection = connect(server).await?;
        redis::cmd("SET").arg(key).arg(1).arg("PX").arg(1_000).query_async::<()>(&mut connection).await?;
        Ok::<_, Trouble>(risks(&mut connection).await)
    });
    // A name that is still looked up is not waited for.
    runtime.shutdown_background();
    let risks = asked?;
    if risks.evicts { Err(Trouble(format!("Redis: {}", risks.words.join("; ")))) } else { Ok(()) }
}

fn judge<'a>(setting: impl Fn(&str) -> Option<&'a str>) -> Risks {
    let mut risks = Risks::default();
    match setting("maxmemory-policy") {
        Some("noeviction") => {}
        Some(policy) if policy.starts_with("volatile-") => risks.words.push(format!(
            "`maxmemory-policy {policy}`: keys with a time to live may go early; `noeviction` is what queues need"
        )),
        Some(policy) => {
            risks.evicts = true;
            risks.words.push(format!(
                "`maxmemory-policy {policy}`: under pressure it may evict queues and streams whole; set `noeviction`"
            ));
        }
        None => {
            risks.evicts = true;
            risks
                .words
                .push("it does not tell its `maxmemory-policy` (CONFIG GET): it counts as one that evicts".to_owned());
        }
    }
    if setting("appendonly") != Some("yes") {
        risks.words.push("`appendonly` is off: after a crash queues are as of the last snapshot (the event stream is written again from the journal)".to_owned());
    }
    risks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::secret::load;

    fn secret(url: &str) -> Secret {
        let environment = |name: &str| (name == "X").then(|| url.into());
        load("X", environment).unwrap().unwrap().secret
    }

    #[test]
    fn far_away_only_with_tls() {
        let check = |url: &str, plain: bool, part: Option<&str>| match (server(&secret(url), plain, false), part) {
            (Ok(_), None) => {}
            (Err(Trouble(text)), Some(part)) => {
                assert!(text.contains(part) && !text.contains("pass"), "{url}: {text}");
            }
            (other, _) => panic!("{url}: {:?}", other.map(|_| ())),
        };
        check("redis://127.0.0.1:6379", false, None);
        check("redis://a:pass@localhost", false, None);
        check("redis://[::1]:7000/3", false, None);
        check("rediss://a:pass@far.example", false, None);
        check("redis://a:pass@far.example:6379", false, Some("without TLS"));
        check("redis://a:pass@far.example:6379", true, None);
        check("http://a:pass@x", false, Some("is no address"));
        check("pass", false, Some("is no address"));
        // Several nodes of a cluster; a comma in a password parts nothing.
        let nodes = |url: &str| server(&secret(url), false, true).map(|server| server.seeds.len());
        assert_eq!(nodes("redis://a:p,a@127.0.0.1:1,redis://a:p,a@127.0.0.1:2,redis://localhost:3").ok(), Some(3));
        assert_eq!(nodes("redis://127.0.0.1:1").ok(), Some(1));
        assert!(nodes("redis://127.0.0.1:1,redis://far.example:2").is_err());
        assert!(nodes("redis://127.0.0.1:1,127.0.0.1:2").is_err());
        assert!(server(&secret("redis://127.0.0.1:1,redis://127.0.0.1:2"), false, false).is_err());
    }

    #[test]
    fn what_a_server_puts_at_risk() {
        let check = |policy: Option<&'static str>, append: &'static str, evicts: bool, parts: &[&str]| {
            let found = judge(|name| if name == "appendonly" { Some(append) } else { policy });
            assert_eq!((found.words.len(), found.evicts), (parts.len(), evicts), "{found:?}");
            assert!(found.words.iter().zip(parts).all(|(text, part)| text.contains(part)), "{found:?}");
        };
        check(Some("noeviction"), "yes", false, &[]);
        check(Some("allkeys-lru"), "yes", true, &["evict queues and streams"]);
        check(Some("of tomorrow"), "yes", true, &["evict"]);
        check(Some("volatile-ttl"), "no", false, &["time to live", "appendonly"]);
        check(None, "yes", true, &["does not tell"]);
    }
}
