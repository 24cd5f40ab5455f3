//! Owners of thin devices: the files of Docker and containerd read, joined, counted, and selected for removal.

mod bbolt;
mod containerd;
mod docker;
mod files;
mod fixture;
mod output;
mod plan_free_need;
mod selection;
mod totals;
