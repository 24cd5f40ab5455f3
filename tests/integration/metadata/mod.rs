//! The metadata reader compared with `thin_ls` and with known usage, and on damaged metadata.

pub(crate) mod block_writer;
pub(crate) mod builder;
mod damage;
mod exact_counts;
mod live;
mod thin_tools;

use builder::{Pool, Truth};
use thinspect::metadata::{Memory, Options, Usage, read};

/// Reads an image with the default options.
fn usage(image: &[u8]) -> Usage {
    read(&Memory(image.to_vec()), &Options::default()).unwrap()
}

/// Mapped, exclusive and shared blocks of each device.
fn found(usage: &Usage) -> Truth {
    let numbers = |device: &thinspect::metadata::Device| {
        let unknown = u64::MAX;
        (
            device.mapped_blocks.unwrap_or(unknown),
            device.exclusive_blocks.unwrap_or(unknown),
            device.shared_blocks.unwrap_or(unknown),
        )
    };
    usage.devices.iter().map(|device| (device.device_id, numbers(device))).collect()
}

/// A pool with every kind of sharing in few metadata blocks: a base, snapshots of snapshots of several ages, writes
/// in the middle, and an independent device.
fn small_pool() -> Pool {
    let mut pool = Pool::new(40_000, 128);
    pool.create(1);
    pool.write(1, 0, 600);
    pool.snapshot(1, 2);
    pool.write(2, 100, 20);
    pool.snapshot(2, 3);
    pool.write(3, 700, 90);
    pool.write(1, 5, 1);
    pool.snapshot(3, 4);
    pool.create(70_000);
    pool.write(70_000, 1 << 30, 3);
    pool.create(5);
    pool
}
