//! Edge: what the two formats of JSON lines share: exact times, whole messages, and which venue it is.

use crate::types::decimal::Decimal;
use crate::types::instrument::VenueKind;
use crate::types::time::UnixNanos;
use memchr::memmem;

/// Nanoseconds of `seconds` with up to nine decimals, exact: no float is ever made of it.
pub(super) fn nanos_of_seconds(seconds: &[u8]) -> Option<UnixNanos> {
    if !seconds.first()?.is_ascii_digit() {
        return None;
    }
    Decimal::parse(seconds).ok()?.at_scale(9).ok()
}

/// Whether `json` ends where its first object or array ends. Only brackets and strings are looked at: this tells a cut
/// line from a whole one, the decoder judges the rest.
pub(super) fn is_whole_json(json: &[u8]) -> bool {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    let json = json.trim_ascii();
    for (at, &byte) in json.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1 == json.len();
                }
            }
            _ => {}
        }
    }
    false
}

/// Whether a JSON message looks like one of Binance's.
pub(super) fn is_binance(json: &[u8]) -> bool {
    json.starts_with(b"{\"stream\":") || json.starts_with(b"{\"e\":") || json.starts_with(b"{\"lastUpdateId\":")
}

/// Which Binance a message must come from, if it tells. Sources: the stream descriptions of the three APIs: only
/// futures messages have `pu`, only COIN-M depth has `ps` (the pair); spot depth has neither.
pub(super) fn binance_of(json: &[u8]) -> Option<VenueKind> {
    let has = |key: &[u8]| memmem::find(json, key).is_some();
    if !has(b"\"e\":\"depthUpdate\"") {
        return None;
    }
    Some(match (has(b"\"pu\":"), has(b"\"ps\":")) {
        (true, true) => VenueKind::BinanceCoinm,
        (true, false) => VenueKind::BinanceUsdm,
        (false, _) => VenueKind::BinanceSpot,
    })
}

/// The stream's symbol, lower case: `btcusdt` of `{"stream":"btcusdt@trade",…`.
pub(super) fn stream_symbol(json: &[u8]) -> Option<&[u8]> {
    let rest = json.strip_prefix(b"{\"stream\":\"")?;
    let end = memchr::memchr2(b'@', b'"', rest)?;
    if rest[end] == b'@' && end > 0 { Some(&rest[..end]) } else { None }
}

/// The only symbol of a capture, for snapshots that do not name theirs.
#[derive(Debug, Default)]
pub(super) struct OnlySymbol {
    lower: Vec<u8>,
    upper: String,
    several: bool,
}

impl OnlySymbol {
    /// Notes the symbol of a message.
    #[inline]
    pub fn note(&mut self, json: &[u8]) {
        let Some(symbol) = stream_symbol(json) else { return };
        if symbol == self.lower.as_slice() {
            return;
        }
        // All-market streams (`!bookTicker`) name no symbol.
        if symbol.starts_with(b"!") {
            return;
        }
        if self.lower.is_empty() {
            self.lower = symbol.to_vec();
            self.upper = String::from_utf8_lossy(symbol).to_ascii_uppercase();
        } else {
            self.several = true;
        }
    }

    /// The symbol, upper case, if there was exactly one.
    pub fn get(&self) -> Option<&str> {
        if self.several || self.upper.is_empty() { None } else { Some(&self.upper) }
    }
}

/// What the host of a URL says about the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// One of Binance's.
    Binance(VenueKind),
    /// Some other.
    Other,
}

/// The host part of `url`.
pub(super) fn host_name(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':', '?']).next().unwrap_or(rest)
}

/// The venue of `url`.
pub(super) fn venue_of_url(url: &str) -> Host {
    let host = host_name(url);
    if host != "binance.com" && !host.ends_with(".binance.com") && !host.ends_with(".binance.vision") {
        return Host::Other;
    }
    Host::Binance(match host.split('.').next().unwrap_or_default() {
        "fstream" | "fapi" | "fstream-auth" | "fstream3" => VenueKind::BinanceUsdm,
        "dstream" | "dapi" | "dstream-auth" => VenueKind::BinanceCoinm,
        _ => VenueKind::BinanceSpot,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact() {
        let check = |text: &str, expected| assert_eq!(nanos_of_seconds(text.as_bytes()), expected, "{text}");
        check("1633998512.0633569", Some(1_633_998_512_063_356_900));
        check("1633998512", Some(1_633_998_512_000_000_000));
        check("1633998512.000000001", Some(1_633_998_512_000_000_001));
        check("1633998512.0000000001", None);
        check("9999999999999", None);
        for bad in ["", "-1", "abc", "1.2.3", ".5"] {
            check(bad, None);
        }
    }

    #[test]
    fn cut_messages_are_seen() {
        let whole = br#"{"a":["}",{"b":"\""}],"c":1}"#;
        assert!(is_whole_json(whole));
        for cut in 0..whole.len() {
            assert!(!is_whole_json(&whole[..cut]), "{cut}");
        }
        assert!(!is_whole_json(b"{}x"));
        assert!(is_whole_json(b"[] "));
    }

    #[test]
    fn hosts_tell_the_venue() {
        let check = |url: &str, expected| assert_eq!(venue_of_url(url), expected, "{url}");
        check("wss://stream.binance.com:9443/stream?streams=a", Host::Binance(VenueKind::BinanceSpot));
        check("https://api.binance.com/api/v3/exchangeInfo", Host::Binance(VenueKind::BinanceSpot));
        check("wss://fstream.binance.com/stream", Host::Binance(VenueKind::BinanceUsdm));
        check("https://dapi.binance.com/dapi/v1/depth", Host::Binance(VenueKind::BinanceCoinm));
        check("wss://ws-feed.pro.coinbase.com", Host::Other);
        check("https://notbinance.com/x", Host::Other);
        check("https://evil.com/api.binance.com", Host::Other);
    }

    #[test]
    fn one_symbol_is_told_and_two_are_not() {
        let mut only = OnlySymbol::default();
        assert_eq!(only.get(), None);
        only.note(br#"{"stream":"btcusd_perp@depth@0ms","data":{}}"#);
        only.note(br#"{"lastUpdateId":1}"#);
        assert_eq!(only.get(), Some("BTCUSD_PERP"));
        only.note(br#"{"stream":"ethusdt@trade","data":{}}"#);
        assert_eq!(only.get(), None);
    }
}
