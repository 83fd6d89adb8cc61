//! Edge: what people read: latency tables and plots, summaries, the live view.

pub mod export;
pub mod latency;
pub mod live;
pub mod number;
pub mod section;
pub mod summary;
