//! Edge: the tables that the bridge fills, in one list: their columns, and the statements that follow from them. What they mean
//! stands in `migrations/V3__audit.sql`.

/// A table in the schema `tickpath`. Its first four columns are `host`, `epoch`, `sequence` and `at`.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns behind the first four, with their types.
    pub columns: &'static [(&'static str, &'static str)],
}

/// Columns that all of them begin with; rows that are staged leave the host out.
const FIRST: [(&str, &str); 4] = [("host", "text"), ("epoch", "bigint"), ("sequence", "bigint"), ("at", "timestamptz")];

/// Index of a table in [`TABLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Which {
    /// Every journaled event.
    Events,
    /// Orders as they were sent.
    Orders,
    /// Their transitions.
    OrderEvents,
    /// Their fills.
    Fills,
    /// Changes of the models' opinion.
    Signals,
    /// Samples of the features.
    Features,
    /// What risk refused.
    RiskRefusals,
    /// Starts, gates, commands, agreement with the venue.
    StateChanges,
    /// Timer inputs.
    Heartbeats,
}

/// All of them, in the order of [`Which`].
pub const TABLES: [Table; 9] = [
    Table {
        name: "events",
        columns: &[("type", "text"), ("source", "text"), ("instrument", "text"), ("trace", "text"), ("data", "jsonb")],
    },
    Table {
        name: "orders",
        columns: &[
            ("client_order_id", "text"),
            ("instrument", "text"),
            ("side", "text"),
            ("order_type", "text"),
            ("time_in_force", "text"),
            ("px", "numeric"),
            ("qty", "numeric"),
            ("trace", "text"),
        ],
    },
    Table {
        name: "order_events",
        columns: &[
            ("part", "smallint"),
            ("client_order_id", "text"),
            ("venue_order_id", "numeric"),
            ("event", "text"),
            ("instrument", "text"),
            ("state_before", "text"),
            ("state", "text"),
            ("side", "text"),
            ("px", "numeric"),
            ("qty", "numeric"),
            ("cum_qty", "numeric"),
            ("leaves_qty", "numeric"),
            ("reason", "text"),
            ("anomalous", "boolean"),
            ("trace", "text"),
        ],
    },
    Table {
        name: "fills",
        columns: &[
            ("client_order_id", "text"),
            ("venue_order_id", "numeric"),
            ("trade_id", "numeric"),
            ("instrument", "text"),
            ("side", "text"),
            ("px", "numeric"),
            ("qty", "numeric"),
            ("liquidity", "text"),
            ("fee", "numeric"),
            ("cum_qty", "numeric"),
            ("leaves_qty", "numeric"),
            ("position", "numeric"),
            ("trace", "text"),
        ],
    },
    Table {
        name: "signals",
        columns: &[
            ("instrument", "text"),
            ("direction", "text"),
            ("confidence", "double precision"),
            ("score", "double precision"),
            ("trace", "text"),
        ],
    },
    Table { name: "features", columns: &[("instrument", "text"), ("values", "jsonb")] },
    Table {
        name: "risk_refusals",
        columns: &[
            ("instrument", "text"),
            ("check_number", "smallint"),
            ("check_name", "text"),
            ("value", "numeric"),
            ("limit_value", "numeric"),
            ("gate", "text"),
            ("side", "text"),
            ("qty", "numeric"),
            ("px", "numeric"),
            ("target", "numeric"),
            ("position", "numeric"),
            ("trace", "text"),
        ],
    },
    Table {
        name: "state_changes",
        columns: &[
            ("kind", "text"),
            ("action", "text"),
            ("scope", "text"),
            ("instrument", "text"),
            ("who", "text"),
            ("reason", "text"),
            ("ticket", "text"),
            ("request", "numeric"),
            ("outcome", "text"),
            ("trace", "text"),
        ],
    },
    Table { name: "heartbeats", columns: &[("agent", "text"), ("instrument", "text"), ("status", "text")] },
];

/// The cursor: whose, where, locked until the transaction ends.
pub const LOCK_CURSOR: &str = "SELECT journal, epoch, sequence FROM tickpath.cursors WHERE host = $1 FOR UPDATE";
/// A cursor before everything, unless there is one.
pub const BEGIN_CURSOR: &str =
    "INSERT INTO tickpath.cursors (host, journal, epoch, sequence) VALUES ($1, $2, 0, 0) ON CONFLICT (host) DO NOTHING";
/// The first row of a process start: its sequence, and its time in microseconds since 1970.
pub const START: &str = "SELECT sequence, (extract(epoch FROM at) * 1000000)::bigint FROM tickpath.events
    WHERE host = $1 AND epoch = $2 AND type = 'host.epoch' ORDER BY sequence LIMIT 1";
/// Moves it.
pub const MOVE_CURSOR: &str =
    "UPDATE tickpath.cursors SET epoch = $2, sequence = $3, moved_at = pg_catalog.now() WHERE host = $1";

impl Table {
    /// Fields of a staged row.
    pub const fn fields(&self) -> usize {
        FIRST.len() - 1 + self.columns.len()
    }

    fn staged(&self) -> impl Iterator<Item = &(&'static str, &'static str)> {
        FIRST[1..].iter().chain(self.columns)
    }

    /// Makes the table in which rows are staged: of this connection alone, empty after each transaction.
    pub fn stage(&self) -> String {
        let columns: Vec<String> = self.staged().map(|(name, kind)| format!("\"{name}\" {kind}")).collect();
        format!("CREATE TEMPORARY TABLE stage_{} ({}) ON COMMIT DELETE ROWS", self.name, columns.join(", "))
    }

    /// Fills it.
    pub fn copy(&self) -> String {
        format!("COPY pg_temp.stage_{} FROM STDIN (FORMAT binary)", self.name)
    }

    /// Takes what is staged over; `$1` is the host. What is there already stays as it is.
    pub fn insert(&self) -> String {
        let names: Vec<String> = self.staged().map(|(name, _)| format!("\"{name}\"")).collect();
        let names = names.join(", ");
        format!(
            "INSERT INTO tickpath.{} (host, {names}) SELECT $1::text, {names} FROM pg_temp.stage_{} ON CONFLICT DO NOTHING",
            self.name, self.name
        )
    }
}

/// The tables with their columns, by their full names: what must be there.
pub(super) fn needed() -> impl Iterator<Item = (String, Vec<&'static str>)> {
    let cursors = ("tickpath.cursors".to_owned(), vec!["host", "journal", "epoch", "sequence", "moved_at"]);
    let tables = TABLES.iter().map(|table| {
        (format!("tickpath.{}", table.name), FIRST.iter().chain(table.columns).map(|(name, _)| *name).collect())
    });
    tables.chain([cursors])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_stands_at_its_index() {
        let check = |which: Which, name: &str| assert_eq!(TABLES[which as usize].name, name);
        check(Which::Events, "events");
        check(Which::Orders, "orders");
        check(Which::OrderEvents, "order_events");
        check(Which::Fills, "fills");
        check(Which::Signals, "signals");
        check(Which::Features, "features");
        check(Which::RiskRefusals, "risk_refusals");
        check(Which::StateChanges, "state_changes");
        check(Which::Heartbeats, "heartbeats");
        assert_eq!(
            TABLES[Which::Features as usize].insert(),
            "INSERT INTO tickpath.features (host, \"epoch\", \"sequence\", \"at\", \"instrument\", \"values\") SELECT $1::text, \"epoch\", \"sequence\", \"at\", \"instrument\", \"values\" FROM pg_temp.stage_features ON CONFLICT DO NOTHING"
        );
    }
}
