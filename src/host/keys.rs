//! `key=value` words, the notation of recorded `stat`, `statfs` and loop answers.
//!
//! A missing or odd value is `None`; order and unknown keys do not matter.

use super::table::DeviceNumber;

/// The value of a key.
#[must_use]
pub fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.split_whitespace().filter_map(|word| word.split_once('=')).find(|(k, _)| *k == key).map(|(_, v)| v)
}

/// The value of a key as a number.
#[must_use]
pub fn number(text: &str, key: &str) -> Option<u64> {
    value(text, key)?.parse().ok()
}

/// The value of a key as a device number.
#[must_use]
pub fn device(text: &str, key: &str) -> Option<DeviceNumber> {
    DeviceNumber::read(value(text, key)?)
}
