//! Edge: assembly: joins the rooms' own configuration types; unknown keys are refused.
