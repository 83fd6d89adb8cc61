//! Frames of Binance streams, recorded or made here, and how others decode them: typed structs by serde.
//!
//! The rivals are helped: they are told the type of each frame beforehand, keep only what ours keeps, and do not look up
//! instruments. Their prices and quantities are read in the dialects that users write: into integers at eight decimals, into
//! `f64`, and into `rust_decimal`'s.
#![allow(dead_code, reason = "each bench uses its part of it")]

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use std::io::{BufRead, BufReader};
use std::marker::PhantomData;
use tickpath::types::decimal::Decimal;
use tickpath::types::instrument::VenueKind;

/// A number in a string, as one dialect reads it.
pub trait Number: Sized {
    /// From the text within the quotation marks.
    fn read(text: &str) -> Option<Self>;
    /// Some bits of it, so that nobody can leave the reading out.
    fn bits(&self) -> u64;
}

/// An integer at eight decimals.
pub struct Fixed(i64);

impl Number for Fixed {
    #[inline]
    fn read(text: &str) -> Option<Self> {
        Decimal::parse(text.as_bytes()).and_then(|number| number.at_scale(8)).ok().map(Self)
    }

    fn bits(&self) -> u64 {
        self.0 as u64
    }
}

impl Number for f64 {
    #[inline]
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn bits(&self) -> u64 {
        self.to_bits()
    }
}

impl Number for rust_decimal::Decimal {
    #[inline]
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn bits(&self) -> u64 {
        self.mantissa() as u64
    }
}

/// A number in a string, in a struct.
struct Quoted<N>(N);

impl<'de, N: Number> Deserialize<'de> for Quoted<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text<N>(PhantomData<N>);
        impl<N: Number> Visitor<'_> for Text<N> {
            type Value = Quoted<N>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a decimal")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Quoted<N>, E> {
                N::read(text).map(Quoted).ok_or_else(|| E::custom("no number"))
            }
        }
        from.deserialize_str(Text(PhantomData))
    }
}

/// A combined stream's envelope.
#[derive(Deserialize)]
pub struct Combined<'a, T> {
    stream: &'a str,
    data: T,
}

/// `bookTicker`.
#[derive(Deserialize)]
#[serde(bound = "N: Number")]
#[allow(non_snake_case, reason = "the venue's names")]
pub struct Quote<'a, N> {
    u: u64,
    s: &'a str,
    b: Quoted<N>,
    B: Quoted<N>,
    a: Quoted<N>,
    A: Quoted<N>,
    T: Option<u64>,
}

/// `trade`.
#[derive(Deserialize)]
#[serde(bound = "N: Number")]
#[allow(non_snake_case, reason = "the venue's names")]
pub struct Trade<'a, N> {
    T: u64,
    s: &'a str,
    t: u64,
    p: Quoted<N>,
    q: Quoted<N>,
    m: bool,
}

/// `depthUpdate`.
#[derive(Deserialize)]
#[serde(bound = "N: Number")]
#[allow(non_snake_case, reason = "the venue's names")]
pub struct Depth<'a, N> {
    E: u64,
    T: Option<u64>,
    s: &'a str,
    U: u64,
    u: u64,
    pu: Option<u64>,
    b: Vec<(Quoted<N>, Quoted<N>)>,
    a: Vec<(Quoted<N>, Quoted<N>)>,
}

/// What all the fields of a message come to.
pub trait Sum {
    /// A few bits of each field.
    fn sum(&self) -> u64;
}

impl<T: Sum> Sum for Combined<'_, T> {
    fn sum(&self) -> u64 {
        self.stream.len() as u64 ^ self.data.sum()
    }
}

impl<N: Number> Sum for Quote<'_, N> {
    fn sum(&self) -> u64 {
        let prices = self.b.0.bits() ^ self.B.0.bits() ^ self.a.0.bits() ^ self.A.0.bits();
        prices ^ self.u ^ self.T.unwrap_or(0) ^ self.s.len() as u64
    }
}

impl<N: Number> Sum for Trade<'_, N> {
    fn sum(&self) -> u64 {
        self.p.0.bits() ^ self.q.0.bits() ^ self.T ^ self.t ^ u64::from(self.m) ^ self.s.len() as u64
    }
}

impl<N: Number> Sum for Depth<'_, N> {
    fn sum(&self) -> u64 {
        let ids = self.U ^ self.u ^ self.pu.unwrap_or(0) ^ self.T.unwrap_or(self.E) ^ self.s.len() as u64;
        self.b.iter().chain(&self.a).fold(ids, |sum, (px, qty)| sum ^ px.0.bits() ^ qty.0.bits())
    }
}

/// The type of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `bookTicker`.
    Quote,
    /// `trade`.
    Trade,
    /// `depthUpdate`.
    Depth,
    /// What the rivals do not read: a snapshot of the whole book.
    Other,
}

/// One frame.
pub struct Message {
    /// When it was received, in nanoseconds.
    pub at: i64,
    /// Its type.
    pub kind: Kind,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Decodes `$message`, as the type that it is known to have, with `$read`, and gives its sum; 0 for what is not known.
#[macro_export]
macro_rules! typed {
    ($number:ty, $kind:expr, $read:expr) => {{
        use $crate::shared::binance::{Combined, Depth, Kind, Quote, Sum, Trade};
        match $kind {
            Kind::Quote => {
                let message: Combined<'_, Quote<'_, $number>> = $read;
                message.sum()
            }
            Kind::Trade => {
                let message: Combined<'_, Trade<'_, $number>> = $read;
                message.sum()
            }
            Kind::Depth => {
                let message: Combined<'_, Depth<'_, $number>> = $read;
                message.sum()
            }
            Kind::Other => 0,
        }
    }};
}

/// The captures there are: file and venue.
pub const CAPTURES: [(&str, VenueKind); 2] =
    [("usdm_btcusdt_20240808.gz", VenueKind::BinanceUsdm), ("spot_btcusdt_20240808.gz", VenueKind::BinanceSpot)];

/// All messages of a capture, in its order. `None` if it is not there: captures are not part of the project.
pub fn captured(file: &str) -> Option<Vec<Message>> {
    let folder = std::env::var_os("TICKPATH_CAPTURES").unwrap_or_else(|| "../shared/data".into());
    let file = std::fs::File::open(std::path::Path::new(&folder).join("hftbacktest").join(file)).ok()?;
    let mut messages = Vec::new();
    for line in BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines() {
        let line = line.ok()?;
        let Some((at, json)) = line.split_once(' ') else { continue };
        let kind = match json.get(..60) {
            Some(head) if head.contains("@bookTicker") => Kind::Quote,
            Some(head) if head.contains("@trade") => Kind::Trade,
            Some(head) if head.contains("@depth") => Kind::Depth,
            _ => Kind::Other,
        };
        messages.push(Message { at: at.parse().ok()?, kind, bytes: json.as_bytes().to_vec() });
    }
    Some(messages)
}
