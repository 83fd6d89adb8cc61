//! Hot: the signal stage: one file per model, and the ensemble.
