//! Clock readings.
