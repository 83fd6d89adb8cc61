//! Edge: what the audit log says is held, and whether the gate is open, behind each of its entries.

use crate::event::risk::RiskSection;
use crate::journal::Entry;
use crate::types::ids::InstrumentId;
use crate::types::time::UnixNanos;
use std::collections::BTreeMap;

/// Where an instrument's account stands.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// What risk said last.
    pub risk: RiskSection,
    /// Received then.
    pub at: UnixNanos,
    /// The event that changed position, profit or fees last.
    pub sequence: u64,
}

impl Held {
    /// Whether nothing was ever held here.
    pub fn is_untouched(&self) -> bool {
        let risk = &self.risk;
        risk.position.0 == 0 && risk.realized == 0 && risk.fees == 0
    }

    /// Whether position, profit and fees are those of `risk`.
    pub fn is_same(&self, risk: &RiskSection) -> bool {
        let of = |risk: &RiskSection| (risk.position, risk.realized, risk.fees, risk.avg_px_e4, risk.money_decimals);
        of(&self.risk) == of(risk)
    }
}

/// All accounts, and the gate.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    held: BTreeMap<InstrumentId, Held>,
    gate: Option<u32>,
}

impl Accounts {
    /// Takes in an entry; whether position, profit or fees of its instrument are others since.
    pub fn learn(&mut self, entry: &Entry) -> bool {
        let Some(audit) = &entry.audit else { return false };
        self.gate = Some(audit.risk.gate);
        let (id, risk) = (entry.input.instrument, audit.risk);
        if !id.is_some() {
            return false;
        }
        let new = Held { risk, at: entry.input.ts_recv, sequence: entry.sequence };
        let Some(known) = self.held.get_mut(&id) else {
            self.held.insert(id, new);
            return !new.is_untouched();
        };
        let same = known.is_same(&risk);
        *known = if same { Held { sequence: known.sequence, ..new } } else { new };
        !same
    }

    /// The account of an instrument.
    pub fn get(&self, id: InstrumentId) -> Option<&Held> {
        self.held.get(&id)
    }

    /// All accounts.
    pub fn all(&self) -> impl Iterator<Item = (InstrumentId, &Held)> {
        self.held.iter().map(|(id, held)| (*id, held))
    }

    /// Bits of the reasons that hold the gate closed; `None` before the first entry.
    pub fn gate(&self) -> Option<u32> {
        self.gate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::AuditSections;
    use crate::types::price::Qty;
    use bytemuck::Zeroable;

    #[test]
    fn a_change_is_told_once() {
        let mut accounts = Accounts::default();
        let mut entry = Entry { sequence: 1, ..Entry::default() };
        entry.input.instrument = InstrumentId(3);
        let mut learn = |sequence: u64, position: i64, unrealized: i128| {
            let mut risk = RiskSection::zeroed();
            (risk.position, risk.unrealized, risk.gate) = (Qty(position), unrealized, 4);
            entry.sequence = sequence;
            entry.audit = Some(AuditSections { risk, ..AuditSections::zeroed() });
            let changed = accounts.learn(&entry);
            let held = accounts.get(InstrumentId(3)).unwrap();
            (changed, held.sequence, held.risk.unrealized, accounts.gate())
        };
        assert_eq!(learn(1, 0, 0), (false, 1, 0, Some(4)));
        assert_eq!(learn(2, 5, 7), (true, 2, 7, Some(4)));
        assert_eq!(learn(3, 5, 9), (false, 2, 9, Some(4)));
        assert_eq!(learn(4, 0, 0), (true, 4, 0, Some(4)));
        entry.audit = None;
        assert!(!accounts.learn(&entry));
    }
}
