//! Edge: assembly: one file per verb.
