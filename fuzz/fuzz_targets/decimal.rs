//! Decimals: the eight-digits-at-a-time reader, the plain one and `rust_decimal` must agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::str::FromStr;
use tickpath::types::decimal::{Decimal, DecimalError, format_decimal};
use tickpath::venue::decimal_fast::{Scale, quoted, text_decimals, unsigned};

fuzz_target!(|data: &[u8]| {
    let [scale, text_max, bytes @ ..] = data else { return };
    let (scale, text_max) = (scale % 19, text_max % 20);
    let fast = quoted(bytes, 0, &Scale::new(scale, text_max));
    let len = bytes.iter().position(|&b| b == b'"');
    let text = &bytes[..len.unwrap_or(bytes.len())];
    let plain = Decimal::parse(text).and_then(|number| number.at_scale(scale));
    if let Ok((value, end)) = fast {
        assert_eq!((Ok(value), Some(end)), (plain, len));
        assert!(text_decimals(text) <= text_max);
    } else if len.is_some() && text_decimals(text) <= text_max {
        assert!(plain.is_err(), "{plain:?}");
    }
    // An oracle with another origin, where its own, wider grammar does not matter.
    if let (Ok(value), Ok(text)) = (plain, core::str::from_utf8(text))
        && let Ok(oracle) = rust_decimal::Decimal::from_str(text)
    {
        let ours = rust_decimal::Decimal::from_i128_with_scale(value.into(), scale.into());
        assert_eq!(ours, oracle);
        assert_eq!(rust_decimal::Decimal::from_str(&format_decimal(value.into(), scale, 3)).unwrap(), oracle);
    }
    if plain == Err(DecimalError::Malformed) {
        assert!(fast.is_err());
    }
    match unsigned(bytes, 0) {
        Some((value, end)) => assert_eq!(core::str::from_utf8(&bytes[..end]).unwrap(), value.to_string()),
        None => {
            let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
            let number = core::str::from_utf8(&bytes[..digits]).unwrap();
            assert!(number.parse::<u64>().is_err() || (number.len() > 1 && number.starts_with('0')));
        }
    }
});
