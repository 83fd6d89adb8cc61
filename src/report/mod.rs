//! Edge: what people read: latency tables and plots, exports, summaries.
