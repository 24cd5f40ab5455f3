//! x
use super::backing::Filesystem;
/// x
pub fn read(_of: &str, _text: &str) -> Vec<Filesystem> {
    Vec::new()
}
