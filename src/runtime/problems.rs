//! Edge: what went wrong in a run, for its summary and its exit code. Bounded; nothing is swallowed, the rest is counted.

use super::complaint::Complaint;
use crate::venue::capture::Packing;
use crate::venue::feed::DecodeError;
use std::path::PathBuf;

/// How many problems are kept in words.
const KEPT: usize = 20;

/// A message that was not read.
#[derive(Debug)]
struct Unread {
    /// Index of its reader.
    reader: usize,
    /// Index in `told`.
    told: usize,
}

/// Problems of a run.
#[derive(Debug, Default)]
pub struct Problems {
    /// The first ones, in words: what, where, and what was expected.
    pub told: Vec<String>,
    symbols: Vec<String>,
    unread: Vec<Unread>,
    /// All of them.
    pub count: u64,
    /// What ended the run early, or why it is not whole.
    pub fatal: Option<Complaint>,
}

impl Problems {
    /// A message that was not read: record `number` (from 1) of `source`, whose records are called `unit`.
    pub fn message(&mut self, reader: usize, source: &str, unit: &str, number: u64, error: &DecodeError) {
        if self.told.len() < KEPT && self.unread.iter().all(|first| first.reader != reader) {
            self.unread.push(Unread { reader, told: self.told.len() });
        }
        self.add(format!("{source}: {unit} {number} cannot be read: {error}"));
    }

    /// A message of a symbol that no definition names; told once for each symbol.
    pub fn unknown_symbol(&mut self, source: &str, unit: &str, number: u64, symbol: &str) {
        self.count += 1;
        if self.symbols.iter().any(|known| known == symbol) {
            return;
        }
        if self.symbols.len() < KEPT {
            self.symbols.push(symbol.to_owned());
            self.told.push(format!(
                "{source}: unknown_symbol `{symbol}` (first in {unit} {number}) is not in the given definitions of this venue; its messages are left out: add it to the definitions, or leave --definitions away"
            ));
        }
    }

    /// Asks the checksums of packed files about the first message of each that was not read. Takes as long as reading them,
    /// but ends when `goes_on` says no.
    pub fn ask_packing(&mut self, paths: &[PathBuf], goes_on: &dyn Fn() -> bool) {
        for first in &self.unread {
            let remark = paths.get(first.reader).and_then(|path| Packing::of_while(path, goes_on).remark());
            if let (Some(remark), Some(told)) = (remark, self.told.get_mut(first.told)) {
                *told = format!("{told}; {remark}");
            }
        }
    }

    /// A problem in words.
    pub fn add(&mut self, text: String) {
        self.count += 1;
        if self.told.len() < KEPT {
            self.told.push(text);
        }
    }

    /// Something for which the run is not whole: the first is kept as its error, the others as problems.
    pub fn fatal(&mut self, complaint: Complaint) {
        if self.fatal.is_none() {
            self.fatal = Some(complaint);
        } else {
            self.add(complaint.text);
        }
    }

    /// Whether the run was clean.
    pub fn is_clean(&self) -> bool {
        self.count == 0 && self.fatal.is_none()
    }

    /// All of it, a line each, for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.fatal.iter().map(|fatal| fatal.text.clone()).collect();
        lines.extend(self.told.iter().cloned());
        let silent = self.count.saturating_sub(self.told.len() as u64);
        if silent > 0 {
            lines.push(format!("… and {silent} more problems: {} in all", self.count));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::feed::DecodeFault;
    use std::io::Write;

    #[test]
    fn the_first_unread_message_of_each_reader_takes_the_remark() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["plain", "packed"].map(|name| dir.path().join(name));
        std::fs::write(&paths[0], "plain").unwrap();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"packed").unwrap();
        std::fs::write(&paths[1], packed.finish().unwrap()).unwrap();
        let error = DecodeError { fault: DecodeFault::Syntax, at: 3, expected: "an object" };
        // Whether nobody wants the run to end → what is said of the first message of the packed file.
        let check = |goes_on: bool, remark: &str| {
            let mut problems = Problems::default();
            for (reader, name) in [(1, "b"), (0, "a"), (1, "b")] {
                problems.message(reader, name, "line", 7, &error);
            }
            problems.ask_packing(&paths, &|| goes_on);
            let told: Vec<bool> = problems.told.iter().map(|t| t.contains(remark)).collect();
            assert_eq!((told, problems.count), (vec![true, false, false], 3), "{:?}", problems.told);
        };
        check(true, "; the file's gzip checksum is right");
        check(false, "; whether the file's gzip is corrupt was not asked");
    }

    #[test]
    fn what_is_not_told_is_counted() {
        let mut problems = Problems::default();
        for n in 0..25 {
            problems.add(n.to_string());
        }
        problems.fatal(Complaint::new("first"));
        problems.fatal(Complaint::new("second"));
        let lines = problems.lines();
        assert_eq!((lines.len(), lines[0].as_str()), (22, "first"));
        assert_eq!(lines[21], "… and 6 more problems: 26 in all");
    }
}
