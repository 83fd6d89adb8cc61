//! Hot: the fast path: one pass that expects each message exactly as the venue writes it, allocates nothing, and gives
//! up at the first surprise. It never says that a frame is wrong: that is for the general parser.

use super::cursor::Cursor;
use super::emit::aggressor;
use super::event::{interval_nanos, is_futures, is_partial, is_rpi, nanos};
use super::resolve::{SYMBOL_BYTES, price_scale, qty_scale, stream_symbol};
use super::stats::Ignored;
use super::write::{DepthWriter, Head, single};
use crate::event::input::{Bar, DepthStyle, InputKind, Level, Mark, Quote, Trade};
use crate::types::ids::InstrumentId;
use crate::types::instrument::{Instrument, Symbol, VenueKind};
use crate::types::price::{Px, Qty};
use crate::types::time::{NO_TIME, UnixNanos};
use crate::venue::decimal_fast::{Miss, Scale};
use crate::venue::directory::Directory;
use crate::venue::feed::{Frame, InputBatch};

/// What a frame became.
pub enum Taken {
    /// Inputs of this instrument.
    Inputs(InstrumentId),
    /// No input.
    Ignored(Ignored),
}

/// Reads `frame`; `last` is the instrument of its source's last message. On a miss, what was pushed must be taken back.
#[inline]
pub fn read(
    frame: &Frame<'_>,
    venue: VenueKind,
    last: InstrumentId,
    rest_symbol: Option<&Symbol>,
    directory: &Directory,
    out: &mut InputBatch,
) -> Result<Taken, Miss> {
    let mut cursor = Cursor::new(frame.bytes);
    let mut stream = None;
    if cursor.take(b"{\"stream\":\"") {
        stream = Some(cursor.text()?);
        cursor.expect(b"\",\"data\":")?;
    }
    let mut pass = Pass {
        cursor,
        stream,
        venue,
        futures: is_futures(venue),
        last,
        rest_symbol,
        directory,
        frame,
        out,
        instrument: InstrumentId::NONE,
    };
    let ignored = pass.message()?;
    if stream.is_some() {
        pass.cursor.expect(b"}")?;
    }
    pass.cursor.end()?;
    Ok(ignored.map_or(Taken::Inputs(pass.instrument), Taken::Ignored))
}

struct Pass<'p, 'f> {
    cursor: Cursor<'f>,
    stream: Option<&'f [u8]>,
    venue: VenueKind,
    futures: bool,
    last: InstrumentId,
    rest_symbol: Option<&'p Symbol>,
    directory: &'p Directory,
    frame: &'p Frame<'f>,
    out: &'p mut InputBatch,
    instrument: InstrumentId,
}

type Outcome = Result<Option<Ignored>, Miss>;

impl<'p> Pass<'p, '_> {
    #[inline(always)]
    fn message(&mut self) -> Outcome {
        if self.cursor.take(b"{\"e\":\"") {
            return match self.cursor.peek() {
                b'b' => self.quote_named(),
                b'd' => self.depth_update(),
                b't' => self.trade(),
                b'a' => self.agg_trade(),
                b'k' => self.kline(),
                b'm' => self.mark(),
                _ => Err(Miss::Surprise),
            };
        }
        if self.cursor.take(b"{\"u\":") {
            return self.quote_by_id();
        }
        if self.cursor.take(b"{\"lastUpdateId\":") {
            return self.whole_book();
        }
        self.cursor.expect(b"{\"result\":null,\"id\":")?;
        self.cursor.skip_integer()?;
        self.cursor.expect(b"}")?;
        Ok(Some(Ignored::Control))
    }

    #[inline(always)]
    fn time(&mut self) -> Result<UnixNanos, Miss> {
        nanos(self.cursor.unsigned()?).ok_or(Miss::Surprise)
    }

    /// The symbol up to its closing quotation mark, as an instrument.
    #[inline(always)]
    fn symbol(&mut self) -> Result<&'p Instrument, Miss> {
        let symbol = self.cursor.text()?;
        self.find(symbol)
    }

    #[inline(always)]
    fn find(&mut self, symbol: &[u8]) -> Result<&'p Instrument, Miss> {
        let instrument = self.directory.find(self.venue, symbol).ok_or(Miss::Finer)?;
        self.instrument = instrument.id;
        Ok(instrument)
    }

    #[inline(always)]
    fn head(&self, ts_event: UnixNanos, venue_id: u64) -> Head {
        Head {
            ts_recv: self.frame.ts_recv,
            ts_event,
            source: self.frame.source,
            instrument: self.instrument,
            venue_id,
            flags: 0,
        }
    }

    /// `,"st":1`, which newer futures messages have at their end; then the end of the object.
    #[inline(always)]
    fn object_end(&mut self) -> Result<(), Miss> {
        if self.futures && self.cursor.take(b",\"st\":") {
            self.cursor.skip_integer()?;
        }
        self.cursor.expect(b"}")
    }

    /// `","ps":"BTCUSD`, which futures may have behind the symbol.
    #[inline(always)]
    fn pair(&mut self) -> Result<(), Miss> {
        if self.futures && self.cursor.take(b"\",\"ps\":\"") {
            self.cursor.skip_text()?;
        }
        Ok(())
    }

    #[inline(always)]
    fn quote_named(&mut self) -> Outcome {
        if !self.futures {
            return Err(Miss::Surprise);
        }
        self.cursor.expect(b"bookTicker\",\"u\":")?;
        let update_id = self.cursor.unsigned()?;
        if self.cursor.take(b",\"E\":") {
            self.time()?;
            self.cursor.expect(b",\"T\":")?;
            let ts_event = self.time()?;
            self.cursor.expect(b",\"s\":\"")?;
            self.quote(update_id, Some(ts_event))
        } else {
            self.cursor.expect(b",\"s\":\"")?;
            self.quote(update_id, None)
        }
    }

    #[inline(always)]
    fn quote_by_id(&mut self) -> Outcome {
        let update_id = self.cursor.unsigned()?;
        if self.futures {
            self.cursor.expect(b",\"e\":\"bookTicker\",\"s\":\"")?;
            self.quote(update_id, None)
        } else {
            self.cursor.expect(b",\"s\":\"")?;
            self.quote(update_id, Some(NO_TIME))
        }
    }

    /// From the symbol on. Without `ts_event` the times follow at the end.
    #[inline(always)]
    fn quote(&mut self, update_id: u64, ts_event: Option<UnixNanos>) -> Outcome {
        let instrument = self.symbol()?;
        let (price, size) = (price_scale(instrument), qty_scale(instrument));
        self.pair()?;
        self.cursor.expect(b"\",\"b\":\"")?;
        let bid_px = self.cursor.decimal(&price)?;
        self.cursor.expect(b"\",\"B\":\"")?;
        let bid_qty = self.cursor.qty(&size)?;
        self.cursor.expect(b"\",\"a\":\"")?;
        let ask_px = self.cursor.decimal(&price)?;
        self.cursor.expect(b"\",\"A\":\"")?;
        let ask_qty = self.cursor.qty(&size)?;
        self.cursor.expect(b"\"")?;
        let ts_event = if let Some(ts_event) = ts_event {
            ts_event
        } else {
            self.cursor.expect(b",\"T\":")?;
            let ts_event = self.time()?;
            self.cursor.expect(b",\"E\":")?;
            self.time()?;
            ts_event
        };
        self.object_end()?;
        let quote = Quote { update_id, bid: level(bid_px, bid_qty), ask: level(ask_px, ask_qty) };
        single(self.out, &self.head(ts_event, update_id), InputKind::Quote, quote);
        Ok(None)
    }

    #[inline(always)]
    fn trade(&mut self) -> Outcome {
        self.cursor.expect(b"trade\",\"E\":")?;
        let mut ts_event = self.time()?;
        if self.futures {
            self.cursor.expect(b",\"T\":")?;
            ts_event = self.time()?;
        }
        self.cursor.expect(b",\"s\":\"")?;
        let instrument = self.symbol()?;
        self.cursor.expect(b"\",\"t\":")?;
        let trade_id = self.cursor.unsigned()?;
        self.cursor.expect(b",\"p\":\"")?;
        let px = self.cursor.decimal(&price_scale(instrument))?;
        self.cursor.expect(b"\",\"q\":\"")?;
        let qty = self.cursor.qty(&qty_scale(instrument))?;
        let mut printable = true;
        if self.futures {
            self.cursor.expect(b"\",\"X\":\"")?;
            if !self.cursor.take(b"MARKET") {
                printable = self.cursor.text()? == b"MARKET";
            }
            self.cursor.expect(b"\",\"m\":")?;
        } else {
            self.cursor.expect(b"\",")?;
            // The orders' ids, which spot gave until June 2024.
            if self.cursor.take(b"\"b\":") {
                self.cursor.skip_integer()?;
                self.cursor.expect(b",\"a\":")?;
                self.cursor.skip_integer()?;
                self.cursor.expect(b",")?;
            }
            self.cursor.expect(b"\"T\":")?;
            ts_event = self.time()?;
            self.cursor.expect(b",\"m\":")?;
        }
        self.trade_end(ts_event, [trade_id, trade_id], px, qty, printable, false)
    }

    #[inline(always)]
    fn agg_trade(&mut self) -> Outcome {
        self.cursor.expect(b"aggTrade\",\"E\":")?;
        self.time()?;
        let instrument;
        if self.cursor.take(b",\"a\":") {
            self.cursor.skip_integer()?;
            self.cursor.expect(b",\"s\":\"")?;
            instrument = self.symbol()?;
            self.cursor.expect(b"\",\"p\":\"")?;
        } else {
            self.cursor.expect(b",\"s\":\"")?;
            instrument = self.symbol()?;
            self.cursor.expect(b"\",\"a\":")?;
            self.cursor.skip_integer()?;
            self.cursor.expect(b",\"p\":\"")?;
        }
        let px = self.cursor.decimal(&price_scale(instrument))?;
        self.cursor.expect(b"\",\"q\":\"")?;
        let qty = self.cursor.qty(&qty_scale(instrument))?;
        if self.cursor.take(b"\",\"nq\":\"") {
            self.cursor.skip_text()?;
        }
        self.cursor.expect(b"\",\"f\":")?;
        let first = self.cursor.unsigned()?;
        self.cursor.expect(b",\"l\":")?;
        let last = self.cursor.unsigned()?;
        self.cursor.expect(b",\"T\":")?;
        let ts_event = self.time()?;
        self.cursor.expect(b",\"m\":")?;
        self.trade_end(ts_event, [first, last], px, qty, true, true)
    }

    /// From the value of `m` on.
    #[inline(always)]
    fn trade_end(
        &mut self,
        ts_event: UnixNanos,
        [first, last]: [u64; 2],
        px: i64,
        qty: i64,
        printable: bool,
        aggregated: bool,
    ) -> Outcome {
        let buyer_is_maker = self.cursor.truth()?;
        if !self.futures {
            self.cursor.expect(b",\"M\":")?;
            self.cursor.truth()?;
        }
        self.object_end()?;
        if qty == 0 {
            return Ok(Some(Ignored::EmptyTrade));
        }
        let trade = Trade {
            trade_id: last,
            first_trade_id: first,
            px: Px(px),
            qty: Qty(qty),
            aggressor: aggressor(buyer_is_maker),
            printable: u8::from(printable),
            aggregated: u8::from(aggregated),
            reserved: [0; 5],
        };
        single(self.out, &self.head(ts_event, last), InputKind::Trade, trade);
        Ok(None)
    }

    #[inline(always)]
    fn depth_update(&mut self) -> Outcome {
        self.cursor.expect(b"depthUpdate\",\"E\":")?;
        let mut ts_event = self.time()?;
        if self.futures {
            self.cursor.expect(b",\"T\":")?;
            ts_event = self.time()?;
        }
        self.cursor.expect(b",\"s\":\"")?;
        let instrument = self.symbol()?;
        self.pair()?;
        self.cursor.expect(b"\",\"U\":")?;
        let first_id = self.cursor.unsigned()?;
        self.cursor.expect(b",\"u\":")?;
        let last_id = self.cursor.unsigned()?;
        let mut prev_id = 0;
        if self.futures {
            self.cursor.expect(b",\"pu\":")?;
            prev_id = self.cursor.unsigned()?;
        }
        self.cursor.expect(b",\"b\":[")?;
        let style = match self.stream {
            Some(stream) if is_partial(stream) => DepthStyle::TopLevels,
            Some(stream) if is_rpi(stream) => return Err(Miss::Surprise),
            _ if self.futures => DepthStyle::DiffByPrev,
            _ => DepthStyle::DiffByFirst,
        };
        let mut writer = DepthWriter::new(self.head(ts_event, 0), style, first_id, last_id, prev_id);
        let scales = (price_scale(instrument), qty_scale(instrument));
        self.side(&mut writer, &scales, false)?;
        self.cursor.expect(b",\"a\":[")?;
        self.side(&mut writer, &scales, true)?;
        self.object_end()?;
        writer.finish(self.out);
        Ok(None)
    }

    #[inline(always)]
    fn whole_book(&mut self) -> Outcome {
        let last_id = self.cursor.unsigned()?;
        let mut ts_event = NO_TIME;
        if self.cursor.take(b",\"E\":") {
            self.time()?;
            self.cursor.expect(b",\"T\":")?;
            ts_event = self.time()?;
        }
        let mut buffer = [0; SYMBOL_BYTES];
        let instrument = if self.cursor.take(b",\"symbol\":\"") {
            let instrument = self.symbol()?;
            if self.cursor.take(b"\",\"pair\":\"") {
                self.cursor.skip_text()?;
            }
            self.cursor.expect(b"\"")?;
            instrument
        } else if let Some(stream) = self.stream {
            self.find(stream_symbol(stream, &mut buffer).ok_or(Miss::Surprise)?)?
        } else if let Some(symbol) = self.rest_symbol {
            self.find(symbol.as_bytes())?
        } else {
            let last = self.directory.get(self.last).ok_or(Miss::Surprise)?;
            self.instrument = last.id;
            last
        };
        self.cursor.expect(b",\"bids\":[")?;
        let style = if self.stream.is_some() { DepthStyle::TopLevels } else { DepthStyle::Snapshot };
        let mut writer = DepthWriter::new(self.head(ts_event, 0), style, last_id, last_id, 0);
        let scales = (price_scale(instrument), qty_scale(instrument));
        self.side(&mut writer, &scales, false)?;
        self.cursor.expect(b",\"asks\":[")?;
        self.side(&mut writer, &scales, true)?;
        self.object_end()?;
        writer.finish(self.out);
        Ok(None)
    }

    /// The levels of one side, behind the opening bracket, up to and with the closing one.
    #[inline(always)]
    fn side(&mut self, writer: &mut DepthWriter, scales: &(Scale, Scale), ask: bool) -> Result<(), Miss> {
        // A copy, so that it stays in registers.
        let mut cursor = self.cursor;
        if cursor.peek() == b']' {
            cursor.skip();
            self.cursor = cursor;
            return Ok(());
        }
        cursor.expect(b"[\"")?;
        loop {
            let px = cursor.decimal(&scales.0)?;
            cursor.expect(b"\",\"")?;
            let qty = cursor.qty(&scales.1)?;
            writer.push(self.out, level(px, qty), ask).ok_or(Miss::Surprise)?;
            if cursor.take(b"\"],[\"") {
                continue;
            }
            cursor.expect(b"\"]]")?;
            self.cursor = cursor;
            return Ok(());
        }
    }

    #[inline(never)]
    fn kline(&mut self) -> Outcome {
        self.cursor.expect(b"kline\",\"E\":")?;
        let ts_event = self.time()?;
        self.cursor.expect(b",\"s\":\"")?;
        let instrument = self.symbol()?;
        let (price, size) = (price_scale(instrument), qty_scale(instrument));
        self.cursor.expect(b"\",\"k\":{\"t\":")?;
        let open_time = self.time()?;
        self.cursor.expect(b",\"T\":")?;
        self.cursor.skip_integer()?;
        self.cursor.expect(b",\"s\":\"")?;
        self.cursor.skip_text()?;
        self.cursor.expect(b"\",\"i\":\"")?;
        let interval = interval_nanos(self.cursor.text()?).ok_or(Miss::Surprise)?;
        self.cursor.expect(b"\",\"f\":")?;
        self.cursor.skip_integer()?;
        self.cursor.expect(b",\"L\":")?;
        self.cursor.skip_integer()?;
        self.cursor.expect(b",\"o\":\"")?;
        let open = self.cursor.decimal(&price)?;
        self.cursor.expect(b"\",\"c\":\"")?;
        let close = self.cursor.decimal(&price)?;
        self.cursor.expect(b"\",\"h\":\"")?;
        let high = self.cursor.decimal(&price)?;
        self.cursor.expect(b"\",\"l\":\"")?;
        let low = self.cursor.decimal(&price)?;
        self.cursor.expect(b"\",\"v\":\"")?;
        let volume = self.cursor.qty(&size)?;
        self.cursor.expect(b"\",\"n\":")?;
        let trades = self.cursor.unsigned()?;
        self.cursor.expect(b",\"x\":")?;
        let closed = self.cursor.truth()?;
        self.cursor.expect(b",\"q\":\"")?;
        self.cursor.skip_text()?;
        self.cursor.expect(b"\",\"V\":\"")?;
        self.cursor.skip_text()?;
        self.cursor.expect(b"\",\"Q\":\"")?;
        self.cursor.skip_text()?;
        self.cursor.expect(b"\",\"B\":\"")?;
        self.cursor.skip_text()?;
        self.cursor.expect(b"\"}")?;
        self.object_end()?;
        let bar = Bar {
            open_time,
            interval,
            open: Px(open),
            high: Px(high),
            low: Px(low),
            close: Px(close),
            volume: Qty(volume),
            trades,
            closed: u8::from(closed),
            reserved: [0; 7],
        };
        single(self.out, &self.head(ts_event, open_time as u64), InputKind::Bar, bar);
        Ok(None)
    }

    #[inline(never)]
    fn mark(&mut self) -> Outcome {
        self.cursor.expect(b"markPriceUpdate\",\"E\":")?;
        let ts_event = self.time()?;
        self.cursor.expect(b",\"s\":\"")?;
        let instrument = self.symbol()?;
        let price = Scale::new(instrument.price_decimals, u8::MAX);
        let mut mark = Mark { mark: Px(0), index: Px(0), settle: Px(0), funding_rate_e8: 0, next_funding: NO_TIME };
        self.cursor.expect(b"\",\"p\":\"")?;
        mark.mark = Px(self.cursor.decimal(&price)?);
        if self.cursor.take(b"\",\"ap\":\"") {
            self.cursor.skip_text()?;
        }
        if self.cursor.take(b"\",\"i\":\"") {
            mark.index = Px(self.optional_decimal(&price)?);
            self.cursor.expect(b"\",\"P\":\"")?;
            mark.settle = Px(self.optional_decimal(&price)?);
        } else {
            self.cursor.expect(b"\",\"P\":\"")?;
            mark.settle = Px(self.optional_decimal(&price)?);
            if self.cursor.take(b"\",\"i\":\"") {
                mark.index = Px(self.optional_decimal(&price)?);
            }
        }
        self.cursor.expect(b"\",\"r\":\"")?;
        mark.funding_rate_e8 = match self.optional_decimal(&Scale::new(8, u8::MAX)) {
            // Another scale would not help.
            Err(_) => return Err(Miss::Surprise),
            Ok(rate) => rate,
        };
        self.cursor.expect(b"\",\"T\":")?;
        let next_funding = self.cursor.unsigned()?;
        if next_funding != 0 {
            mark.next_funding = nanos(next_funding).ok_or(Miss::Surprise)?;
        }
        self.object_end()?;
        single(self.out, &self.head(ts_event, 0), InputKind::Mark, mark);
        Ok(None)
    }

    #[inline(always)]
    fn optional_decimal(&mut self, scale: &Scale) -> Result<i64, Miss> {
        if self.cursor.peek() == b'"' { Ok(0) } else { self.cursor.decimal(scale) }
    }
}

#[inline(always)]
fn level(px: i64, qty: i64) -> Level {
    Level { px: Px(px), qty: Qty(qty) }
}
