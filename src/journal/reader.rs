//! Edge: reads a journal in sequence order, also while it is being written.

use super::disk::{segment_numbers, segment_path};
use super::error::JournalError;
use super::heads::read_dropped;
use super::loss::{Loss, Losses};
use super::place::{Place, Places};
use super::record::{ALIGN, LENGTH_MAX, Log, Opening, Parsed, RecordKind, next_valid, parse};
use crate::event::digest::SlotDigest;
use crate::event::execution::ExecutionSection;
use crate::event::input::Input;
use crate::event::risk::RiskSection;
use crate::event::signal::SignalSection;
use bytemuck::{Pod, Zeroable};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The sections that the audit log keeps, stamps zeroed.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct AuditSections {
    /// What the models said.
    pub signal: SignalSection,
    /// What risk allowed or refused.
    pub risk: RiskSection,
    /// What went to the venue.
    pub execution: ExecutionSection,
}

/// One slot as the journal has it. Reuse one for many reads.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Place in the one total order.
    pub sequence: u64,
    /// The process start that wrote it.
    pub epoch: u64,
    /// The input; `stamp` and `decode_ticks` are 0, and the payload beyond `payload_len` is zero.
    pub input: Input,
    /// Digests of the output sections.
    pub digest: SlotDigest,
    /// Signal, risk and execution, if it is in the audit log.
    pub audit: Option<AuditSections>,
}

impl Default for Entry {
    fn default() -> Self {
        Self { sequence: 0, epoch: 0, input: Input::zeroed(), digest: SlotDigest::default(), audit: None }
    }
}

/// Bytes read at once while there is much to read.
const CHUNK: usize = 256 << 10;
/// Bytes read at once while waiting for the writer.
const POLL: usize = 8 << 10;

/// A place in one log.
struct LogReader {
    dir: PathBuf,
    log: Log,
    /// The open segment.
    segment: Option<(u64, PathBuf, File)>,
    /// Whether its seal was met.
    sealed: bool,
    buffer: Vec<u8>,
    /// Offset in the file of the start of `buffer`.
    base: u64,
    /// Place in `buffer`.
    at: usize,
    /// Bytes of the record that was taken last.
    taken: usize,
    /// Bytes to read next time.
    chunk: usize,
    last: u64,
    /// What lies at or before this sequence is not wanted.
    behind: u64,
    /// What the notes so far say (audit log).
    losses: Losses,
    /// The next slot, if it was read already.
    peeked: bool,
    entry: Entry,
}

impl LogReader {
    fn new(dir: &Path, log: Log) -> Self {
        Self {
            dir: dir.to_path_buf(),
            log,
            segment: None,
            sealed: false,
            buffer: Vec::with_capacity(CHUNK + LENGTH_MAX),
            base: 0,
            at: 0,
            taken: 0,
            chunk: CHUNK,
            last: 0,
            behind: 0,
            losses: Losses::default(),
            peeked: false,
            entry: Entry::default(),
        }
    }

    /// Makes sure that `entry` holds the next slot; `false` at the present end.
    fn peek(&mut self) -> Result<bool, JournalError> {
        while !self.peeked {
            if (self.segment.is_none() || self.sealed) && !self.open_next()? {
                return Ok(false);
            }
            if !self.step()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The segment in which what follows `behind` begins: the last one whose first sequence is not beyond it. Segments that
    /// were made ahead and are empty do not count.
    fn first_segment(&self) -> Result<Option<u64>, JournalError> {
        let numbers = segment_numbers(&self.dir, self.log)?;
        for number in numbers.iter().rev().filter(|_| self.behind > 0) {
            let path = segment_path(&self.dir, self.log, *number);
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(JournalError::io("open", &path)(error)),
            };
            let mut head = vec![0; LENGTH_MAX];
            let read = read_at(&file, &mut head, 0).map_err(JournalError::io("read", &path))?;
            head.truncate(read);
            if let Parsed::Record(found) = parse(&head)
                && found.kind == RecordKind::Opening
                && found.header.sequence <= self.behind
            {
                return Ok(Some(*number));
            }
        }
        Ok(numbers.first().copied())
    }

    /// Opens the segment that follows (the first that is needed, at the start).
    fn open_next(&mut self) -> Result<bool, JournalError> {
        let wanted = match &self.segment {
            Some((number, ..)) => number + 1,
            None => match self.first_segment()? {
                Some(first) => first,
                None => return Ok(false),
            },
        };
        let mut number = wanted;
        let mut path = segment_path(&self.dir, self.log, number);
        let file = loop {
            match File::open(&path) {
                Ok(file) => break file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // Retention may have been faster than this reader: it goes on behind what was dropped.
                    let dropped = read_dropped(&self.dir)?;
                    match dropped.iter().rfind(|d| d.log == self.log && d.segment >= number) {
                        Some(last) => number = last.segment + 1,
                        None if segment_numbers(&self.dir, self.log)?.last().is_none_or(|n| *n < number) => {
                            return Ok(false);
                        }
                        None => return Err(self.corrupt(&path, 0, "the segment is missing")),
                    }
                    path = segment_path(&self.dir, self.log, number);
                }
                Err(error) => return Err(JournalError::io("open", &path)(error)),
            }
        };
        self.segment = Some((number, path, file));
        self.sealed = false;
        self.rewind(0);
        Ok(true)
    }

    /// Takes one record; `false` if there is none yet.
    fn step(&mut self) -> Result<bool, JournalError> {
        let mut fresh = false;
        loop {
            if self.buffer.len() - self.at < LENGTH_MAX {
                fresh |= self.fill()?;
            }
            match parse(&self.buffer[self.at..]) {
                Parsed::Record(found) => {
                    let (kind, length) = (found.kind, found.bytes.len());
                    let at = self.base + self.at as u64;
                    let number = self.segment.as_ref().map_or(0, |s| s.0);
                    let what = match kind {
                        RecordKind::Opening if at == 0 && found.mark::<Opening>().is_of(self.log, number) => None,
                        RecordKind::Opening => Some("the header belongs to another place"),
                        _ if at == 0 => Some("the segment does not start with its header"),
                        RecordKind::Seal => None,
                        RecordKind::Note if self.log == Log::Audit => None,
                        _ if (kind == RecordKind::Audit) != (self.log == Log::Audit) => {
                            Some("a record of the other log")
                        }
                        _ if found.header.sequence <= self.last => Some("the sequence goes backward"),
                        _ => None,
                    };
                    if let Some(what) = what {
                        return Err(self.corrupt_here(what));
                    }
                    if kind == RecordKind::Note {
                        self.losses.note(found.mark(), found.header.epoch);
                    }
                    if found.is_slot() {
                        if self.log == Log::Audit {
                            self.losses.slot(found.header.epoch, found.header.sequence);
                        }
                        found.read_into(&mut self.entry);
                        self.last = self.entry.sequence;
                        self.peeked = self.last > self.behind;
                    }
                    self.sealed = kind == RecordKind::Seal;
                    self.at += length;
                    self.taken = length;
                    self.chunk = CHUNK;
                    return Ok(true);
                }
                // What was read before may have been written since.
                _ if !fresh => {
                    self.rewind(self.base + self.at as u64);
                    self.chunk = POLL;
                    self.fill()?;
                    fresh = true;
                }
                Parsed::End => {
                    self.rewind(self.base + self.at as u64);
                    return Ok(false);
                }
                Parsed::Bad(what) => return self.judge(what),
            }
        }
    }

    /// A record that is not whole: the torn or still growing end, or a fault in the middle?
    fn judge(&mut self, what: &'static str) -> Result<bool, JournalError> {
        let at = self.base + self.at as u64;
        self.rewind(at);
        let Some((_, path, file)) = &self.segment else { return Ok(false) };
        let length = file.metadata().map_err(JournalError::io("stat", path))?.len();
        let mut rest = vec![0; length.saturating_sub(at) as usize];
        let read = read_at(file, &mut rest, at).map_err(JournalError::io("read", path))?;
        rest.truncate(read);
        // The writer may have finished the record in between.
        if matches!(parse(&rest), Parsed::Record(_)) {
            return self.step();
        }
        if next_valid(&rest, ALIGN).is_some() { Err(self.corrupt_here(what)) } else { Ok(false) }
    }

    fn rewind(&mut self, base: u64) {
        self.base = base;
        self.at = 0;
        self.buffer.clear();
    }

    /// Drops what was taken and reads more. `true` if nothing read before is left.
    fn fill(&mut self) -> Result<bool, JournalError> {
        let Some((_, path, file)) = &self.segment else { return Ok(true) };
        self.buffer.drain(..self.at);
        self.base += self.at as u64;
        self.at = 0;
        let have = self.buffer.len();
        self.buffer.resize(have + self.chunk, 0);
        let read =
            read_at(file, &mut self.buffer[have..], self.base + have as u64).map_err(JournalError::io("read", path))?;
        self.buffer.truncate(have + read);
        Ok(have == 0)
    }

    /// Where the next slot begins that was not delivered yet; before everything until something was read.
    fn place(&self) -> Place {
        let waits = if self.peeked { self.taken } else { 0 };
        let offset = (self.base + self.at as u64).saturating_sub(waits as u64);
        self.segment.as_ref().map_or_else(Place::default, |(segment, ..)| Place { segment: *segment, offset })
    }

    fn corrupt_here(&self, what: &'static str) -> JournalError {
        let path = self.segment.as_ref().map(|s| s.1.clone()).unwrap_or_default();
        self.corrupt(&path, self.base + self.at as u64, what)
    }

    fn corrupt(&self, path: &Path, offset: u64, what: &'static str) -> JournalError {
        JournalError::Corrupt { segment: path.to_path_buf(), offset, sequence: self.last, what }
    }
}

/// Reads until `buffer` is full or the file ends.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Reads the slots of a journal in the order of their sequence, over both logs. Takes no lock; may run in any process
/// while the journal is written, and then stops at the present end and can be asked again.
///
/// It checks CRC, shape and order of all that it reads, not the chain: that is what `verify` does.
pub struct Reader {
    audit: LogReader,
    market: Option<LogReader>,
    last: u64,
}

impl Reader {
    /// At the start of both logs.
    ///
    /// # Errors
    /// [`JournalError::Io`] if `dir` is not there.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        let mut reader = Self::audit_only(dir)?;
        reader.market = Some(LogReader::new(dir, Log::Market));
        Ok(reader)
    }

    /// Behind `sequence`: what lies before is passed over, whole segments unread.
    ///
    /// # Errors
    /// [`JournalError::Io`] if `dir` is not there.
    pub fn open_behind(dir: &Path, sequence: u64) -> Result<Self, JournalError> {
        let mut reader = Self::open(dir)?;
        (reader.last, reader.audit.behind) = (sequence, sequence);
        if let Some(market) = &mut reader.market {
            market.behind = sequence;
        }
        Ok(reader)
    }

    /// At the start of the audit log, for recovery and blotters: sequences have holes where the market log has them.
    ///
    /// # Errors
    /// [`JournalError::Io`] if `dir` is not there.
    pub fn audit_only(dir: &Path) -> Result<Self, JournalError> {
        std::fs::metadata(dir).map_err(JournalError::io("open the journal", dir))?;
        Ok(Self { audit: LogReader::new(dir, Log::Audit), market: None, last: 0 })
    }

    /// Reads the next slot into `entry`. `false` at the present end; ask again later.
    ///
    /// A sequence that is in neither log (dropped by retention, lost with the power) is passed over: `entry.sequence`
    /// shows it.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] with the place; [`JournalError::Io`].
    pub fn next(&mut self, entry: &mut Entry) -> Result<bool, JournalError> {
        let Some(market) = &mut self.market else {
            return Self::deliver(&mut self.audit, &mut self.last, entry);
        };
        let has_market = market.peek()?;
        let mut has_audit = self.audit.peek()?;
        // The log without a slot may have got one after it was asked, and before the other one was.
        let seen = if has_market { market.entry.sequence } else { self.audit.entry.sequence };
        let mut has_market = has_market;
        if has_market != has_audit && seen != self.last + 1 {
            has_market = market.peek()?;
            has_audit = self.audit.peek()?;
        }
        let from = match (has_audit, has_market) {
            (true, true) if self.audit.entry.sequence < market.entry.sequence => &mut self.audit,
            (_, true) => market,
            (true, false) => &mut self.audit,
            (false, false) => return Ok(false),
        };
        Self::deliver(from, &mut self.last, entry)
    }

    /// Where it stands in both logs. A log of which nothing was read yet has its first place.
    pub fn places(&self) -> Places {
        let mut places = Places::default();
        places[Log::Audit.index()] = self.audit.place();
        places[Log::Market.index()] = self.market.as_ref().map_or_else(Place::default, LogReader::place);
        places
    }

    /// Market data that was not recorded, as far as the audit log was read and its notes tell it.
    pub fn losses(&self) -> &[Loss] {
        self.audit.losses.all()
    }

    fn deliver(from: &mut LogReader, last: &mut u64, entry: &mut Entry) -> Result<bool, JournalError> {
        if !from.peek()? {
            return Ok(false);
        }
        *entry = from.entry;
        from.peeked = false;
        *last = entry.sequence;
        Ok(true)
    }
}
