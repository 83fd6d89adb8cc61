//! Edge: tests.
