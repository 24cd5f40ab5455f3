//! thinspect: what is wrong with a thin pool, which limit was hit, and what to do about it.

pub mod advice;
pub mod host;
pub mod metadata;
pub mod record;
pub mod rules;
pub mod verdict;
