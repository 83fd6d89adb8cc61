//! Edge: a batch: entries of the event stream with all that follows from them.
//!
//! On one server all of it is one transaction. In a cluster a transaction has the keys of one slot, so there are three parts, one
//! behind the other: the entries with the messages; what must be written once beside the audit stream, with its place, as a
//! transaction there; and what may be written again (positions, states). What a lost connection keeps from being done is done by
//! the next session: it begins at the lower of both places, and sets positions and states right.

use super::stream::Stream;
use super::trouble::Trouble;
use crate::bridge::id::Id;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, Pipeline, RedisError, Value};
use std::time::{Duration, Instant};

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// All of it is there.
    All,
    /// The stream was gone, or somebody else writes it: where it stands must be asked again.
    Gone,
}

/// What became of a batch, or of a part.
#[derive(Debug)]
pub struct Sent {
    /// What became of what must be there.
    pub added: Added,
    /// What the server would not do beside it: the first of it. The entries are there all the same.
    pub refused: Option<Trouble>,
}

/// Commands that are sent together.
#[derive(Default)]
struct Part {
    pipe: Pipeline,
    /// Of each command whether it is an entry.
    is_entry: Vec<bool>,
}

impl Part {
    fn new(room: usize, atomic: bool) -> Self {
        let mut pipe = Pipeline::with_capacity(room);
        // Each answer is looked at by itself: an entry that is refused is another thing than a message that is.
        pipe.ignore_errors();
        if atomic {
            pipe.atomic();
        }
        Self { pipe, is_entry: Vec::with_capacity(room) }
    }

    fn put(&mut self, command: Cmd, is_entry: bool) {
        self.pipe.add_command(command);
        self.is_entry.push(is_entry);
    }

    async fn send(&self, connection: &mut impl ConnectionLike) -> Result<Sent, Trouble> {
        let mut sent = Sent { added: Added::All, refused: None };
        if self.is_entry.is_empty() {
            return Ok(sent);
        }
        let answers: Option<Vec<Value>> = self.pipe.query_async(connection).await?;
        // What was watched has changed.
        let Some(answers) = answers else { return Ok(Sent { added: Added::Gone, refused: None }) };
        let (got, asked) = (answers.len(), self.is_entry.len());
        if got != asked {
            return Err(Trouble(format!("Redis: {got} answers to {asked} commands")));
        }
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

/// Entries that are added together or not at all, and what goes out with them.
pub struct Batch {
    key: String,
    main: Part,
    /// In a cluster: what is done beside the audit stream, and what may be done again.
    apart: Option<(Part, Part)>,
    /// What is said now goes with the audit stream.
    beside_audit: bool,
    /// Whether there is something that must be done once beside the audit stream.
    has_audit: bool,
    entries: usize,
    bytes: usize,
    messages: u64,
    left_out: u64,
}

impl Batch {
    /// Of the stream with the key `key`, with `room` for so many commands.
    pub fn new(key: &str, room: usize, is_cluster: bool) -> Self {
        let apart = is_cluster.then(|| (Part::new(0, true), Part::new(0, false)));
        let main = Part::new(room, true);
        Self {
            key: key.to_owned(),
            main,
            apart,
            beside_audit: false,
            has_audit: false,
            entries: 0,
            bytes: 0,
            messages: 0,
            left_out: 0,
        }
    }

    /// One entry more.
    pub fn add(&mut self, id: Id, names: &[&str], values: &[&[u8]]) {
        let id = id.to_string();
        let values_size = values.iter().map(|value| value.len()).sum::<usize>();
        let names_size = names.iter().map(|name| name.len()).sum::<usize>();
        let words = [b"XADD".as_slice(), self.key.as_bytes(), b"NOMKSTREAM", id.as_bytes()];
        let size = words.iter().map(|word| word.len()).sum::<usize>() + names_size + values_size;
        let mut command = Cmd::with_capacity(words.len() + names.len() + values.len(), size);
        for word in words {
            command.arg(word);
        }
        for (name, value) in names.iter().zip(values) {
            command.arg(name).arg(value);
        }
        self.bytes += values_size;
        self.entries += 1;
        self.main.put(command, true);
    }

    /// A message more, which is said with the entries.
    pub fn say(&mut self, command: Cmd) {
        self.messages += 1;
        self.also(command);
    }

    /// An entry has none of its messages, since it is old.
    pub fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// A command more, which is to be done with the entries: a message, or one on a key beside the stream.
    pub fn also(&mut self, command: Cmd) {
        match &mut self.apart {
            Some((audit, _)) if self.beside_audit => audit.put(command, false),
            _ => self.main.put(command, false),
        }
    }

    /// A command on a key beside the audit stream, which is to be done once.
    pub fn once(&mut self, command: Cmd) {
        self.has_audit = true;
        match &mut self.apart {
            Some((audit, _)) => audit.put(command, false),
            None => self.main.put(command, false),
        }
    }

    /// A command on any key, which may be done again.
    pub fn anywhere(&mut self, command: Cmd) {
        match &mut self.apart {
            Some((_, rest)) => rest.put(command, false),
            None => self.main.put(command, false),
        }
    }

    /// Whether the messages from now on belong to what is done once beside the audit stream: those that no event leads to.
    pub fn beside_audit(&mut self, beside: bool) {
        self.beside_audit = beside;
        self.has_audit |= beside;
    }

    /// Whether there is something that must be done once beside the audit stream.
    pub fn has_audit(&self) -> bool {
        self.has_audit
    }

    /// Entries so far.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Whether there is nothing to send at all.
    pub fn is_empty(&self) -> bool {
        let apart =
            self.apart.as_ref().is_none_or(|(audit, rest)| audit.is_entry.is_empty() && rest.is_entry.is_empty());
        self.main.is_entry.is_empty() && apart
    }

    /// Messages so far.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Entries without their messages so far.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Bytes of the entries' values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The connections of a session.
pub struct Lines {
    /// For everything that may be anywhere.
    pub link: super::link::Link,
    /// To the node of the event stream.
    pub stream: MultiplexedConnection,
    /// To the node of the audit stream.
    audit: MultiplexedConnection,
    /// When the answer came that the session is the writer and is watched to be, if no batch was sent since.
    guarded: Option<Instant>,
}

/// So long that answer is good for the next batch: the stream itself is not watched, and may go meanwhile.
const GUARD_HOLDS: Duration = Duration::from_millis(100);

impl Lines {
    /// Those that `link` leads to, for the keys of both streams.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn open(link: super::link::Link, stream: &str, audit: &str) -> Result<Self, Trouble> {
        let (stream, audit) = (link.own(stream).await?, link.own(audit).await?);
        Ok(Self { link, stream, audit, guarded: None })
    }

    /// Does all of `batch`, if the session `token` is the writer of `stream`, and the key `place` beside the audit stream says what
    /// this session knows.
    ///
    /// # Errors
    /// [`Trouble`]: what is done is not known then.
    pub async fn send(
        &mut self,
        batch: &Batch,
        (stream, token): (&Stream, &str),
        (place, says): (&str, Option<&str>),
    ) -> Result<Sent, Trouble> {
        let gone = Sent { added: Added::Gone, refused: None };
        let is_guarded = self.guarded.take().is_some_and(|at| at.elapsed() < GUARD_HOLDS);
        if !is_guarded && !stream.is_writer(&mut self.stream, token).await? {
            return Ok(gone);
        }
        // The question for the next batch goes out right behind this one: it costs no round trip then.
        let mut behind = self.stream.clone();
        let (sent, guard) = tokio::join!(
            biased;
            batch.main.send(&mut self.stream),
            stream.is_writer(&mut behind, token)
        );
        let sent = sent?;
        self.guarded = matches!(guard, Ok(true)).then(Instant::now);
        let Some((audit, rest)) = &batch.apart else { return Ok(sent) };
        if sent.added == Added::Gone {
            return Ok(sent);
        }
        let mut refused = sent.refused;
        if !audit.is_entry.is_empty() {
            // What an earlier session sent there, and what was not answered, is done before this or never.
            let mut pipe = Pipeline::with_capacity(2);
            pipe.cmd("WATCH").arg(place).ignore();
            pipe.cmd("GET").arg(place);
            let (known,): (Option<String>,) = pipe.query_async(&mut self.audit).await?;
            if known.as_deref() != says {
                return Ok(gone);
            }
            let sent = audit.send(&mut self.audit).await?;
            if sent.added == Added::Gone {
                return Ok(sent);
            }
            refused = refused.or(sent.refused);
        }
        let sent = rest.send(&mut self.link).await?;
        Ok(Sent { added: Added::All, refused: refused.or(sent.refused) })
    }
}
