//! Hot: orders as the bytes of Binance's WebSocket API (`order.place`, `order.cancel`), from templates made beforehand.
//!
//! Every instrument has one message per shape, with a field of fixed width for what changes. A field holds a JSON string or
//! number and is filled up with spaces *behind* it, where JSON allows them; the strings themselves are exact. Encoding
//! writes these few fields in place: nothing is allocated, nothing is moved. The bytes are unsigned: on a connection that is
//! logged on (`session.logon`) only `timestamp` is needed; elsewhere `apiKey` and `signature` have to be added.
//!
//! Source: Binance Spot API documentation, "WebSocket API", `order.place` and `order.cancel`; USD-M and COIN-M futures take
//! the same words, but post-only is the time in force `GTX` instead of the type `LIMIT_MAKER`.

use crate::event::approval::ApprovedOrder;
use crate::event::execution::{CommandKind, OrderCommand, OrderType, TimeInForce};
use crate::types::ids::ClientOrderId;
use crate::types::instrument::{Instrument, VenueKind};
use crate::types::price::{Side, pow10};
use crate::types::time::{MILLIS, UnixNanos};
use arrayvec::ArrayString;

/// The longest [`HostTag`]: with epoch, sequence, child and the `c-` of a cancel an id stays within 36 characters.
pub const HOST_TAG_MAX: usize = 10;

/// The host's name in order ids: 1 to 10 characters of `[A-Za-z0-9_-]`. The three numbers behind it
/// are read from the end, so that hyphens in it do no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostTag(ArrayString<HOST_TAG_MAX>);

impl HostTag {
    /// `None` if `name` is empty, too long, or has other characters.
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if fits { ArrayString::from(name).ok().map(Self) } else { None }
    }
}

/// Width of a field with an id: 36 characters and two quotes.
const ID: usize = 38;
/// Width of a field with a decimal: sign, 19 digits, a point, up to 18 zeros before the first digit, two quotes.
const DECIMAL: usize = 42;
/// Width of a field with a word: `"SELL"`.
const WORD: usize = 6;
/// Width of the timestamp in milliseconds.
const TIME: usize = 15;

/// A message with fields to fill in.
#[derive(Clone, Debug)]
struct Template {
    bytes: Vec<u8>,
    id: usize,
    side: usize,
    time_in_force: usize,
    quantity: usize,
    price: usize,
    client_order_id: usize,
    timestamp: usize,
}

/// The shapes of one instrument.
#[derive(Clone, Debug)]
struct Templates {
    futures: bool,
    price_decimals: u8,
    qty_decimals: u8,
    price_shown: u8,
    qty_shown: u8,
    limit: Template,
    limit_maker: Template,
    market: Template,
    cancel: Template,
}

/// Which parameters a shape has.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Limit,
    LimitMaker,
    Market,
    Cancel,
}

/// Encodes approved orders. It takes nothing but an [`ApprovedOrder`].
#[derive(Debug, Default)]
pub struct OrderEncoder {
    by_instrument: Vec<Option<Templates>>,
}

impl OrderEncoder {
    /// An encoder that knows no instrument yet.
    pub const fn new() -> Self {
        Self { by_instrument: Vec::new() }
    }

    /// Makes the templates of `instrument`, or makes them anew after a finer definition. The simulated venue speaks the form
    /// of Binance spot, whatever feed its market is recorded from (ITCH and LOBSTER too). False for a symbol that JSON
    /// would have to escape: its orders are not encoded.
    pub fn define(&mut self, instrument: &Instrument) -> bool {
        let futures = matches!(instrument.venue, VenueKind::BinanceUsdm | VenueKind::BinanceCoinm);
        let plain = instrument.symbol.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
        let index = instrument.id.index();
        if !plain || !instrument.id.is_some() {
            if let Some(place) = self.by_instrument.get_mut(index) {
                *place = None;
            }
            return false;
        }
        if self.by_instrument.len() <= index {
            self.by_instrument.resize(index + 1, None);
        }
        let template = |shape| Template::new(&instrument.symbol, shape);
        self.by_instrument[index] = Some(Templates {
            futures,
            price_decimals: instrument.price_decimals,
            qty_decimals: instrument.qty_decimals,
            price_shown: instrument.price_shown,
            qty_shown: instrument.qty_shown,
            limit: template(Shape::Limit),
            limit_maker: template(Shape::LimitMaker),
            market: template(Shape::Market),
            cancel: template(Shape::Cancel),
        });
        true
    }

    /// The message for `order`, sent at `now` (for the `timestamp`, in milliseconds). The bytes stay as they are until the next
    /// order of the same shape and instrument.
    ///
    /// A market order is sent without a price; `LIMIT` with `IOC` is what keeps a limit. `None` if the instrument was not
    /// defined, or a number cannot be written (quantity ≤ 0, price ≤ 0 in a limit order, a time before 1970).
    pub fn encode(&mut self, order: &ApprovedOrder, host: &HostTag, now: UnixNanos) -> Option<&[u8]> {
        let command = order.command();
        let templates = self.by_instrument.get_mut(command.instrument.index())?.as_mut()?;
        let tif = TimeInForce::from_code(command.time_in_force)?;
        let template = match (CommandKind::from_code(command.kind)?, OrderType::from_code(command.order_type)?) {
            (CommandKind::Cancel, _) => &mut templates.cancel,
            (CommandKind::New, OrderType::Market) => &mut templates.market,
            (CommandKind::New, OrderType::Limit) if tif == TimeInForce::Gtx && !templates.futures => {
                &mut templates.limit_maker
            }
            (CommandKind::New, OrderType::Limit) => &mut templates.limit,
        };
        let price = (templates.price_decimals, templates.price_shown);
        let qty = (templates.qty_decimals, templates.qty_shown);
        template.fill(command, tif, host, now, price, qty)?;
        Some(&template.bytes)
    }
}

impl Template {
    fn new(symbol: &str, shape: Shape) -> Self {
        const NOWHERE: usize = usize::MAX;
        let mut template = Self {
            bytes: Vec::with_capacity(512),
            id: NOWHERE,
            side: NOWHERE,
            time_in_force: NOWHERE,
            quantity: NOWHERE,
            price: NOWHERE,
            client_order_id: NOWHERE,
            timestamp: NOWHERE,
        };
        let mut field = |before: &str, width: usize| {
            template.bytes.extend_from_slice(before.as_bytes());
            let at = template.bytes.len();
            template.bytes.resize(at + width, b' ');
            at
        };
        template.id = field("{\"id\":", ID);
        if shape == Shape::Cancel {
            let head =
                format!(",\"method\":\"order.cancel\",\"params\":{{\"symbol\":\"{symbol}\",\"origClientOrderId\":");
            template.client_order_id = field(&head, ID);
        } else {
            let head = format!(",\"method\":\"order.place\",\"params\":{{\"symbol\":\"{symbol}\",\"side\":");
            template.side = field(&head, WORD);
            let kind = match shape {
                Shape::Market => "MARKET",
                Shape::LimitMaker => "LIMIT_MAKER",
                Shape::Limit | Shape::Cancel => "LIMIT",
            };
            field(&format!(",\"type\":\"{kind}\""), 0);
            if shape == Shape::Limit {
                template.time_in_force = field(",\"timeInForce\":", WORD);
            }
            template.quantity = field(",\"quantity\":", DECIMAL);
            if shape != Shape::Market {
                template.price = field(",\"price\":", DECIMAL);
            }
            template.client_order_id = field(",\"newClientOrderId\":", ID);
            field(",\"newOrderRespType\":\"ACK\"", 0);
        }
        template.timestamp = field(",\"timestamp\":", TIME);
        field("}}", 0);
        template
    }

    fn fill(
        &mut self,
        command: &OrderCommand,
        tif: TimeInForce,
        host: &HostTag,
        now: UnixNanos,
        price: (u8, u8),
        qty: (u8, u8),
    ) -> Option<()> {
        let cancel = CommandKind::from_code(command.kind) == Some(CommandKind::Cancel);
        self.id(self.id, if cancel { b"c-" } else { b"" }, command.client_order_id, host)?;
        self.id(self.client_order_id, b"", command.client_order_id, host)?;
        let mut time = Field::new(&mut self.bytes, self.timestamp, TIME)?;
        time.number(u64::try_from(now.div_euclid(MILLIS)).ok()?, 1)?;
        time.finish();
        if cancel {
            return Some(());
        }
        let side: &[u8] = match command.side()? {
            Side::Buy => b"\"BUY\"",
            Side::Sell => b"\"SELL\"",
        };
        self.word(self.side, side)?;
        if self.time_in_force != usize::MAX {
            let word: &[u8] = match tif {
                TimeInForce::Gtc => b"\"GTC\"",
                TimeInForce::Ioc => b"\"IOC\"",
                TimeInForce::Fok => b"\"FOK\"",
                TimeInForce::Gtx => b"\"GTX\"",
            };
            self.word(self.time_in_force, word)?;
        }
        self.decimal(self.quantity, command.qty.0, qty)?;
        if self.price != usize::MAX {
            self.decimal(self.price, command.px.0, price)?;
        }
        Some(())
    }

    fn word(&mut self, at: usize, word: &[u8]) -> Option<()> {
        let mut field = Field::new(&mut self.bytes, at, WORD)?;
        field.text(word)?;
        field.finish();
        Some(())
    }

    /// `{host}-{epoch}-{sequence}-{child}`, the text form of our id.
    fn id(&mut self, at: usize, prefix: &[u8], id: ClientOrderId, host: &HostTag) -> Option<()> {
        let mut field = Field::new(&mut self.bytes, at, ID)?;
        field.text(b"\"")?;
        field.text(prefix)?;
        field.text(host.0.as_bytes())?;
        for part in [u64::from(id.epoch()), id.sequence(), u64::from(id.child())] {
            field.text(b"-")?;
            field.number(part, 1)?;
        }
        field.text(b"\"")?;
        field.finish();
        Some(())
    }

    /// `units` × 10^-`decimals`, > 0, with at least `shown` decimals and no other trailing zeros.
    fn decimal(&mut self, at: usize, units: i64, (decimals, shown): (u8, u8)) -> Option<()> {
        if units <= 0 {
            return None;
        }
        let (mut units, mut decimals) = (units as u64, decimals);
        while decimals > shown && units.is_multiple_of(10) {
            units /= 10;
            decimals -= 1;
        }
        let one = u64::try_from(pow10(decimals)).ok()?;
        let mut field = Field::new(&mut self.bytes, at, DECIMAL)?;
        field.text(b"\"")?;
        field.number(units / one, 1)?;
        if decimals > 0 || shown > 0 {
            field.text(b".")?;
        }
        if decimals > 0 {
            field.number(units % one, decimals as usize)?;
        }
        for _ in decimals..shown {
            field.text(b"0")?;
        }
        field.text(b"\"")?;
        field.finish();
        Some(())
    }
}

/// A field that is being written.
struct Field<'a> {
    room: &'a mut [u8],
    len: usize,
}

impl<'a> Field<'a> {
    fn new(bytes: &'a mut [u8], at: usize, width: usize) -> Option<Self> {
        Some(Self { room: bytes.get_mut(at..at.checked_add(width)?)?, len: 0 })
    }

    fn text(&mut self, text: &[u8]) -> Option<()> {
        self.room.get_mut(self.len..self.len + text.len())?.copy_from_slice(text);
        self.len += text.len();
        Some(())
    }

    /// `number` with at least `digits` digits.
    fn number(&mut self, mut number: u64, digits: usize) -> Option<()> {
        let mut text = [b'0'; 20];
        let mut at = text.len();
        while number > 0 || text.len() - at < digits {
            at = at.checked_sub(1)?;
            text[at] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.text(&text[at..])
    }

    fn finish(self) {
        if let Some(rest) = self.room.get_mut(self.len..) {
            rest.fill(b' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::execution::ExecutionSection;
    use crate::event::risk::{RiskSection, Verdict};
    use crate::types::ids::InstrumentId;
    use crate::types::instrument::{Calendar, Contract, Symbol};
    use crate::types::price::{Px, Qty};
    use bytemuck::Zeroable;
    use proptest::prelude::*;
    use rust_decimal::Decimal;
    use serde_json::{Value, json};

    fn instrument(venue: VenueKind, price_decimals: u8, qty_decimals: u8) -> Instrument {
        Instrument {
            id: InstrumentId(3),
            symbol: Symbol::from("BTCUSDT").unwrap(),
            venue,
            contract: Contract::Linear,
            calendar: Calendar::Crypto,
            price_decimals,
            qty_decimals,
            price_shown: 2,
            qty_shown: 5,
            tick_size: Px(1),
            lot_size: Qty(1),
            multiplier: 1,
            maker_fee_ppm: 0,
            taker_fee_ppm: 0,
            inferred: false,
        }
    }

    fn approved(
        kind: CommandKind,
        side: Side,
        order_type: OrderType,
        tif: TimeInForce,
        px: i64,
        qty: i64,
    ) -> ApprovedOrder {
        let mut risk = RiskSection::zeroed();
        risk.verdict = Verdict::Approved.code();
        (risk.side, risk.order_type, risk.px, risk.qty) = (side.code(), order_type.code(), Px(px), Qty(qty));
        let mut execution = ExecutionSection::zeroed();
        execution.commands_len = 1;
        execution.commands[0] = OrderCommand {
            client_order_id: ClientOrderId::new(2, 4_711, 0).unwrap(),
            px: Px(px),
            qty: Qty(qty),
            instrument: InstrumentId(3),
            kind: kind.code(),
            side: side.code(),
            order_type: order_type.code(),
            time_in_force: tif.code(),
        };
        ApprovedOrder::verify(&risk, &execution, 0).unwrap()
    }

    fn check(venue: VenueKind, order: ApprovedOrder, method: &str, params: Value) {
        let mut encoder = OrderEncoder::new();
        assert!(encoder.define(&instrument(venue, 2, 8)));
        let host = HostTag::new("tp1").unwrap();
        // Twice, with a longer id between: nothing may be left over.
        encoder.encode(&order, &HostTag::new("longer_tag").unwrap(), 9_000_000_000_000_000_000);
        let bytes = encoder.encode(&order, &host, 1_700_000_000_123_456_789).unwrap();
        let value: Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(value["method"], method);
        assert_eq!(value["params"], params);
        assert!(value["id"].as_str().unwrap().ends_with("tp1-2-4711-0"));
    }

    #[test]
    fn every_shape_says_what_was_approved() {
        use CommandKind::{Cancel, New};
        use OrderType::{Limit, Market};
        use TimeInForce::{Gtc, Gtx, Ioc};
        let (spot, usdm) = (VenueKind::BinanceSpot, VenueKind::BinanceUsdm);
        let id = "tp1-2-4711-0";
        let time = 1_700_000_000_123_u64;
        check(
            spot,
            approved(New, Side::Buy, Limit, Ioc, 6_180_030, 100_000),
            "order.place",
            json!({
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "IOC", "quantity": "0.00100",
            "price": "61800.30", "newClientOrderId": id, "newOrderRespType": "ACK", "timestamp": time }),
        );
        check(
            spot,
            approved(New, Side::Sell, Limit, Gtx, 6_180_000, 123_456_789),
            "order.place",
            json!({
            "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT_MAKER", "quantity": "1.23456789",
            "price": "61800.00", "newClientOrderId": id, "newOrderRespType": "ACK", "timestamp": time }),
        );
        check(
            usdm,
            approved(New, Side::Sell, Limit, Gtx, 5, 100_000_000),
            "order.place",
            json!({
            "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTX", "quantity": "1.00000",
            "price": "0.05", "newClientOrderId": id, "newOrderRespType": "ACK", "timestamp": time }),
        );
        check(
            spot,
            approved(New, Side::Buy, Market, Ioc, 6_180_030, 1),
            "order.place",
            json!({
            "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.00000001",
            "newClientOrderId": id, "newOrderRespType": "ACK", "timestamp": time }),
        );
        check(
            spot,
            approved(Cancel, Side::Buy, Limit, Gtc, 0, 0),
            "order.cancel",
            json!({
            "symbol": "BTCUSDT", "origClientOrderId": id, "timestamp": time }),
        );
    }

    #[test]
    fn what_cannot_be_said_is_not_sent() {
        let (host, order) = (HostTag::new("h").unwrap(), |px| {
            approved(CommandKind::New, Side::Buy, OrderType::Limit, TimeInForce::Gtc, px, 1)
        });
        let mut encoder = OrderEncoder::new();
        assert_eq!(encoder.encode(&order(1), &host, 0), None, "not defined");
        assert!(encoder.define(&instrument(VenueKind::Nasdaq, 4, 0)));
        assert!(encoder.define(&instrument(VenueKind::Simulated, 2, 8)));
        assert!(encoder.encode(&order(1), &host, 0).is_some());
        assert_eq!(encoder.encode(&order(0), &host, 0), None);
        assert_eq!(encoder.encode(&order(1), &host, -1), None);
        let quoted = Instrument { symbol: Symbol::from("A\"B").unwrap(), ..instrument(VenueKind::Simulated, 2, 8) };
        assert!(!encoder.define(&quoted));
        assert_eq!(encoder.encode(&order(1), &host, 0), None, "not under its old definition either");
        for bad in ["", "a.b", "ü", "elevenchars", "a b"] {
            assert_eq!(HostTag::new(bad), None, "{bad}");
        }
    }

    proptest! {
        /// Read back with serde_json and rust_decimal, the numbers are the approved ones; ids fit the venue's pattern.
        #[test]
        fn numbers_come_back_exactly(
            px in 1..=i64::MAX, qty in 1..=i64::MAX, price_decimals in 0u8..=18, qty_decimals in 0u8..=18,
            epoch in any::<u16>(), sequence in 0u64..1 << 40, now in 0..=i64::MAX,
        ) {
            let mut encoder = OrderEncoder::new();
            encoder.define(&instrument(VenueKind::BinanceSpot, price_decimals, qty_decimals));
            let mut order = ExecutionSection::zeroed();
            let mut risk = RiskSection::zeroed();
            risk.verdict = Verdict::Approved.code();
            (risk.side, risk.order_type, risk.px, risk.qty) = (1, 2, Px(px), Qty(qty));
            order.commands_len = 1;
            order.commands[0] = OrderCommand {
                client_order_id: ClientOrderId::new(epoch, sequence, 0).unwrap(),
                ..*approved(CommandKind::New, Side::Buy, OrderType::Limit, TimeInForce::Fok, px, qty).command()
            };
            let order = ApprovedOrder::verify(&risk, &order, 0).unwrap();
            let bytes = encoder.encode(&order, &HostTag::new("ten_chars_").unwrap(), now).unwrap();
            let value: Value = serde_json::from_slice(bytes).unwrap();
            let params = &value["params"];
            let decimal = |name: &str| params[name].as_str().unwrap().parse::<Decimal>().unwrap();
            prop_assert_eq!(decimal("price"), Decimal::new(px, u32::from(price_decimals)));
            prop_assert_eq!(decimal("quantity"), Decimal::new(qty, u32::from(qty_decimals)));
            prop_assert_eq!(params["timestamp"].as_i64(), Some(now / MILLIS));
            let id = params["newClientOrderId"].as_str().unwrap();
            prop_assert_eq!(id, format!("ten_chars_-{epoch}-{sequence}-0"));
            prop_assert!(id.len() <= 36 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        }
    }
}
