//! Hosts that were recorded; where each comes from stands in its ORIGIN.
