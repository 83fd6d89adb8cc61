//! Edge: the stream itself: where it stands, a batch more, what is old taken off.

use super::trouble::Trouble;
use crate::bridge::id::Id;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamInfoGroupsReply, StreamInfoStreamReply, StreamPendingReply};
use redis::{Cmd, Pipeline, RedisError, Value};
use std::time::{Duration, Instant};

/// Where a stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Whether there is such a stream.
    pub is_there: bool,
    /// The last id that was ever given; `None` if none was.
    pub last: Option<Id>,
    /// Entries in it.
    pub length: u64,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// All of it is there.
    All,
    /// The stream was gone, and nothing of the batch was added: where it stands must be asked again.
    Gone,
}

/// What became of a rebuilding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cleared {
    /// The stream is gone.
    Done,
    /// These consumer groups read it: nothing was done.
    Groups(Vec<String>),
    /// Somebody else is the writer, or changed the stream meanwhile: nothing was done, and it may be tried again.
    Moved,
}

/// A stream by its key.
#[derive(Clone, Debug)]
pub struct Stream {
    key: String,
    /// The key that says of which journal it is.
    owner: String,
    /// The key that says which session writes it.
    writer: String,
}

impl Stream {
    /// The stream `key`; `owner` is the key that says of which journal it is, `writer` the one that says which session writes.
    pub fn new(key: String, owner: String, writer: String) -> Self {
        Self { key, owner, writer }
    }

    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where it stands.
    ///
    /// # Errors
    /// [`Trouble`]; also if another kind of value has the key, or entries of other ids than ours.
    pub async fn place(&self, connection: &mut MultiplexedConnection) -> Result<Place, Trouble> {
        let kind: String = redis::cmd("TYPE").arg(&self.key).query_async(connection).await?;
        match kind.as_str() {
            "none" => return Ok(Place::default()),
            "stream" => {}
            other => {
                return Err(Trouble(format!(
                    "Redis: the key `{}` is there as a {other}: somebody else uses the name; set `[redis] prefix` or `[host] name`",
                    self.key
                )));
            }
        }
        let info: StreamInfoStreamReply =
            redis::cmd("XINFO").arg("STREAM").arg(&self.key).query_async(connection).await?;
        let last: Id = info.last_generated_id.parse().map_err(|()| {
            Trouble(format!(
                "Redis: the stream `{}` ends with the id `{}`, which is not ours",
                self.key, info.last_generated_id
            ))
        })?;
        // One that a consumer made for its group, and that never had an entry.
        let last = (last != Id::default()).then_some(last);
        Ok(Place { is_there: true, last, length: info.length as u64 })
    }

    /// Begins a batch.
    pub fn batch(&self, room: usize) -> Batch<'_> {
        let mut pipe = Pipeline::with_capacity(room);
        // Each answer is looked at by itself: an entry that is refused is another thing than a message that is.
        pipe.atomic().ignore_errors();
        Batch { key: &self.key, pipe, is_entry: Vec::with_capacity(room), entries: 0, bytes: 0 }
    }

    /// Makes the stream, empty, so that entries that want it to exist find it; what is there already stays.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn make(&self, connection: &mut MultiplexedConnection) -> Result<(), Trouble> {
        // A group makes the stream without an entry, whose id would be in the way of ours.
        let mut pipe = Pipeline::new();
        pipe.atomic();
        pipe.cmd("XGROUP").arg("CREATE").arg(&self.key).arg("tickpath:make").arg("$").arg("MKSTREAM").ignore();
        pipe.cmd("XGROUP").arg("DESTROY").arg(&self.key).arg("tickpath:make").ignore();
        Ok(pipe.query_async(connection).await?)
    }

    /// The first entry that a consumer group still needs: the oldest that is pending, or the next to be delivered. `None` if there
    /// is no group.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn needed(&self, connection: &mut MultiplexedConnection) -> Result<Option<Id>, Trouble> {
        let groups: StreamInfoGroupsReply =
            redis::cmd("XINFO").arg("GROUPS").arg(&self.key).query_async(connection).await?;
        let mut first = None;
        for group in groups.groups {
            let delivered: Id = group.last_delivered_id.parse().unwrap_or_default();
            let mut needs = Id { sequence: delivered.sequence.saturating_add(1), ..delivered };
            if group.pending > 0 {
                let reply: StreamPendingReply =
                    redis::cmd("XPENDING").arg(&self.key).arg(&group.name).query_async(connection).await?;
                if let StreamPendingReply::Data(data) = reply {
                    needs = needs.min(data.start_id.parse().unwrap_or_default());
                }
            }
            first = Some(first.map_or(needs, |known: Id| known.min(needs)));
        }
        Ok(first)
    }

    /// Names of the consumer groups.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn groups(&self, connection: &mut MultiplexedConnection) -> Result<Vec<String>, Trouble> {
        let groups: StreamInfoGroupsReply =
            redis::cmd("XINFO").arg("GROUPS").arg(&self.key).query_async(connection).await?;
        Ok(groups.groups.into_iter().map(|group| group.name).collect())
    }

    /// Takes the stream away, if `token` still is the writer and, but with `force`, no consumer group reads it; with it goes into
    /// the key `mark` up to which event of `journal` all was told, so that it is not told again. All of it or nothing.
    ///
    /// # Errors
    /// [`Trouble`]: whether it is done is not known then.
    pub async fn clear(
        &self,
        connection: &mut MultiplexedConnection,
        token: &str,
        force: bool,
        mark: &str,
        (journal, told): (&str, Id),
    ) -> Result<Cleared, Trouble> {
        // Nobody but consumers with a group changes the stream, so without one it can be watched.
        let watched = if force { vec![&self.writer] } else { vec![&self.writer, &self.key] };
        redis::cmd("WATCH").arg(watched).query_async::<()>(connection).await?;
        let writer: Option<String> = redis::cmd("GET").arg(&self.writer).query_async(connection).await?;
        if writer.as_deref() != Some(token) {
            return Ok(Cleared::Moved);
        }
        let groups = if force { Vec::new() } else { self.groups(connection).await? };
        if !groups.is_empty() {
            redis::cmd("UNWATCH").query_async::<()>(connection).await?;
            return Ok(Cleared::Groups(groups));
        }
        let mut pipe = Pipeline::new();
        pipe.atomic();
        // The server frees it beside its other work: a long stream would hold it up.
        pipe.cmd("UNLINK").arg(&self.key).ignore();
        pipe.cmd("SET").arg(mark).arg(format!("{journal} {told}")).ignore();
        let done: Option<()> = pipe.query_async(connection).await?;
        Ok(if done.is_some() { Cleared::Done } else { Cleared::Moved })
    }

    /// Up to which event of `journal` all was told before a rebuilding, as the key `mark` says; 0-0 = it was never rebuilt.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn told(&self, connection: &mut MultiplexedConnection, mark: &str, journal: &str) -> Result<Id, Trouble> {
        let text: Option<String> = redis::cmd("GET").arg(mark).query_async(connection).await?;
        let of_journal = text.as_deref().and_then(|text| text.split_once(' ')).filter(|(of, _)| *of == journal);
        Ok(of_journal.and_then(|(_, id)| id.parse().ok()).unwrap_or_default())
    }

    /// Takes off what lies before `first`, as far as it goes in `within`; how many entries that were.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn trim(
        &self,
        connection: &mut MultiplexedConnection,
        first: Id,
        within: Duration,
    ) -> Result<u64, Trouble> {
        let (begun, mut all) = (Instant::now(), 0);
        loop {
            // Not exactly there, but at a node's edge before it: much cheaper, and never too much. The server does a part of it
            // at a time.
            let mut command = redis::cmd("XTRIM");
            command.arg(&self.key).arg("MINID").arg("~").arg(first.to_string());
            let trimmed: u64 = command.query_async(connection).await?;
            all += trimmed;
            if trimmed == 0 || begun.elapsed() >= within {
                return Ok(all);
            }
        }
    }

    /// Says that the stream is of `journal`, if nobody has said of which it is; of which it is.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn claim(&self, connection: &mut MultiplexedConnection, journal: &str) -> Result<String, Trouble> {
        redis::cmd("SETNX").arg(&self.owner).arg(journal).query_async::<i64>(connection).await?;
        Ok(redis::cmd("GET").arg(&self.owner).query_async(connection).await?)
    }
}

impl Stream {
    /// Makes the session with the name `token` the writer. To be done before it is asked where the stream stands: what an
    /// earlier session has sent and was not answered is done before that, or never, see [`is_writer`](Self::is_writer).
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn take_over(&self, connection: &mut MultiplexedConnection, token: &str) -> Result<(), Trouble> {
        Ok(redis::cmd("SET").arg(&self.writer).arg(token).query_async(connection).await?)
    }

    /// Whether the session `token` is the writer and the stream is there. The next batch on this connection is done only if
    /// nobody takes over meanwhile: entries that come twice the server would refuse by their ids, but not what goes out beside
    /// them. (The stream itself is not watched: its consumers change it all the time.)
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn is_writer(&self, connection: &mut MultiplexedConnection, token: &str) -> Result<bool, Trouble> {
        let mut pipe = Pipeline::with_capacity(3);
        pipe.cmd("WATCH").arg(&self.writer).ignore();
        pipe.cmd("GET").arg(&self.writer);
        pipe.cmd("EXISTS").arg(&self.key);
        let (writer, is_there): (Option<String>, bool) = pipe.query_async(connection).await?;
        Ok(is_there && writer.as_deref() == Some(token))
    }
}

/// Entries that are added together or not at all, and what goes out with them.
pub struct Batch<'a> {
    key: &'a str,
    pipe: Pipeline,
    /// Of each command whether it is an entry.
    is_entry: Vec<bool>,
    entries: usize,
    bytes: usize,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Sent {
    /// What became of its entries.
    pub added: Added,
    /// What the server would not do beside them: the first of it. The entries are there all the same.
    pub refused: Option<Trouble>,
}

impl Batch<'_> {
    /// One entry more.
    pub fn add(&mut self, id: Id, names: &[&str], values: &[&[u8]]) {
        let command = self.pipe.cmd("XADD").arg(self.key).arg("NOMKSTREAM").arg(id.to_string());
        for (name, value) in names.iter().zip(values) {
            self.bytes += value.len();
            command.arg(name).arg(value);
        }
        self.entries += 1;
        self.is_entry.push(true);
    }

    /// A command more, which is to be done with the entries.
    pub fn also(&mut self, command: Cmd) {
        self.pipe.add_command(command);
        self.is_entry.push(false);
    }

    /// Entries so far.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Whether there is nothing to send at all.
    pub fn is_empty(&self) -> bool {
        self.is_entry.is_empty()
    }

    /// Bytes of the entries' values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Does all of it.
    ///
    /// # Errors
    /// [`Trouble`]: whether it is done is not known then.
    pub async fn send(&self, connection: &mut MultiplexedConnection) -> Result<Sent, Trouble> {
        let answers: Option<Vec<Value>> = self.pipe.query_async(connection).await?;
        // Somebody else has become the writer.
        let Some(answers) = answers else { return Ok(Sent { added: Added::Gone, refused: None }) };
        let (got, asked) = (answers.len(), self.is_entry.len());
        if got != asked {
            return Err(Trouble(format!("Redis: {got} answers to {asked} commands")));
        }
        let mut sent = Sent { added: Added::All, refused: None };
        for (answer, is_entry) in answers.into_iter().zip(&self.is_entry) {
            match answer {
                Value::ServerError(error) if *is_entry => return Err(RedisError::from(error).into()),
                Value::ServerError(error) if sent.refused.is_none() => {
                    sent.refused = Some(RedisError::from(error).into());
                }
                Value::Nil if *is_entry => sent.added = Added::Gone,
                _ => {}
            }
        }
        Ok(sent)
    }
}
