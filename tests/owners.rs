//! Names of thin devices: the files of Docker and containerd read, joined, counted, and picked for removal.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that stumbles should stop where it stumbles"
)]

#[path = "owners/bolt.rs"]
mod bolt;
#[allow(dead_code, reason = "shared with the tests of the metadata, which use more of it")]
#[path = "metadata/builder.rs"]
mod builder;
#[path = "owners/containerd.rs"]
mod containerd;
#[path = "owners/counting.rs"]
mod counting;
#[path = "owners/docker.rs"]
mod docker;
#[path = "owners/files.rs"]
mod files;
#[path = "owners/free.rs"]
mod free;
#[path = "owners/need.rs"]
mod need;
#[allow(dead_code, reason = "shared with the tests of the metadata, which use more of it")]
#[path = "metadata/pages.rs"]
mod pages;
#[path = "owners/shown.rs"]
mod shown;
#[path = "owners/world.rs"]
mod world;
