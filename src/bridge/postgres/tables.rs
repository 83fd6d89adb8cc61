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

/// Columns that all of them begin with.
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

/// The cursor: whose, where, and from where on the journal had everything; locked until the transaction ends.
pub const LOCK_CURSOR: &str =
    "SELECT journal, epoch, sequence, whole_from FROM tickpath.cursors WHERE host = $1 FOR UPDATE";
/// A cursor before everything, unless there is one.
pub const BEGIN_CURSOR: &str =
    "INSERT INTO tickpath.cursors (host, journal, epoch, sequence, whole_from) VALUES ($1, $2, 0, 0, $3)
    ON CONFLICT (host) DO NOTHING";
/// Puts it before everything.
pub const REWIND_CURSOR: &str =
    "UPDATE tickpath.cursors SET epoch = 0, sequence = 0, whole_from = $2, moved_at = pg_catalog.now() WHERE host = $1";
/// Moves it from where it must stand ($3, $4), if it stands there and is of the journal $2; it stays locked until the transaction
/// ends.
pub const MOVE_CURSOR: &str = "UPDATE tickpath.cursors SET epoch = $5, sequence = $6, moved_at = pg_catalog.now()
    WHERE host = $1 AND journal = $2 AND epoch = $3 AND sequence = $4";
/// The newest process start that has rows.
pub const NEWEST: &str = "SELECT pg_catalog.max(epoch) FROM tickpath.events WHERE host = $1";
/// The first row of a process start, if it is the one that began it: its sequence, and its time in microseconds since 1970. The
/// first one alone is looked at: where it was dropped with its day, all the others would be searched in vain.
pub const START: &str = "SELECT f.sequence, (extract(epoch FROM f.at) * 1000000)::bigint FROM (
        SELECT sequence, at, type FROM tickpath.events WHERE host = $1 AND epoch = $2 ORDER BY sequence LIMIT 1
    ) f WHERE f.type = 'host.epoch'";

impl Table {
    /// Fields of a row.
    pub const fn fields(&self) -> usize {
        FIRST.len() + self.columns.len()
    }

    fn all(&self) -> impl Iterator<Item = &(&'static str, &'static str)> {
        FIRST.iter().chain(self.columns)
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.all().map(|(name, _)| format!("\"{name}\"")).collect();
        names.join(", ")
    }

    /// Fills it straight. Fails, as a whole, if any of the rows is there already.
    pub fn copy(&self) -> String {
        format!("COPY tickpath.{} ({}) FROM STDIN (FORMAT binary)", self.name, self.names())
    }

    /// Makes the table in which rows are staged: of this connection alone, empty after each transaction.
    pub fn stage(&self) -> String {
        let columns: Vec<String> = self.all().map(|(name, kind)| format!("\"{name}\" {kind}")).collect();
        format!("CREATE TEMPORARY TABLE stage_{} ({}) ON COMMIT DELETE ROWS", self.name, columns.join(", "))
    }

    /// Fills that one.
    pub fn copy_staged(&self) -> String {
        format!("COPY pg_temp.stage_{} FROM STDIN (FORMAT binary)", self.name)
    }

    /// Takes what is staged over. What is there already stays as it is.
    pub fn insert(&self) -> String {
        let (name, names) = (self.name, self.names());
        format!("INSERT INTO tickpath.{name} ({names}) SELECT {names} FROM pg_temp.stage_{name} ON CONFLICT DO NOTHING")
    }
}

/// The tables' columns, by the tables' full names, with their types: what must be there.
pub(super) fn needed() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    let cursors = [
        ("host", "text"),
        ("journal", "text"),
        ("epoch", "bigint"),
        ("sequence", "bigint"),
        ("moved_at", "timestamptz"),
        ("whole_from", "bigint"),
        ("keep_days", "integer"),
    ];
    let tables = TABLES
        .iter()
        .flat_map(|table| table.all().map(|(column, kind)| (format!("tickpath.{}", table.name), *column, *kind)));
    tables.chain(cursors.map(|(column, kind)| ("tickpath.cursors".to_owned(), column, kind)))
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
            "INSERT INTO tickpath.features (\"host\", \"epoch\", \"sequence\", \"at\", \"instrument\", \"values\") SELECT \"host\", \"epoch\", \"sequence\", \"at\", \"instrument\", \"values\" FROM pg_temp.stage_features ON CONFLICT DO NOTHING"
        );
    }
}
