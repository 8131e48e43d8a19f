//! A client's authorization token file.
