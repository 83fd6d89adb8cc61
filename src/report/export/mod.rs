//! Edge: a journal's contents as rows: what there is to export, and how a row is made of a slot.
//!
//! Prices, quantities and money are exact decimals as text; times are nanoseconds since 1970 (UTC); an absent value is
//! empty (CSV) or null. `sequence` and `ts_recv` are those of the input that made the row: what the host knew, and when.
//!
//! **bbo** has one row for each venue message after which the book is whole, also where the best levels stayed the same;
//! a message in several parts gives its row with the last one. `update_id` is that of the newest message in the book, and
//! `ts_event` the venue's time of that message (empty where the venue gives none). Differences that waited for a snapshot
//! have no rows of their own: when it joins them, one row shows the book with all of them applied, with the update id and
//! time of the last. A snapshot that confirms the book at its own update id gives a row with that id and time again.

pub mod rows;
pub mod sink;
#[cfg(feature = "parquet")]
pub mod sink_parquet;

use serde::Serialize;

crate::code_enum! {
    /// What can be exported.
    pub enum What {
        /// Best bid and ask of our own book, a row for each book update; which, stands at the top.
        Bbo = 1, "bbo";
        /// Public trades that count.
        Trades = 2, "trades";
        /// Closed candles, empty ones included.
        Candles = 3, "candles";
        /// Feature vectors, a row for each input that changed one.
        Features = 4, "features";
        /// Signals, a row for each change of direction.
        Signals = 5, "signals";
        /// Verdicts and changes of the account.
        Risk = 6, "risk";
        /// Orders, a row for each change of state.
        Orders = 7, "orders";
        /// Fills of our orders.
        Fills = 8, "fills";
        /// What people and the host did: commands with who, why and what became of them, gate changes, process starts.
        Control = 9, "control";
    }
}

crate::code_enum! {
    /// File formats.
    pub enum Format {
        /// Comma-separated, with a header line.
        Csv = 1, "csv";
        /// One JSON object a line.
        Jsonl = 2, "jsonl";
        /// Apache Parquet, zstd.
        Parquet = 3, "parquet";
    }
}

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// 64-bit integer.
    Int,
    /// Text (exact decimals too).
    Text,
    /// Double.
    Float,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Nothing.
    None,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// A float, written so that it reads back bit for bit.
    Float(f64),
}

impl Cell {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A time; nothing for `NO_TIME`.
    pub fn time(at: i64) -> Self {
        if at == crate::types::time::NO_TIME { Self::None } else { Self::Int(at) }
    }

    /// A count or an id. Ids above 2⁶³ do not occur at the venues that there are.
    pub fn id(id: u64) -> Self {
        i64::try_from(id).map_or_else(|_| Self::Text(id.to_string()), Self::Int)
    }
}
