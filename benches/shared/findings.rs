//! What a bench found, in one form for all: `perf/report` reads it.
//!
//! ```text
//! bench ──→ Findings ─┬─ text: each table as it is made
//!                     └─ --json: nothing but one object at the end
//! {"bench": "ring", "quick": false, "findings": […], "nanos": {"a table": [a contestant, …]}, "skipped": []}
//! ```
//!
//! A finding is a ratio that somebody wants to know: mostly one of the numbered goals (its row), which `perf/report` judges.
#![allow(dead_code, reason = "each bench uses its part of it")]

use super::turns::{Ratio, Turns};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;

/// What was asked for, by all benches alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// A smoke run: it works, and its figures prove nothing.
    pub quick: bool,
    /// One JSON object in place of the tables.
    pub json: bool,
}

impl Asked {
    /// From the arguments.
    ///
    /// # Errors
    /// Says which of them is not known, and what there is.
    pub fn new(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self { quick: false, json: false };
        for argument in arguments {
            match argument.as_str() {
                "--quick" => asked.quick = true,
                "--json" => asked.json = true,
                // Cargo's own.
                "--bench" => {}
                other => return Err(format!("`{other}`; there is [--quick] [--json]")),
            }
        }
        Ok(asked)
    }
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sense {
    /// A ratio of times.
    Less,
    /// A ratio of speeds.
    More,
}

/// One ratio, and how it was come by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Number of the goal that it is about, if it is about one.
    pub row: Option<u8>,
    /// Which part of the goal: mostly what it is divided by.
    pub part: String,
    /// What was measured: contestant, workload, source.
    pub what: String,
    /// Which way is better.
    pub sense: Sense,
    /// The ratio, the way round that the goal has it.
    pub ratio: Ratio,
    /// Blocks that were kept: the floor was steady.
    pub kept: usize,
    /// All blocks.
    pub blocks: usize,
}

impl Finding {
    /// Whether there is a ratio: not if all blocks were dropped, nor if fewer than a fifth were kept: those are no sample.
    pub fn measured(&self) -> bool {
        self.kept > 0
            && self.kept * 5 >= self.blocks
            && [self.ratio.median, self.ratio.low, self.ratio.high].iter().all(|number| number.is_finite())
    }
}

/// One contestant of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contestant {
    /// Its name.
    pub name: String,
    /// Nanoseconds an item.
    pub nanos: Ratio,
    /// Its time ÷ ours, block by block.
    pub ratio: Option<Ratio>,
}

/// All that one bench found.
#[allow(clippy::struct_field_names, reason = "the names that JSON has")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// The bench's name.
    pub bench: String,
    /// Whether it was a smoke run.
    pub quick: bool,
    /// The ratios.
    pub findings: Vec<Finding>,
    /// The contestants, by the name of their table.
    #[serde(default)]
    pub nanos: BTreeMap<String, Vec<Contestant>>,
    /// What was not measured here, and why.
    #[serde(default)]
    pub skipped: Vec<String>,
    #[serde(skip)]
    json: bool,
}

impl Findings {
    /// Nothing found yet.
    pub fn new(bench: &str, asked: Asked) -> Self {
        Self {
            bench: bench.to_owned(),
            quick: asked.quick,
            findings: Vec::new(),
            nanos: BTreeMap::new(),
            skipped: Vec::new(),
            json: asked.json,
        }
    }

    /// The same, from `arguments`; ends the program if it does not know one of them.
    pub fn begin(bench: &str, arguments: impl IntoIterator<Item = String>) -> Self {
        match Asked::new(arguments) {
            Ok(asked) => Self::new(bench, asked),
            Err(error) => {
                eprintln!("{bench}: {error}");
                std::process::exit(2);
            }
        }
    }

    /// A line of the text; left out of JSON.
    pub fn say(&self, text: impl Display) {
        if !self.json {
            println!("{text}");
        }
    }

    /// Something that could not be measured here.
    pub fn skip(&mut self, why: impl Display) {
        self.say(format_args!("\n{why}"));
        self.skipped.push(why.to_string());
    }

    /// A ratio between contestants of `turns`.
    pub fn found(
        &mut self,
        row: impl Into<Option<u8>>,
        part: &str,
        what: &str,
        sense: Sense,
        ratio: Ratio,
        turns: &Turns,
    ) {
        let (part, what) = (part.to_owned(), what.to_owned());
        let (kept, blocks) = (turns.kept().len(), turns.blocks());
        self.findings.push(Finding { row: row.into(), part, what, sense, ratio, kept, blocks });
    }

    /// Keeps the contestants of `turns`, each beside number `ours`, under `title`.
    pub fn keep(&mut self, title: &str, turns: &Turns, ours: usize) {
        let contestants = turns.names().iter().enumerate().map(|(who, name)| Contestant {
            name: name.clone(),
            nanos: turns.nanos(who),
            ratio: Some(turns.ratio(who, ours)),
        });
        self.nanos.insert(title.to_owned(), contestants.collect());
    }

    /// The same, and prints them, in nanoseconds per `item`; ours comes behind the floor.
    pub fn table(&mut self, title: &str, item: &str, turns: &Turns) {
        self.keep(title, turns, 1);
        self.say(format_args!("\n{title}: {} of {} blocks kept", turns.kept().len(), turns.blocks()));
        for (who, name) in turns.names().iter().enumerate() {
            let (nanos, ratio) = (turns.nanos(who).median, turns.ratio(who, 1));
            self.say(format_args!("  {name:<34} {nanos:>8.1} ns/{item}   {ratio} × tickpath"));
        }
    }

    /// Ends the output.
    pub fn finish(self) {
        if self.json {
            println!("{}", serde_json::to_string(&self).expect("strings and numbers"));
        }
    }
}
