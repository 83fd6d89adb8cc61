//! Edge: the positions' hashes, one for each venue, with a field for each instrument.
//!
//! A flat instrument stays, with `qty` `0`: its realised profit is still worth reading, and an agent that asks for one field sees
//! that nothing is held instead of having to guess what a missing field means. One that never traded has no field. The hash has no
//! host in its name, so each value says whose it is; fields of other hosts are left alone.

use super::batch::Batch;
use super::link::Link;
use super::trouble::Trouble;
use crate::acp::names::Names;
use crate::acp::payload::Scales;
use crate::acp::trade::Position;
use crate::bridge::account::Held;
use crate::bridge::tail::Tail;
use crate::event::risk::RiskSection;
use crate::types::ids::InstrumentId;
use crate::types::instrument::{Instrument, VenueKind};
use crate::types::time::UnixNanos;
use redis::{Pipeline, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Between two refreshes of what changes with the market alone.
const REFRESH_EVERY: Duration = Duration::from_secs(1);

/// What a host's accounts are as of now, by instrument, and when that was.
pub type Now = Vec<(InstrumentId, RiskSection, UnixNanos)>;

/// Keeps the hashes.
#[derive(Debug, Default)]
pub struct Positions {
    refreshed: Option<Instant>,
    /// The unrealised profit that each field says.
    told: BTreeMap<InstrumentId, i128>,
}

impl Positions {
    /// A field as the journal has it.
    fn write(&mut self, batch: &mut Batch, names: &Names, instrument: &Instrument, held: &Held) {
        let at = Position::of(names.host(), &held.risk, Scales(Some(instrument)), held.at, held.sequence);
        self.told.insert(instrument.id, held.risk.unrealized);
        let mut command = redis::cmd("HSET");
        command.arg(names.positions(instrument.venue.name())).arg(instrument.name());
        command.arg(serde_json::to_string(&at).unwrap_or_default());
        batch.anywhere(command);
    }

    /// The fields that the entries of a batch changed, as they are behind it.
    pub fn changed(&mut self, batch: &mut Batch, names: &Names, tail: &Tail, touched: &BTreeSet<InstrumentId>) {
        for id in touched {
            if let (Some(instrument), Some(held)) = (tail.instrument(*id), tail.accounts().get(*id)) {
                self.write(batch, names, instrument, held);
            }
        }
    }

    /// What changes with the market alone, of what is held, once a second: what the host knows now, where position, profit and
    /// fees are still those that the stream has.
    pub fn refresh(&mut self, batch: &mut Batch, names: &Names, tail: &Tail, now: impl FnOnce() -> Now) {
        if self.refreshed.is_some_and(|at| at.elapsed() < REFRESH_EVERY) {
            return;
        }
        self.refreshed = Some(Instant::now());
        let held: BTreeMap<InstrumentId, Held> =
            tail.accounts().all().filter(|(_, held)| held.risk.position.0 != 0).map(|(id, held)| (id, *held)).collect();
        if held.is_empty() {
            return;
        }
        for (id, risk, at) in now() {
            let Some(known) = held.get(&id).filter(|known| known.is_same(&risk) && at >= known.at) else { continue };
            if self.told.get(&id) != Some(&risk.unrealized)
                && let Some(instrument) = tail.instrument(id)
            {
                self.write(batch, names, instrument, &Held { risk, at, ..*known });
            }
        }
    }

    /// Makes all fields of this host those of the journal: corrects what an earlier run left, and takes off what is not there.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn correct(
        &mut self,
        link: &mut Link,
        batch: &mut Batch,
        names: &Names,
        tail: &Tail,
    ) -> Result<(), Trouble> {
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        for (id, held) in tail.accounts().all().filter(|(_, held)| !held.is_untouched()) {
            if let Some(instrument) = tail.instrument(id) {
                wanted.insert(instrument.name());
                self.write(batch, names, instrument, held);
            }
        }
        let mut pipe = Pipeline::with_capacity(VenueKind::ALL.len());
        for venue in VenueKind::ALL {
            pipe.cmd("HGETALL").arg(names.positions(venue.name()));
        }
        pipe.ignore_errors();
        let found: Vec<Value> = pipe.query_async(link).await?;
        for (venue, fields) in VenueKind::ALL.iter().zip(found) {
            // A key of another kind is told when a field is written to it.
            let fields: BTreeMap<String, String> = redis::from_redis_value(fields).unwrap_or_default();
            for (field, value) in fields {
                let ours = serde_json::from_str::<Position>(&value).is_ok_and(|at| at.host == names.host());
                if ours && !wanted.contains(&field) {
                    let mut command = redis::cmd("HDEL");
                    command.arg(names.positions(venue.name())).arg(field);
                    batch.anywhere(command);
                }
            }
        }
        Ok(())
    }
}
