//! Edge: the stream itself: where it stands, who writes it, what is old taken off.

use super::trouble::Trouble;
use crate::acp::time::parse_iso;
use crate::bridge::id::Id;
use crate::types::time::UnixNanos;
use redis::Pipeline;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamInfoGroupsReply, StreamInfoStreamReply, StreamPendingReply, StreamRangeReply};
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

    /// Takes the stream away, if `token` still is the writer and, but with `force`, no consumer group reads it.
    ///
    /// # Errors
    /// [`Trouble`]: whether it is done is not known then.
    pub async fn clear(
        &self,
        connection: &mut MultiplexedConnection,
        token: &str,
        force: bool,
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
        let done: Option<()> = pipe.query_async(connection).await?;
        Ok(if done.is_some() { Cleared::Done } else { Cleared::Moved })
    }

    /// The sequence from which on entries are not older than `boundary`, up to `newest`; 0 if all are that young. Ids are as
    /// `id_of` says. An entry without a time that can be read counts as young.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn first_since(
        &self,
        connection: &mut MultiplexedConnection,
        boundary: UnixNanos,
        newest: u64,
        id_of: impl Fn(u64) -> Id,
    ) -> Result<u64, Trouble> {
        let is_old = async |connection: &mut MultiplexedConnection, from: String| -> Result<Option<u64>, Trouble> {
            let mut command = redis::cmd("XRANGE");
            command.arg(&self.key).arg(from).arg("+").arg("COUNT").arg(1);
            let found: StreamRangeReply = command.query_async(connection).await?;
            let Some(entry) = found.ids.first() else { return Ok(None) };
            let at = entry.get::<String>("timestamp").and_then(|text| parse_iso(&text).ok());
            let sequence = entry.id.parse::<Id>().unwrap_or_default().sequence;
            Ok(at.filter(|at| *at < boundary).map(|_| sequence))
        };
        let Some(mut old) = is_old(connection, "-".to_owned()).await? else { return Ok(0) };
        let mut young = newest.saturating_add(1);
        while young.saturating_sub(old) > 1 {
            let middle = old + (young - old) / 2;
            match is_old(connection, id_of(middle).to_string()).await? {
                Some(_) => old = middle,
                None => young = middle,
            }
        }
        Ok(young)
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

    /// The newest event that the journal had when the stream was begun, kept in the key `since`; with `begins` it begins now, behind
    /// that. 0 = all that was ever there.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn since(
        &self,
        connection: &mut MultiplexedConnection,
        since: &str,
        begins: Option<u64>,
    ) -> Result<u64, Trouble> {
        if let Some(newest) = begins {
            redis::cmd("SET").arg(since).arg(newest).query_async::<()>(connection).await?;
            return Ok(newest);
        }
        let text: Option<String> = redis::cmd("GET").arg(since).query_async(connection).await?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
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
