//! Hot: the feature stage: one file per feature.
