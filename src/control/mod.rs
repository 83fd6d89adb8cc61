//! Edge: the gate: whether an order may leave.

pub mod gate;
