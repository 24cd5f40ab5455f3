//! The kubelet and cAdvisor.
//!
//! A table.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // Kubernetes.
    says(M::ImageGcOverThreshold, &["Disk usage on image filesystem is", "high threshold"]), // image_gc_manager.go
    says(M::ImageGcFailed, &["Image garbage collection failed"]), // kubelet.go
    says(M::ImageGcFailed, &["failed to garbage collect required amount of images"]), // image_gc_manager.go
    says(M::DiskPressure, &["DiskPressure"]), // the node's condition
];
