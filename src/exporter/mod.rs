//! Publishes metrics: in a file for node_exporter's textfile collector, or over HTTP.
//!
//! Does not depend on the content of the metrics.

pub mod http;
pub mod textfile;
