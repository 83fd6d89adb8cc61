//! The bar indicators against published tables (Lean's indicator tests). The conventions of each table stand beside it.
//! Rows are compared from the first that has a value and a whole window of the file before it; `within` follows from
//! the digits that the table has.

use std::path::PathBuf;
use tickpath::event::market::Candle;
use tickpath::feature::bar_vwap::{Price, VolumeWeighted};
use tickpath::feature::indicator::{atr::Atr, bands::Bands, ema::Ema, macd::Macd, rsi::Rsi, sma::Sma};
use tickpath::types::decimal::Decimal;
use tickpath::types::price::{Px, Qty};

/// Decimals at which prices of the tables are held as integers.
const DECIMALS: u8 = 6;
const UNIT: f64 = 1e6;

struct Table {
    name: &'static str,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// The table, or `None` (and a word about it) if there are no captures.
    fn read(name: &'static str) -> Option<Self> {
        let root = std::env::var_os("TICKPATH_CAPTURES")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
        let path = root.join("lean/indicators").join(name);
        if !root.is_dir() {
            println!("SKIPPED {name}: no captures at {}", root.display());
            return None;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let rows = text.lines().skip(1).filter(|l| !l.is_empty());
        Some(Self { name, rows: rows.map(|l| l.split(',').map(str::to_owned).collect()).collect() })
    }

    fn px(&self, row: usize, column: usize) -> i64 {
        let text = &self.rows[row][column];
        Decimal::parse(text.as_bytes()).and_then(|d| d.at_scale(DECIMALS)).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn float(&self, row: usize, column: usize) -> f64 {
        self.rows[row][column].parse().unwrap()
    }

    /// Compares `ours`, one value per row, with `column`: as many rows have a value, the first at `first` (from 1), and
    /// none is further off than `within`.
    fn check(&self, column: usize, first: usize, within: f64, ours: impl FnMut(usize) -> Option<f64>) {
        let ours: Vec<_> = (0..self.rows.len()).map(ours).collect();
        let (mut compared, mut worst) = (0, 0.0f64);
        for (row, ours) in ours.iter().enumerate() {
            let theirs: f64 = match self.rows[row][column].as_str() {
                "" | "NaN" => continue,
                text => text.parse().unwrap(),
            };
            if row + 1 < first {
                continue;
            }
            let ours = ours.unwrap_or_else(|| panic!("{} row {}: we have no value", self.name, row + 1));
            compared += 1;
            worst = worst.max((ours - theirs).abs());
            let deviation = (ours - theirs).abs();
            assert!(deviation <= within, "{} row {}: {ours} and not {theirs}", self.name, row + 1);
        }
        assert_eq!(compared, self.rows.len() + 1 - first, "{} column {column}", self.name);
        println!("{} column {column}: {compared} rows from {first}, largest deviation {worst:.3e}", self.name);
    }
}

#[test]
fn ema_seeded_with_the_mean() {
    let Some(table) = Table::read("spy_ema.csv") else { return };
    let mut ema = Ema::new(14);
    // Full doubles.
    table.check(2, 14, 1e-12, |row| (ema.push(table.float(row, 1)), ema.value()).1);
}

/// Closes are rounded to 0.01 in the table, averages were made before: a mean may be off by 0.005, and is itself
/// rounded to 0.01. RSI has five decimals.
#[test]
fn sma_ema_macd_rsi() {
    let Some(table) = Table::read("spy_with_indicators.txt") else { return };
    let (mut sma, mut ema, mut macd, mut rsi) = (Sma::new(14), Ema::new(14), Macd::new(12, 26, 9), Rsi::new(14));
    let half = 0.01 + 1e-9;
    table.check(1, 14, half, |row| (sma.push(table.px(row, 7)), sma.mean(UNIT)).1);
    table.check(2, 14, half, |row| (ema.push(table.float(row, 7)), ema.value()).1);
    // Σ|weight of the fast − weight of the slow average| is below 0.6, and 0.6 × 0.005 = 0.003.
    table.check(3, 26, 3e-3, |row| (macd.push(table.float(row, 7)), macd.line()).1);
    table.check(5, 15, 5.1e-6, |row| (rsi.push(table.float(row, 7)), rsi.value()).1);
}

/// Seven significant digits, so at values up to 20 five decimals. The columns are empty in the first 179 rows; by then
/// an average's seed weighs less than 10⁻⁵, wherever it came from.
#[test]
fn macd_signal_histogram() {
    let Some(table) = Table::read("spy_with_macd.txt") else { return };
    type Read = fn(&Macd) -> Option<f64>;
    for (column, read) in [(5, Macd::line as Read), (6, Macd::signal), (7, Macd::histogram)] {
        let mut macd = Macd::new(12, 26, 9);
        table.check(column, 180, 1e-5, |row| (macd.push(table.float(row, 4)), read(&macd)).1);
    }
}

/// `wilder` is Wilder's smoothing, `spy_atr` the simple mean; both count the first bar's high − low. Five decimals
/// (Wilder), and seven significant digits, here at least five decimals (simple).
#[test]
fn atr_wilder_and_simple() {
    for (name, first, mut atr) in [("spy_atr_wilder.txt", 14, Atr::wilder(14)), ("spy_atr.txt", 15, Atr::simple(14))] {
        let Some(table) = Table::read(name) else { return };
        let within = 5e-6 + 1e-8;
        table.check(5, first, within, |row| {
            atr.push(table.px(row, 2), table.px(row, 3), table.px(row, 4), UNIT);
            atr.value()
        });
    }
}

#[test]
fn true_range() {
    let Some(table) = Table::read("spy_tr.txt") else { return };
    let mut atr = Atr::simple(1);
    table.check(6, 2, 1e-12, |row| {
        Some(atr.push(table.px(row, 2), table.px(row, 3), table.px(row, 4), UNIT) as f64 / UNIT)
    });
}

/// Population σ. The table has four decimals, and its own arithmetic is good to about one unit of the last; bandwidth
/// is in per cent, where that is half a unit more. The middle is exact.
#[test]
fn bollinger() {
    let Some(table) = Table::read("spy_bollinger_bands.txt") else { return };
    for (column, within) in [(5, 1e-9), (6, 1e-4), (7, 1e-4), (8, 1.5e-4), (9, 1e-4)] {
        let mut bands = Bands::new(20, 2.0);
        table.check(column, 20, within, |row| {
            bands.push(table.px(row, 4));
            let v = bands.values(UNIT)?;
            match column {
                5 => Some(v.middle),
                6 => Some(v.upper),
                7 => Some(v.lower),
                8 => v.bandwidth().map(|b| b * 100.0),
                _ => v.percent_b(table.float(row, 4)),
            }
        });
    }
}

/// The moving VWAP stands on (O + H + L + C) ÷ 4 and has four decimals; VWMA stands on the close and is exact.
#[test]
fn vwap_and_vwma() {
    for (name, period, price, within) in
        [("spy_with_vwap.txt", 50, Price::Average, 1e-4), ("spy_with_vwma.csv", 20, Price::Close, 1e-12)]
    {
        let Some(table) = Table::read(name) else { return };
        let mut average = VolumeWeighted::new(period, price);
        table.check(6, period as usize, within, |row| {
            average.push(&Candle {
                open: Px(table.px(row, 1)),
                high: Px(table.px(row, 2)),
                low: Px(table.px(row, 3)),
                close: Px(table.px(row, 4)),
                volume: Qty(table.rows[row][5].parse().unwrap()),
                ..Candle::default()
            });
            average.value(UNIT)
        });
    }
}

/// This table's "RMA" is SMA(15) − SMA(10) + SMA(5), no Wilder average, and its columns "SMA5" and "SMA15" are each
/// other's: the thirds in the first can only come from 15 closes. Its values come from before the file, so rows count
/// from the first whole window on. Seven decimals.
#[test]
fn moving_averages_of_the_rma_table() {
    let Some(table) = Table::read("spy_with_rma.csv") else { return };
    for (column, period) in [(5, 15), (6, 10), (7, 5)] {
        let mut sma = Sma::new(period);
        let within = 5e-8;
        table.check(column, period as usize, within, |row| (sma.push(table.px(row, 4)), sma.mean(UNIT)).1);
    }
}
