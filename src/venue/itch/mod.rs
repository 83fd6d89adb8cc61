//! Hot: NASDAQ TotalView-ITCH 5.0. One frame is one message, without the length that files and packets put before it.
//!
//! Source: Nasdaq TotalView-ITCH 5.0 specification. All integers are unsigned and big-endian; text is ASCII, padded
//! with spaces on the right; prices (`Price(4)`) have four implied decimals; time is nanoseconds since midnight in New
//! York. Every message begins with type (1 byte), stock locate (2), tracking number (2) and time (6): 11 bytes.

mod decoder;
mod locate;
pub mod message;
pub mod mold;
mod order;

pub use decoder::{ItchCounts, ItchDecoder};
