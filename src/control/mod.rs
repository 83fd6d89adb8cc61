//! Edge: the gate: whether an order may leave, and what decides it; and the control plane: what people see of it and may ask of it.
//!
//! `gate` and `ticks` are the atomics that hot threads touch. All else finds out, on threads of its own, what they must
//! say: the kill switch and who set it, the halt that environment and file demand, the state of execution, the mode, the
//! clock, the age of the market's data; and which alerts stand. Nothing here reads a clock but `clock_sync` and the watcher of the halt: time
//! comes with the call. Everything defaults to *no*.

pub mod alerts;
pub mod clock_guard;
pub mod clock_sync;
pub mod enable;
pub mod gate;
pub mod halt;
pub mod halt_watch;
pub mod http;
pub mod kill;
pub mod market_health;
pub mod mode;
pub mod notices;
pub mod plane;
pub mod runbook;
pub mod secret;
pub mod small_file;
pub mod state;
pub mod ticks;
