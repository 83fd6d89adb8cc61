//! Edge: a connection to the store: to one server, or to a cluster, whose keys lie on many nodes.
//!
//! In a cluster each command goes where its key is. What a node refuses since it has not (or not yet, or no longer) got the key
//! was not done, so it is sent again where the node points; what was sent and not answered is never sent again here. A connection
//! that is lost stays lost: whoever uses it must ask the store where it stands before it goes on with another.

use super::connect::Server;
use super::slots::{Node, Table, key_of, name_of, slot_of};
use super::trouble::Trouble;
use futures_util::future::{BoxFuture, join_all};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, ProtocolVersion, RedisError, RedisFuture, RedisResult,
    ServerErrorKind, Value,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Times that a command is sent on to where a node points.
const TURNS: u32 = 50;
/// Before it is sent again while its keys are on their way from node to node.
const MOVING: Duration = Duration::from_millis(20);
/// Cursors of a scan over all nodes: below this the node, above it the node's own cursor.
const NODES_MAX: u64 = 1_024;

/// A connection. Clones are the same one.
#[derive(Clone)]
pub struct Link {
    home: Client,
    first: MultiplexedConnection,
    cluster: Option<Arc<Cluster>>,
}

struct Cluster {
    server: Server,
    /// The node that `first` leads to.
    home: Node,
    table: Mutex<Table>,
    connections: Mutex<BTreeMap<Node, MultiplexedConnection>>,
}

/// What is sent in one piece.
#[derive(Clone, Copy)]
enum What<'a> {
    Command(&'a Cmd),
    Transaction(&'a Pipeline),
}

/// Where a node points.
enum Turn {
    Moved(Node),
    Ask(Node),
    Wait,
}

impl Link {
    /// To one server.
    pub(super) fn to_one(home: Client, first: MultiplexedConnection) -> Self {
        Self { home, first, cluster: None }
    }

    /// To the cluster of `server`, of which `home` is a node that gave `table`.
    pub(super) fn to_cluster(
        server: Server,
        (home, node): (Client, Node),
        first: MultiplexedConnection,
        table: Table,
    ) -> Self {
        let connections = Mutex::new(BTreeMap::from([(node.clone(), first.clone())]));
        let cluster = Cluster { server, home: node, table: Mutex::new(table), connections };
        Self { home, first, cluster: Some(Arc::new(cluster)) }
    }

    /// A connection to the node that has `key`, which nobody else uses: for what must be watched, then done. To one server it is
    /// the same connection. Where the key moves away, it ends with the node's refusal.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn own(&self, key: &str) -> Result<MultiplexedConnection, Trouble> {
        match &self.cluster {
            None => Ok(self.first.clone()),
            Some(cluster) => {
                let node = cluster.owner(Some(slot_of(key.as_bytes())))?;
                Ok(cluster.server.open(&node).await?)
            }
        }
    }

    /// A connection that hears what is published, wherever that was. `config` says who takes it.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn ear(&self, config: &AsyncConnectionConfig) -> Result<MultiplexedConnection, Trouble> {
        // Answers and messages on one connection, in order: that needs RESP3.
        let info = self.home.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let listener = Client::open(info.set_redis_settings(settings))?;
        Ok(listener.get_multiplexed_async_connection_with_config(config).await?)
    }

    /// The same command to every node that has keys, or to the one server.
    ///
    /// # Errors
    /// [`RedisError`].
    pub async fn everywhere(&mut self, command: &Cmd) -> RedisResult<Vec<Value>> {
        match &self.cluster {
            None => Ok(vec![self.first.req_packed_command(command).await?.extract_error()?]),
            Some(cluster) => cluster.everywhere(command).await,
        }
    }
}

impl Cluster {
    fn owner(&self, slot: Option<u16>) -> RedisResult<Node> {
        let Some(slot) = slot else { return Ok(self.home.clone()) };
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.owner(slot).cloned().ok_or_else(|| {
            let why = format!("no node has the slot {slot}");
            RedisError::from((ErrorKind::Client, "the cluster is not whole", why))
        })
    }

    async fn connection(&self, node: &Node) -> RedisResult<MultiplexedConnection> {
        let known = self.connections.lock().unwrap_or_else(PoisonError::into_inner).get(node).cloned();
        if let Some(connection) = known {
            return Ok(connection);
        }
        let connection = self.server.open(node).await?;
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(connections.entry(node.clone()).or_insert(connection).clone())
    }

    fn moved(&self, slot: Option<u16>, to: &Node) {
        if let Some(slot) = slot {
            self.table.lock().unwrap_or_else(PoisonError::into_inner).moved(slot, to);
            self.server.know([to]);
        }
    }

    /// Where the node `at` points with its refusal; `None` if it was none, or none of that kind.
    fn turn(error: &RedisError, at: &Node) -> Option<Turn> {
        let errors = error.clone().into_server_errors()?;
        let node = |kind: ServerErrorKind| {
            let error = errors.iter().map(|(_, error)| error).find(|error| error.kind() == Some(kind))?;
            Node::read(error.details()?.split(' ').nth(1)?, at)
        };
        if let Some(to) = node(ServerErrorKind::Moved) {
            return Some(Turn::Moved(to));
        }
        if let Some(to) = node(ServerErrorKind::Ask) {
            return Some(Turn::Ask(to));
        }
        errors.iter().any(|(_, error)| error.kind() == Some(ServerErrorKind::TryAgain)).then_some(Turn::Wait)
    }

    /// Sends it where its key is.
    async fn send(&self, what: What<'_>) -> RedisResult<Vec<Value>> {
        let key = match what {
            What::Command(command) => key_of(command),
            What::Transaction(pipe) => pipe.cmd_iter().find_map(key_of),
        };
        let slot = key.map(slot_of);
        let (mut at, mut asks) = (self.owner(slot)?, false);
        let mut turns = 0;
        loop {
            let mut connection = self.connection(&at).await?;
            let error = match once(what, &mut connection, asks).await {
                Ok(answers) => return Ok(answers),
                Err(error) => error,
            };
            turns += 1;
            match Self::turn(&error, &at).filter(|_| turns <= TURNS) {
                Some(Turn::Moved(to)) => {
                    self.moved(slot, &to);
                    (at, asks) = (to, false);
                }
                Some(Turn::Ask(to)) => (at, asks) = (to, true),
                Some(Turn::Wait) => {
                    tokio::time::sleep(MOVING).await;
                    (at, asks) = (self.owner(slot)?, false);
                }
                None => return Err(error),
            }
        }
    }

    async fn command(&self, command: &Cmd) -> RedisResult<Value> {
        match name_of(command) {
            b"SCAN" => self.scan(command).await,
            // A script must be known wherever it may be called.
            b"SCRIPT" => Ok(self.everywhere(command).await?.pop().unwrap_or(Value::Nil)),
            _ => Ok(self.send(What::Command(command)).await?.pop().unwrap_or(Value::Nil)),
        }
    }

    async fn everywhere(&self, command: &Cmd) -> RedisResult<Vec<Value>> {
        let masters = self.table.lock().unwrap_or_else(PoisonError::into_inner).masters().to_vec();
        let mut answers = Vec::with_capacity(masters.len());
        for node in masters {
            let mut connection = self.connection(&node).await?;
            answers.push(connection.req_packed_command(command).await?.extract_error()?);
        }
        Ok(answers)
    }

    /// One step of a scan over all nodes, one behind the other.
    async fn scan(&self, command: &Cmd) -> RedisResult<Value> {
        let mut words = command.args_iter().filter_map(|word| match word {
            redis::Arg::Simple(bytes) => Some(bytes),
            _ => None,
        });
        let (name, cursor) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let cursor: u64 = std::str::from_utf8(cursor).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let masters = self.table.lock().unwrap_or_else(PoisonError::into_inner).masters().to_vec();
        let place = cursor % NODES_MAX;
        // One that was taken off meanwhile ends the scan.
        let Some(node) = usize::try_from(place).ok().and_then(|place| masters.get(place)) else {
            return Ok(Value::Array(vec![Value::BulkString(b"0".to_vec()), Value::Array(Vec::new())]));
        };
        let mut step = Cmd::new();
        step.arg(name).arg(cursor / NODES_MAX);
        for word in words {
            step.arg(word);
        }
        let answer = self.connection(node).await?.req_packed_command(&step).await?.extract_error()?;
        let (next, found): (u64, Value) = redis::from_redis_value(answer)?;
        let next = match next {
            0 if place + 1 < masters.len() as u64 => place + 1,
            0 => 0,
            next => next * NODES_MAX + place,
        };
        Ok(Value::Array(vec![Value::BulkString(next.to_string().into_bytes()), found]))
    }

    /// Commands that are not one transaction: each node gets its own, in their order, and the answers come back in the order of
    /// all. What a node refuses since the key is elsewhere is sent there.
    async fn spread(&self, pipe: &Pipeline) -> RedisResult<Vec<Value>> {
        let commands: Vec<&Cmd> = pipe.cmd_iter().collect();
        let mut answers: Vec<Option<Value>> = vec![None; commands.len()];
        let mut by_node: BTreeMap<Node, Vec<usize>> = BTreeMap::new();
        for (place, command) in commands.iter().enumerate() {
            if !matches!(name_of(command), b"SCAN" | b"SCRIPT") {
                by_node.entry(self.owner(key_of(command).map(slot_of))?).or_default().push(place);
            }
        }
        let all = &commands;
        let parts = by_node.iter().map(|(node, places)| async move {
            let mut part = Pipeline::with_capacity(places.len());
            for place in places {
                part.add_command(all[*place].clone());
            }
            self.connection(node).await?.req_packed_commands(&part, 0, places.len()).await
        });
        let told = join_all(parts).await;
        for ((node, places), told) in by_node.iter().zip(told) {
            for (place, answer) in places.iter().zip(told?) {
                let elsewhere = match &answer {
                    Value::ServerError(error) => Self::turn(&RedisError::from(error.clone()), node).is_some(),
                    _ => false,
                };
                if !elsewhere {
                    answers[*place] = Some(answer);
                }
            }
        }
        let mut all = Vec::with_capacity(commands.len());
        for (command, answer) in commands.into_iter().zip(answers) {
            all.push(match answer {
                Some(answer) => answer,
                None => match self.command(command).await {
                    Ok(answer) => answer,
                    // What the server says to one command is no fault of the others.
                    Err(error) => match error.clone().into_server_errors().as_deref() {
                        Some([(_, told)]) => Value::ServerError(told.clone()),
                        _ => return Err(error),
                    },
                },
            });
        }
        Ok(all)
    }
}

/// Sends it to one node, once. With `asks` the node does it though it has the slot only soon.
async fn once(what: What<'_>, connection: &mut MultiplexedConnection, asks: bool) -> RedisResult<Vec<Value>> {
    let mut asking = Pipeline::new();
    asking.cmd("ASKING");
    let answers = match what {
        What::Command(command) if asks => {
            asking.add_command(command.clone());
            connection.req_packed_commands(&asking, 1, 1).await?
        }
        What::Command(command) => vec![connection.req_packed_command(command).await?],
        What::Transaction(pipe) if asks => {
            asking.cmd("MULTI");
            for command in pipe.cmd_iter() {
                asking.add_command(command.clone());
            }
            asking.cmd("EXEC");
            connection.req_packed_commands(&asking, asking.len() - 1, 1).await?
        }
        What::Transaction(pipe) => connection.req_packed_commands(pipe, pipe.len() + 1, 1).await?,
    };
    match answers.first() {
        Some(Value::ServerError(error)) => Err(error.clone().into()),
        _ => Ok(answers),
    }
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match &self.cluster {
            None => self.first.req_packed_command(command),
            Some(cluster) => {
                let done: BoxFuture<'a, _> = Box::pin(cluster.command(command));
                done
            }
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipe: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match &self.cluster {
            None => self.first.req_packed_commands(pipe, offset, count),
            Some(cluster) if pipe.is_transaction() => Box::pin(cluster.send(What::Transaction(pipe))),
            Some(cluster) => Box::pin(cluster.spread(pipe)),
        }
    }

    fn get_db(&self) -> i64 {
        self.first.get_db()
    }
}
