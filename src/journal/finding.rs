//! Edge: what verify can find: the table of faults, each with what to do, and the findings with their place.

use super::heads::Head;
use super::loss::Loss;
use super::record::Log;
use serde::Serialize;

/// Findings that are kept in full; the rest is only counted.
const FINDINGS_MAX: usize = 100;

/// A sort of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub what: &'static str,
    pub advice: &'static str,
}

const RESTORE: &str = "put this file back from a copy of the journal (a backup, another host), then verify again; do not start on it before";
const COMPARE: &str = "compare with a copy of the journal: somebody changed this, a failing disk does not; restore the file from the copy";
const HEADS: &str =
    "compare with heads that were kept elsewhere; if the logs are right, put heads.json back from a copy";

macro_rules! kinds {
    ($( $name:ident: $what:literal, $advice:expr; )+) => {
        $( pub(super) const $name: Kind = Kind { what: $what, advice: $advice }; )+
    };
}

kinds! {
    NO_FOLDER: "the folder of the log is missing", "put the folder back from a copy of the journal, then verify again";
    MISSING: "the segment is missing", RESTORE;
    EMPTY: "the segment holds no record", RESTORE;
    WRONG_HEADER: "the file holds another segment than its name says",
        "it was swapped, renamed or copied: give it the name that its header says, or put the right file back from a copy";
    FOREIGN: "a file that is not the journal's", "move it out of this folder; the journal does not read it";
    NO_HEADER: "the segment does not start with its header", RESTORE;
    NOT_CONTINUED: "the segment does not continue the one before: one of the two was replaced, or is of another journal",
        COMPARE;
    ALTERED: "the record was altered, or records behind it were removed: the next one does not continue it", COMPARE;
    LINK: "the record's own link to the one before was altered", COMPARE;
    SKIPPED: "a record is missing before others", RESTORE;
    BEHIND_SEAL: "bytes behind the seal", COMPARE;
    NOT_SEALED: "the segment does not end with its seal: its end was cut off", RESTORE;
    SEAL: "the seal does not fit what is before it", RESTORE;
    ZEROS: "zeros behind the seal of a segment that others follow", COMPARE;
    TAIL: "bytes that are not zero behind the end of the log, which no crash of the writer explains",
        "the writer left zeros there: keep a copy; the next start decides whether a loss of power can have left them";
    OTHER_LOG: "a record of the other log", COMPARE;
    BACKWARD: "the sequence goes backward", COMPARE;
    EPOCH: "the epoch goes backward", COMPARE;
    FIRST: "the first slot is not the one that the header names", COMPARE;
    END_CUT: "the log ends before a recorded head: its end was cut off", RESTORE;
    END_MISSING: "the segment is missing: the log ends before a recorded head", RESTORE;
    REWRITTEN: "the log does not contain a recorded head: it was rewritten, or the head was", HEADS;
    NO_HEADS: "heads.json is missing: whether the ends of the logs were cut off cannot be told", HEADS;
    OLD_HEADS: "heads.json lacks the head of a finished log: it is older than the log, or was altered",
        "a start and clean end of the host writes it anew, once the logs are known to be right";
    META_ALTERED: "the file is not as the journal wrote it", RESTORE;
    DROPPED: "a line that does not follow from the one before", COMPARE;
    NO_CONFIG: "the configuration of an epoch is missing: the epoch cannot be replayed", RESTORE;
    CONFIG_ALTERED: "the configuration is not the one that the epoch ran with", RESTORE;
    LOST: "sequences are in neither log",
        "a loss of power, a full disk or a removal took them; if it was a removal, put the file back from a copy";
    NOT_RECORDED_FULL: "market data was not recorded, as the journal itself notes: disk full",
        "nothing was altered; give the journal more room (another disk, or retention_bytes_market) before the next run";
    NOT_RECORDED: "market data was not recorded, as the journal itself notes: no new segment could be made",
        "nothing was altered; look at the folder's rights and the disk before the next run";
    NOT_NOTED: "sequences are in neither log, and the market log had no room for them: market data that was not recorded, it seems, by a process that ended before it could note that",
        "nothing else was altered here; give the journal more room, or look at the folder's rights, before the next run";
    TWICE: "a sequence is in both logs", COMPARE;
}

/// A record's bytes are damaged, as its parser says.
pub(super) const fn damaged(what: &'static str) -> Kind {
    Kind { what, advice: RESTORE }
}

/// Something in the journal that is not as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In which log; `None` if it concerns a file beside the logs, or both.
    pub log: Option<Log>,
    /// The file, by its path in the journal's folder.
    pub file: String,
    /// Number of the segment; 0 if it concerns no single one.
    pub segment: u64,
    /// Byte in the file.
    pub offset: u64,
    /// The last good sequence before it; 0 = none.
    pub sequence: u64,
    /// The first good sequence behind it; 0 = none.
    pub next: u64,
    /// What is wrong.
    pub what: &'static str,
    /// What should be there; may be empty.
    pub expected: String,
    /// What is there; may be empty.
    pub found: String,
    /// What to do.
    pub advice: &'static str,
}

impl Finding {
    pub(super) fn of(kind: &Kind) -> Self {
        Self { what: kind.what, advice: kind.advice, ..Self::default() }
    }
}

impl core::fmt::Display for Finding {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}, byte {}, ", self.file, self.offset)?;
        match (self.sequence, self.next) {
            (0, 0) => write!(f, "no sequence before or behind it")?,
            (before, 0) => write!(f, "behind sequence {before}")?,
            (0, next) => write!(f, "before sequence {next}")?,
            (before, next) if before == next => write!(f, "at sequence {before}")?,
            (before, next) => write!(f, "between sequence {before} and {next}")?,
        }
        write!(f, ": {}", self.what)
    }
}

/// What `verify` read and found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Segments read.
    pub segments: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Slots read.
    pub records: u64,
    /// First sequence in the journal; 0 = empty.
    pub sequence_first: u64,
    /// Last sequence in the journal.
    pub sequence_last: u64,
    /// Epoch of the last slot.
    pub epoch_last: u64,
    /// Slots at the end whose chain the writer had not filled in yet (a crash, or a running writer).
    pub unchained: u64,
    /// Bytes of a record at the end that the writer died in, before it published it. The next start cuts them off.
    pub torn_bytes: u64,
    /// Where they are: `audit/0000000001.seg byte 4096`.
    pub torn_at: Vec<String>,
    /// Segments that retention dropped, by its own record.
    pub dropped: u64,
    /// Market data that could not be recorded, by the journal's own notes. What is missing for it is also a finding.
    pub not_recorded: Vec<Loss>,
    /// Files in the journal's folder that it did not write. No fault.
    pub foreign: Vec<String>,
    /// Where the chain of each log ends.
    pub heads: Vec<Head>,
    /// What is wrong, the first 100.
    pub findings: Vec<Finding>,
    /// How much is wrong.
    pub findings_total: u64,
}

impl Verification {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings_total == 0
    }

    /// Adds a finding; gives its place in the list, if it is kept.
    pub(super) fn push(&mut self, finding: Finding) -> Option<usize> {
        self.findings_total += 1;
        (self.findings.len() < FINDINGS_MAX).then(|| {
            self.findings.push(finding);
            self.findings.len() - 1
        })
    }
}
