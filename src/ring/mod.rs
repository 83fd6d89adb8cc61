//! Hot: sequences, barriers, the ring, SPSC queues and wait strategies. Knows no event.
//!
//! What the ring promises, as absences:
//!
//! - No slot is overwritten before every lane has completed it. Nothing is dropped; a full ring says so.
//! - No lane sees a slot before all the lanes that it comes after have completed it, nor out of order, nor twice.
//! - No section has two writers, and no lane reads a section that is not its own or from upstream.
//! - No slot is passed on half-written: a lane whose closure panics stays in front of that slot.
//! - No lock, no system call, no allocation, no fence, no read-modify-write once the ring is built: an own cache line,
//!   one Release store per batch, one Acquire load per gate when the cached value is used up.
//! - No wake-ups: a publisher does not know who waits.
//!
//! ```text
//!                  gated by the last lanes (never overruns them)
//!            ┌──────────────────────────────────────────────────────────┐
//!            ▼                                                          │
//!        producer ──→ lane a ──→ lane b ──→ lane c ──┬──→ lane d        │    each arrow: one sequence,
//!            │           │          │          │     └──→ lane e        │    published by its source,
//!            ▼           ▼          ▼          ▼                        │    cached by its reader
//!     slot [ section 0 | section 1 | section 2 | section 3 ]  × 2^k ────┘
//! ```
//!
//! A slot is one piece of plain old data, cut into sections. A lane writes its own and reads those before it, in place.
//! Stages that share a thread are one lane with several sections, so nothing but the plan changes when threads do.
//!
//! | file | what is in it |
//! |---|---|
//! | `sync` | the primitives, of `std` or of loom; padding |
//! | `sequence` | a lane's progress, cursors on it, gates over several |
//! | `section` | the parts of a slot |
//! | `memory` | the slots themselves |
//! | `slot` | one slot in the hands of one lane; access checks |
//! | `lane` | the handles: producer and lane |
//! | `builder` | the plan of a ring, and all that can be wrong with it |
//! | `error` | its names |
//! | `wait` | what an idle thread does |
//! | `spsc` | the bounded queue from one thread to another |

pub mod section;
pub mod sequence;
pub mod builder;
pub mod error;
pub mod lane;
pub mod wait;
pub mod spsc;
mod memory;
mod slot;
mod sync;

#[cfg(all(test, not(ring_loom)))]
mod tests;
