//! thinspect: what is wrong with a thin pool, which limit was hit, and what to do about it.
