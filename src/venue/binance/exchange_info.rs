//! Edge: instruments from the venue's `exchangeInfo`.

use super::event::is_coinm;
use crate::types::decimal::{Decimal, DecimalError};
use crate::types::ids::InstrumentId;
use crate::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
use crate::types::price::{Px, Qty};
use crate::venue::decimal_fast::text_decimals;
use serde::Deserialize;

/// Why `exchangeInfo` could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeInfoError {
    /// Not the JSON that the venue documents.
    #[error("exchangeInfo is not what the venue documents")]
    Json(#[from] serde_json::Error),
    /// Longer than 32 bytes.
    #[error("the symbol {0} is longer than 32 bytes")]
    Symbol(String),
    /// A filter is missing.
    #[error("{symbol} has no {filter}")]
    Missing {
        /// Whose.
        symbol: String,
        /// Its name.
        filter: &'static str,
    },
    /// A step is no decimal that can be held, or is negative.
    #[error("{symbol}: {filter} {text:?}: {source}")]
    Step {
        /// Whose.
        symbol: String,
        /// Its name.
        filter: &'static str,
        /// As written.
        text: String,
        /// What is wrong.
        source: DecimalError,
    },
}

#[derive(Deserialize)]
struct Info {
    symbols: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    symbol: String,
    contract_type: Option<String>,
    contract_size: Option<i64>,
    price_precision: Option<u8>,
    quantity_precision: Option<u8>,
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(rename = "filterType")]
    name: String,
    tick_size: Option<String>,
    step_size: Option<String>,
}

/// Reads the body of `/api/v3/exchangeInfo`, `/fapi/v1/exchangeInfo` or `/dapi/v1/exchangeInfo`: all symbols in their
/// order, whatever their status; ids are not yet given.
///
/// Without `venue` each symbol says by itself where it belongs: spot has no `contractType`, COIN-M symbols end in
/// `USD_…`. The scale is that of `tickSize` and `stepSize`; a step of zero (a filter that is off) leaves the precision,
/// with a step of one unit. What is shown is what the streams write: on futures `pricePrecision` and
/// `quantityPrecision`, on spot the decimals of the steps' own text. Fees are those of the lowest tier.
///
/// # Errors
/// [`ExchangeInfoError`].
pub fn read(bytes: &[u8], venue: Option<VenueKind>) -> Result<Vec<Instrument>, ExchangeInfoError> {
    let info: Info = serde_json::from_slice(bytes)?;
    info.symbols.into_iter().map(|listed| instrument(&listed, venue)).collect()
}

fn instrument(listed: &Listed, venue: Option<VenueKind>) -> Result<Instrument, ExchangeInfoError> {
    let symbol = Symbol::from(&listed.symbol).map_err(|_| ExchangeInfoError::Symbol(listed.symbol.clone()))?;
    let venue = venue.unwrap_or(match &listed.contract_type {
        None => VenueKind::BinanceSpot,
        Some(_) if is_coinm(&listed.symbol) => VenueKind::BinanceCoinm,
        Some(_) => VenueKind::BinanceUsdm,
    });
    let text = |filter: &'static str, of: fn(&Filter) -> Option<&String>| {
        let found = listed.filters.iter().find(|f| f.name == filter);
        found.and_then(of).ok_or(ExchangeInfoError::Missing { symbol: listed.symbol.clone(), filter })
    };
    let tick = text("PRICE_FILTER", |f| f.tick_size.as_ref())?;
    let lot = text("LOT_SIZE", |f| f.step_size.as_ref())?;
    let (price_decimals, tick_size) = step(listed, "PRICE_FILTER", tick, listed.price_precision)?;
    let (qty_decimals, lot_size) = step(listed, "LOT_SIZE", lot, listed.quantity_precision)?;
    let fees = if venue == VenueKind::BinanceSpot { (1000, 1000) } else { (200, 500) };
    let coinm = venue == VenueKind::BinanceCoinm;
    Ok(Instrument {
        id: InstrumentId::NONE,
        symbol,
        venue,
        contract: if coinm { Contract::Inverse } else { Contract::Linear },
        calendar: Calendar::Crypto,
        price_decimals,
        qty_decimals,
        price_shown: listed.price_precision.unwrap_or(text_decimals(tick.as_bytes())).max(price_decimals),
        qty_shown: listed.quantity_precision.unwrap_or(text_decimals(lot.as_bytes())).max(qty_decimals),
        tick_size: Px(tick_size),
        lot_size: Qty(lot_size),
        multiplier: listed.contract_size.filter(|size| coinm && *size > 0).unwrap_or(1),
        maker_fee_ppm: fees.0,
        taker_fee_ppm: fees.1,
        inferred: false,
    })
}

/// Decimals and size of a step, in units of those decimals.
fn step(
    listed: &Listed,
    filter: &'static str,
    text: &str,
    precision: Option<u8>,
) -> Result<(u8, i64), ExchangeInfoError> {
    let fault =
        |source| ExchangeInfoError::Step { symbol: listed.symbol.clone(), filter, text: text.to_owned(), source };
    let step = Decimal::parse(text.as_bytes()).map_err(fault)?;
    if step.mantissa < 0 {
        return Err(fault(DecimalError::Malformed));
    }
    if step.mantissa == 0 {
        return Ok((precision.unwrap_or(step.decimals), 1));
    }
    let decimals = step.decimals_needed();
    Ok((decimals, step.at_scale(decimals).map_err(fault)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(symbol: &str, venue: Option<VenueKind>, expected: (VenueKind, u8, u8, i64, u8, u8, i64, i64)) {
        let body = format!("{{\"timezone\":\"UTC\",\"symbols\":[{symbol}]}}");
        let found = read(body.as_bytes(), venue).unwrap()[0];
        let got = (
            found.venue,
            found.price_decimals,
            found.price_shown,
            found.tick_size.0,
            found.qty_decimals,
            found.qty_shown,
            found.lot_size.0,
            found.multiplier,
        );
        assert_eq!(got, expected, "{symbol}");
        assert_eq!(found.contract == Contract::Inverse, found.venue == VenueKind::BinanceCoinm);
        assert!(!found.inferred);
    }

    const SPOT: &str = r#"{"symbol":"BTCUSDT","status":"TRADING","filters":[
        {"filterType":"PRICE_FILTER","minPrice":"0.01000000","tickSize":"0.01000000"},
        {"filterType":"LOT_SIZE","stepSize":"0.00001000"},{"filterType":"ICEBERG_PARTS","limit":10}]}"#;
    const USDM: &str = r#"{"symbol":"BTCUSDT","contractType":"PERPETUAL","pricePrecision":2,"quantityPrecision":3,
        "filters":[{"tickSize":"0.10","filterType":"PRICE_FILTER"},{"stepSize":"0.001","filterType":"LOT_SIZE"}]}"#;
    const COINM: &str = r#"{"symbol":"ETHUSD_240927","contractType":"CURRENT_QUARTER","contractSize":10,
        "pricePrecision":2,"quantityPrecision":0,"filters":[{"tickSize":"0.05","filterType":"PRICE_FILTER"},
        {"stepSize":"1","filterType":"LOT_SIZE"}]}"#;

    #[test]
    fn reads_each_venue() {
        check(SPOT, None, (VenueKind::BinanceSpot, 2, 8, 1, 5, 8, 1, 1));
        check(USDM, None, (VenueKind::BinanceUsdm, 1, 2, 1, 3, 3, 1, 1));
        check(COINM, None, (VenueKind::BinanceCoinm, 2, 2, 5, 0, 0, 1, 10));
        check(SPOT, Some(VenueKind::BinanceUsdm), (VenueKind::BinanceUsdm, 2, 8, 1, 5, 8, 1, 1));
        let off = SPOT.replace("\"0.01000000\"}", "\"0.00000000\"}");
        check(&off, None, (VenueKind::BinanceSpot, 8, 8, 1, 5, 8, 1, 1));
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        let bad = |from: &str, to: &str| {
            read(format!("{{\"symbols\":[{}]}}", SPOT.replace(from, to)).as_bytes(), None).unwrap_err().to_string()
        };
        assert!(bad("LOT_SIZE", "NO_SIZE").contains("no LOT_SIZE"));
        assert!(bad("0.00001000", "1e-5").contains("not a decimal"));
        assert!(bad("0.00001000", "-1").contains("not a decimal"));
        assert!(bad("BTCUSDT", &"X".repeat(33)).contains("longer than 32"));
        assert!(read(b"{}", None).is_err());
    }

    #[test]
    fn reads_real_ones() {
        let Some(folder) = super::super::tests::captures() else { return };
        for (file, venue, count) in
            [("BINANCE.0", VenueKind::BinanceSpot, 1695), ("BINANCE_FUTURES.0", VenueKind::BinanceUsdm, 122)]
        {
            let text = std::fs::read_to_string(folder.join("cryptofeed").join(file)).unwrap();
            let line = text.lines().find(|line| line.contains(" -> ")).unwrap();
            let body = &line[line.find('{').unwrap()..];
            let found = read(body.as_bytes(), None).unwrap();
            assert_eq!(found.len(), count);
            assert!(found.iter().all(|i| i.venue == venue && i.price_shown >= i.price_decimals));
            assert_eq!(found, read(body.as_bytes(), Some(venue)).unwrap());
        }
    }
}
