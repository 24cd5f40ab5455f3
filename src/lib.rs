//! thinspect: what is wrong with a thin pool, which limit was hit, and what to do about it.

pub mod advice;
pub mod cli;
pub mod host;
pub mod metadata;
pub mod plan;
pub mod record;
pub mod report;
pub mod rules;
pub mod usage;
pub mod verdict;
