//! Edge: what went wrong in a run, for its summary and its exit code. Bounded; nothing is swallowed, the rest is counted.

use crate::venue::feed::DecodeError;

/// How many problems are kept in words.
const KEPT: usize = 20;

/// Problems of a run.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// The first ones, in words: what, where, and what was expected.
    pub told: Vec<String>,
    symbols: Vec<String>,
    /// All of them.
    pub count: u64,
    /// What ended the run early.
    pub fatal: Option<String>,
}

impl Problems {
    /// A message that was not read: message `number` (from 1) of `source`.
    pub fn message(&mut self, source: &str, number: u64, error: &DecodeError) {
        self.add(format!("{source}, message {number}: {error}"));
    }

    /// A message of a symbol that no definition names; told once for each symbol.
    pub fn unknown_symbol(&mut self, source: &str, number: u64, symbol: &str) {
        self.count += 1;
        if self.symbols.iter().any(|known| known == symbol) {
            return;
        }
        if self.symbols.len() < KEPT {
            self.symbols.push(symbol.to_owned());
            self.told.push(format!(
                "unknown_symbol: `{symbol}` is not in the given definitions of this venue (first in {source}, message {number}); its messages are left out: add it to the definitions, or leave --definitions away"
            ));
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
    pub fn fatal(&mut self, text: String) {
        if self.fatal.is_none() {
            self.fatal = Some(text);
        } else {
            self.add(text);
        }
    }

    /// Whether the run was clean.
    pub fn is_clean(&self) -> bool {
        self.count == 0 && self.fatal.is_none()
    }
}
