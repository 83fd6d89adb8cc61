//! Edge: recorded captures.
