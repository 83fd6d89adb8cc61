//! Edge: what the supervisor remembers over a restart, in a hash of its own: outages that were told, thresholds that were
//! crossed, instruments that it bound, and who moved which. Fields: `outage:{agent}`, `budget:{agent}:{provider}`,
//! `reduced:{instrument}`, `exposure:{agent}`.

use crate::acp::names::Names;
use crate::bridge::redis::link::Link;
use crate::bridge::redis::trouble::Trouble;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Fields that are read at a start; more are not ours.
const FIELDS_MAX: usize = 65_536;
/// A field and its value, as they stand.
type Pair = (Vec<u8>, Vec<u8>);

/// Longest value that is read, in bytes.
const VALUE_MAX: usize = 1 << 20;

/// An outage that was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// The incident's id.
    pub incident_id: String,
    /// As the alert was: `critical` or `info`.
    pub severity: String,
    /// Since when the agent is silent: ISO-8601.
    pub since: String,
}

/// An instrument that the supervisor bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// Number of the request that bound it.
    pub request: u64,
    /// For whose silence.
    pub agents: BTreeSet<String>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// By agent.
    pub outages: BTreeMap<String, Outage>,
    /// By what stands behind `budget:`.
    pub budgets: BTreeMap<String, u8>,
    /// By instrument.
    pub reduced: BTreeMap<String, Bound>,
    /// By agent.
    pub exposures: BTreeMap<String, BTreeSet<String>>,
    /// Fields that make no sense.
    pub junk: u64,
}

/// The field of an outage.
pub fn outage_field(agent: &str) -> String {
    format!("outage:{agent}")
}

/// The field of a budget's thresholds.
pub fn budget_field(agent: &str, provider: &str) -> String {
    format!("budget:{agent}:{provider}")
}

/// The field of an instrument.
pub fn reduced_field(instrument: &str) -> String {
    format!("reduced:{instrument}")
}

/// The field of what an agent moved.
pub fn exposure_field(agent: &str) -> String {
    format!("exposure:{agent}")
}

impl Memory {
    /// Takes in one field.
    fn take(&mut self, field: &str, value: &str) {
        fn put<T: for<'a> Deserialize<'a>>(map: &mut BTreeMap<String, T>, name: &str, value: &str) -> bool {
            let read = (value.len() <= VALUE_MAX).then(|| serde_json::from_str(value).ok()).flatten();
            read.map(|read| map.insert(name.to_owned(), read)).is_some()
        }
        let taken = match field.split_once(':') {
            Some(("outage", agent)) => put(&mut self.outages, agent, value),
            Some(("budget", rest)) => put(&mut self.budgets, rest, value),
            Some(("reduced", instrument)) => put(&mut self.reduced, instrument, value),
            Some(("exposure", agent)) => put(&mut self.exposures, agent, value),
            _ => false,
        };
        self.junk += u64::from(!taken);
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn load(connection: &mut Link, names: &Names) -> Result<Self, Trouble> {
        let (mut memory, mut cursor, mut fields) = (Self::default(), 0u64, 0);
        loop {
            let (next, pairs): (u64, Vec<Pair>) = redis::cmd("HSCAN")
                .arg(names.supervisor())
                .arg(cursor)
                .arg("COUNT")
                .arg(512)
                .query_async(connection)
                .await?;
            for (field, value) in pairs {
                fields += 1;
                match (std::str::from_utf8(&field), std::str::from_utf8(&value)) {
                    (Ok(field), Ok(value)) => memory.take(field, value),
                    _ => memory.junk += 1,
                }
            }
            if next == 0 || fields >= FIELDS_MAX {
                return Ok(memory);
            }
            cursor = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back_and_junk_is_counted() {
        let mut memory = Memory::default();
        let outage = Outage { incident_id: "i".to_owned(), severity: "critical".to_owned(), since: "s".to_owned() };
        let bound = Bound { request: 7, agents: BTreeSet::from(["agent:002".to_owned()]) };
        memory.take(&outage_field("agent:002"), &serde_json::to_string(&outage).unwrap());
        memory.take(&reduced_field("X.SIM"), &serde_json::to_string(&bound).unwrap());
        memory.take(&budget_field("agent:002", "openai"), "2");
        memory.take(&exposure_field("agent:002"), r#"["X.SIM"]"#);
        assert_eq!(memory.outages["agent:002"], outage);
        assert_eq!(memory.reduced["X.SIM"], bound);
        assert_eq!(memory.budgets["agent:002:openai"], 2);
        assert!(memory.exposures["agent:002"].contains("X.SIM") && memory.junk == 0);
        for (field, value) in
            [("outage:a", "x"), ("budget:a", "300"), ("reduced:x", "{}"), ("other", "1"), ("exposure:a", "7")]
        {
            memory.take(field, value);
        }
        assert_eq!(memory.junk, 5);
        assert_eq!((memory.outages.len(), memory.budgets.len(), memory.reduced.len()), (1, 1, 1));
    }
}
