//! Edge: the stream itself: where it stands, a batch more, what is old taken off.

use super::trouble::Trouble;
use crate::bridge::id::Id;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamInfoGroupsReply, StreamInfoStreamReply, StreamPendingReply};
use redis::{Pipeline, Value};

/// Where a stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The last id that was ever given; `None` if there is no such stream.
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

/// A stream by its key.
#[derive(Clone, Debug)]
pub struct Stream {
    key: String,
}

impl Stream {
    /// The stream `key`.
    pub fn new(key: String) -> Self {
        Self { key }
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
        Ok(Place { last: Some(last), length: info.length as u64 })
    }

    /// Begins a batch.
    pub fn batch(&self, room: usize) -> Batch<'_> {
        let mut pipe = Pipeline::with_capacity(room);
        pipe.atomic();
        Batch { key: &self.key, pipe, entries: 0, bytes: 0 }
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

    /// The first entry that a consumer group still needs: the oldest that is pending, or the next to be delivered; and how many
    /// are pending in all. `None` if no group waits for anything.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn needed(&self, connection: &mut MultiplexedConnection) -> Result<(Option<Id>, u64), Trouble> {
        let groups: StreamInfoGroupsReply =
            redis::cmd("XINFO").arg("GROUPS").arg(&self.key).query_async(connection).await?;
        let (mut first, mut pending) = (None, 0);
        for group in groups.groups {
            let delivered: Id = group.last_delivered_id.parse().unwrap_or_default();
            let mut needs = Id { sequence: delivered.sequence.saturating_add(1), ..delivered };
            if group.pending > 0 {
                let reply: StreamPendingReply =
                    redis::cmd("XPENDING").arg(&self.key).arg(&group.name).query_async(connection).await?;
                if let StreamPendingReply::Data(data) = reply {
                    pending += data.count as u64;
                    needs = needs.min(data.start_id.parse().unwrap_or_default());
                }
            }
            first = Some(first.map_or(needs, |known: Id| known.min(needs)));
        }
        Ok((first, pending))
    }

    /// Takes off what lies before `first`; how many entries that were.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn trim(&self, connection: &mut MultiplexedConnection, first: Id) -> Result<u64, Trouble> {
        // Not exactly there, but at a node's edge before it: much cheaper, and never too much.
        let trimmed = redis::cmd("XTRIM")
            .arg(&self.key)
            .arg("MINID")
            .arg("~")
            .arg(first.to_string())
            .query_async(connection)
            .await?;
        Ok(trimmed)
    }
}

/// Entries that are added together or not at all.
pub struct Batch<'a> {
    key: &'a str,
    pipe: Pipeline,
    entries: usize,
    bytes: usize,
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
    }

    /// Entries so far.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Bytes of their values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds them.
    ///
    /// # Errors
    /// [`Trouble`]: whether they are there is not known then.
    pub async fn send(&self, connection: &mut MultiplexedConnection) -> Result<Added, Trouble> {
        let answers: Vec<Value> = self.pipe.query_async(connection).await?;
        if answers.len() != self.entries {
            return Err(Trouble(format!("Redis: {} answers to {} entries", answers.len(), self.entries)));
        }
        Ok(if answers.contains(&Value::Nil) { Added::Gone } else { Added::All })
    }
}
