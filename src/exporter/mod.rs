//! Hands the metrics to whoever collects them: a file for the textfile collector, or an HTTP answer for each scrape.
//!
//! It knows nothing of what the text says.

pub mod http;
pub mod textfile;
