//! Damaged metadata: never a panic or endless walk, and never a wrong number without a report of damage.

use std::io;

use thinspect::metadata::{Blocks, Error, Memory, Options, Usage, What, read, reclaimable};

use super::block_writer::{NODE, SUPERBLOCK, seal};
use super::builder::{Pool, Truth};
use super::{found, small_pool, usage};

const BLOCK: usize = 4096;

/// Checks that the numbers are unchanged or damage is reported, and that no known number is wrong.
fn honest(sound: &Usage, damaged: &Usage) {
    if damaged.damage.is_empty() {
        let same = (found(damaged), damaged.data, damaged.unaccounted_blocks);
        assert_eq!(same, (found(sound), sound.data, sound.unaccounted_blocks));
    }
    assert_eq!(damaged.damage.len() as u64, damaged.damaged);
    for device in &damaged.devices {
        let Some(before) = sound.devices.iter().find(|before| before.device_id == device.device_id) else {
            panic!("device {} was never there", device.device_id);
        };
        let differs = |now: Option<u64>, then: Option<u64>| now.is_some() && now != then;
        assert!(!differs(device.mapped_blocks, before.mapped_blocks), "{device:?} {before:?}");
        assert!(!differs(device.exclusive_blocks, before.exclusive_blocks), "{device:?} {before:?}");
        assert!(!differs(device.shared_blocks, before.shared_blocks), "{device:?} {before:?}");
    }
}

fn attempt(image: &[u8]) -> Result<Usage, Error> {
    let options = Options { threads: 1, ..Options::default() };
    let freed = reclaimable(&Memory(image.to_vec()), &[2, 3], &options);
    assert!(
        freed.is_ok_and(|freed| freed.blocks.is_some() || !freed.damage.is_empty())
            || usable(image).is_none()
    );
    read(&Memory(image.to_vec()), &options)
}

fn usable(image: &[u8]) -> Option<()> {
    read(&Memory(image.to_vec()), &Options { details_only: true, ..Options::default() }).ok().map(|_| ())
}

fn pools() -> Vec<Pool> {
    let mut held = small_pool();
    held.hold();
    held.write(1, 300, 40);
    vec![small_pool(), held]
}

#[test]
fn every_byte_flipped() {
    for pool in pools() {
        let image = pool.image(1);
        let sound = usage(&image);
        assert_eq!(sound.damage, []);
        // An optimized build flips every byte; others every 41st, plus headers and superblock.
        let step = if cfg!(debug_assertions) { 41 } else { 1 };
        let headers = |at: &usize| *at < 512 || at % BLOCK < 40 || at.is_multiple_of(step);
        flip(&image, &sound, (0..image.len()).filter(headers));
    }
}

fn flip(image: &[u8], sound: &Usage, places: impl Iterator<Item = usize>) {
    let mut image = image.to_vec();
    for at in places {
        image[at] ^= 0x10;
        match attempt(&image) {
            Ok(damaged) => honest(sound, &damaged),
            Err(error) => assert!(at < BLOCK, "byte {at}: {error}"),
        }
        image[at] ^= 0x10;
    }
}

/// A device, a snapshot that shares a leaf with it, and an independent device: every byte, in every build.
#[test]
fn every_byte_of_the_smallest_pool() {
    let mut pool = Pool::new(1000, 128);
    pool.create(2);
    pool.write(2, 0, 300);
    pool.snapshot(2, 3);
    pool.write(3, 0, 1);
    pool.create(9);
    pool.write(9, 5, 2);
    let image = pool.image(1);
    let sound = usage(&image);
    assert_eq!(sound.damage, []);
    flip(&image, &sound, 0..image.len());
}

#[test]
fn every_byte_flipped_under_a_fitting_checksum() {
    for pool in pools() {
        let image = pool.image(1);
        for at in (0..image.len()).filter(|at| at % BLOCK < 64 || at % 61 == 0) {
            let mut image = image.clone();
            image[at] ^= 1 << (at % 8);
            let block = at / BLOCK;
            let page = &mut image[block * BLOCK..][..BLOCK];
            let salt = if block == 0 { SUPERBLOCK } else { NODE };
            if at % BLOCK >= 4 {
                seal(page, salt);
            }
            // Data with a valid checksum may be trusted; it must only not crash the reader.
            let _ = attempt(&image);
        }
    }
}

#[test]
fn every_length() {
    let image = small_pool().image(3);
    let sound = usage(&image);
    // Truncation within a block makes no difference, because only whole blocks are read.
    let step = if cfg!(debug_assertions) { 512 } else { 1 };
    for length in (0..=image.len()).step_by(step) {
        match attempt(&image[..length]) {
            Ok(damaged) => {
                honest(&sound, &damaged);
                assert_eq!(damaged.damage.is_empty(), length == image.len());
            }
            Err(_) => assert!(length < BLOCK, "{length}"),
        }
    }
}

/// Changes a number in a block and fixes the checksum.
fn forge(image: &mut [u8], block: u64, salt: u32, at: usize, number: u64) {
    let page = &mut image[block as usize * BLOCK..][..BLOCK];
    page[at..at + 8].copy_from_slice(&number.to_le_bytes());
    seal(page, salt);
}

/// The first internal node; device trees come first in the image.
fn internal(image: &[u8]) -> u64 {
    (1_u64..).find(|&block| image[block as usize * BLOCK + 4] == 1).unwrap()
}

const FIRST_VALUE: usize = 32 + 8 * 252;

#[test]
fn a_circle_ends() {
    let mut image = small_pool().image(3);
    let block = internal(&image);
    forge(&mut image, block, NODE, FIRST_VALUE, block);
    let usage = usage(&image);
    assert!(usage.damage.iter().any(|damage| damage.block == block && damage.what == What::Cycle));
}

#[test]
fn pointers_to_nowhere() {
    for number in [0, 1 << 20, u64::MAX] {
        let mut image = small_pool().image(3);
        let block = internal(&image);
        forge(&mut image, block, NODE, FIRST_VALUE, number);
        let usage = usage(&image);
        assert!(usage.damage.iter().any(|damage| damage.what == What::Beyond(number)), "{:?}", usage.damage);
    }
    for at in [64 + 16, 64 + 24, 192 + 16, 192 + 24, 320, 328] {
        let mut image = small_pool().image(3);
        forge(&mut image, 0, SUPERBLOCK, at, 1 << 50);
        assert!(usage(&image).damage.iter().any(|damage| damage.what == What::Beyond(1 << 50)));
    }
}

#[test]
fn absurd_sizes_cost_nothing() {
    for (at, number) in [(64, u64::MAX), (64, 1 << 40), (192, u64::MAX), (192, 0), (64, 0)] {
        let mut image = small_pool().image(3);
        forge(&mut image, 0, SUPERBLOCK, at, number);
        assert!(!usage(&image).damage.is_empty());
    }
}

#[test]
fn a_count_that_is_not_the_trees() {
    let pool = small_pool();
    let image = pool.image(3);
    let details = u64::from_le_bytes(image[328..336].try_into().unwrap());
    let mut image = image;
    forge(&mut image, details, NODE, 32 + 8 * 126, 601);
    let found = usage(&image);
    let what = What::MappedCount { device_id: 1, details: 601, tree: 600 };
    assert_eq!(found.damage.iter().map(|damage| damage.what.clone()).collect::<Vec<_>>(), [what]);
}

#[test]
fn a_bitmap_lost_costs_no_device_its_numbers() {
    let pool = small_pool();
    let mut image = pool.image(3);
    // The first block that is not a node is the data space map's first bitmap.
    let bitmap = (1..).find(|block| image[block * BLOCK + 4..block * BLOCK + 8] == [0; 4]).unwrap();
    image[bitmap * BLOCK + 2000] ^= 1;
    let usage = usage(&image);
    assert_eq!(usage.damage.len(), 2, "{:?}", usage.damage);
    assert_eq!((found(&usage), usage.unaccounted_blocks), (pool.truth(), None));
}

#[test]
fn not_thin_metadata() {
    for image in [vec![], vec![0; 100], vec![0; 8192], vec![0xff; 8192]] {
        let error = read(&Memory(image.clone()), &Options::default()).unwrap_err();
        assert!(matches!(error, Error::NotThinMetadata | Error::Io(_)), "{error}");
    }
    let mut image = small_pool().image(3);
    image[360] = 1;
    seal(&mut image[..BLOCK], SUPERBLOCK);
    assert!(matches!(read(&Memory(image), &Options::default()), Err(Error::Unsupported(_))));
}

/// Fails to read one block, also as part of a larger read.
struct Bad(Memory, u64);

impl Blocks for Bad {
    fn total(&self) -> u64 {
        self.0.total()
    }

    fn read(&self, first: u64, buf: &mut [u8]) -> io::Result<()> {
        if (first..first + (buf.len() / BLOCK) as u64).contains(&self.1) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.0.read(first, buf)
    }
}

#[test]
fn every_block_unreadable_in_turn() {
    for pool in pools() {
        let image = pool.image(1);
        let sound = usage(&image);
        for block in 0..(image.len() / BLOCK) as u64 {
            match read(&Bad(Memory(image.clone()), block), &Options::default()) {
                Ok(damaged) => {
                    honest(&sound, &damaged);
                    let named =
                        damaged.damage.iter().filter(|damage| matches!(damage.what, What::Unreadable(_)));
                    assert!(named.into_iter().all(|damage| damage.block == block));
                    // The details of a held metadata snapshot are not needed; the last block is free.
                    let needed = sound.held_root.is_none() && block + 1 < (image.len() / BLOCK) as u64;
                    assert!(!needed || !damaged.damage.is_empty(), "block {block}");
                }
                Err(error) => assert!(block == 0 && matches!(error, Error::Io(_))),
            }
        }
    }
}

#[test]
fn damage_of_one_device_leaves_the_others_exact() {
    let pool = small_pool();
    let mut image = pool.image(3);
    let truth: Truth = pool.truth();
    // The three mappings of device 70000 fill one leaf, whose first key is their first block.
    let key = (1_u64 << 30).to_le_bytes();
    let leaf = (1..).find(|block| image[block * BLOCK + 32..block * BLOCK + 40] == key).unwrap();
    image[leaf * BLOCK + 3000] ^= 1;
    let usage = usage(&image);
    assert_eq!((usage.skipped, usage.unaccounted_blocks), (1, None));
    for device in usage.devices {
        let (mapped, exclusive, _) = truth[&device.device_id];
        assert_eq!(device.mapped_blocks, Some(mapped));
        assert_eq!(device.exclusive_blocks, Some(exclusive).filter(|_| device.device_id != 70_000));
    }
}
