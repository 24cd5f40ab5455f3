//! The two messages to a pool: reserve a metadata snapshot, and release it if it is ours.
//! Never releases a snapshot whose superblock differs by a byte from the one that was taken.

use super::Outcome;
use crate::advice::quote;
use crate::host::dm::status::{HeldRoot, pool_status};
use crate::metadata::{self, MetadataFile};
use devicemapper::{DM, DevId, DmError, DmFlags, DmName, DmOptions, errors};
use nix::errno::Errno;
use std::path::{Path, PathBuf};

/// The command that releases a pool's metadata snapshot, no matter which program took it.
#[must_use]
pub fn release_command(name: &str) -> String {
    format!("dmsetup message {} 0 release_metadata_snap", quote(name))
}

/// A snapshot that this program took, with what identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    name: String,
    metadata: PathBuf,
    /// The metadata block of its superblock.
    pub(super) block: u64,
    /// The bytes of that block. Another snapshot in the same block would have another transaction id.
    pub(super) contents: Option<Vec<u8>>,
}

/// Takes a metadata snapshot. The kernel commits before and after (drivers/md/dm-thin.c,
/// `process_reserve_metadata_snap_mesg`, `pool_message`), so the snapshot can be read at once.
pub(super) fn take(name: &str, metadata: &Path) -> Result<Own, String> {
    let dm = DM::new().map_err(|e| e.to_string())?;
    message(&dm, name, "reserve_metadata_snap").map_err(|errno| match errno {
        Errno::EBUSY => "somebody else holds one by now".to_owned(),
        Errno::EOPNOTSUPP => "the pool is not in a state for it".to_owned(),
        other => other.desc().to_owned(),
    })?;
    // From here on a snapshot is held, and every error path must release it.
    let Some(block) = held(&dm, name) else {
        let undone = message(&dm, name, "release_metadata_snap");
        let undone = undone.map_or_else(|errno| errno.desc().to_owned(), |()| "it was released".to_owned());
        return Err(format!("the pool does not say where it is; {undone}"));
    };
    let Some(contents) = contents(metadata, block) else {
        // Without its bytes it could not be identified later. Now it is certainly ours, so release it.
        let undone = message(&dm, name, "release_metadata_snap");
        let undone = undone.map_or_else(|errno| errno.desc().to_owned(), |()| "it was released".to_owned());
        return Err(format!("the pool's metadata cannot be read; {undone}"));
    };
    Ok(Own { name: name.to_owned(), metadata: metadata.to_owned(), block, contents: Some(contents) })
}

impl Own {
    /// The snapshot in `block`, which a guardian reported as taken.
    pub(super) fn at(name: &str, metadata: &Path, block: u64) -> Self {
        let contents = contents(metadata, block);
        Self { name: name.to_owned(), metadata: metadata.to_owned(), block, contents }
    }

    /// Why the snapshot now held in `block`, with the bytes `now`, must not be released; `None` if it is this one.
    /// Bytes that could not be read never match.
    pub(super) fn why_not(&self, block: u64, now: Option<&[u8]>) -> Option<String> {
        if block != self.block {
            return Some(format!("another is held now, in metadata block {block}"));
        }
        match (self.contents.as_deref(), now) {
            (Some(taken), Some(now)) if taken == now => None,
            (Some(_), Some(_)) => Some(format!("another is held now, in metadata block {block}")),
            _ => Some(format!(
                "the metadata cannot be read, so that it is not known whose it is that is held in block {block}; if it is \
                 yours: {}",
                release_command(&self.name)
            )),
        }
    }

    /// Releases the snapshot if the pool still holds this one.
    pub(super) fn release(&self) -> Outcome {
        let dm = match DM::new() {
            Ok(dm) => dm,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        match held(&dm, &self.name) {
            Some(block) => {
                let now = (block == self.block).then(|| contents(&self.metadata, block)).flatten();
                if let Some(why) = self.why_not(block, now.as_deref()) {
                    return Outcome::Lost(why);
                }
            }
            None => return Outcome::Lost("none is held now".to_owned()),
        }
        match message(&dm, &self.name, "release_metadata_snap") {
            Ok(()) => Outcome::Released,
            Err(errno) => Outcome::Failed(errno.desc().to_owned()),
        }
    }
}

fn contents(metadata: &Path, block: u64) -> Option<Vec<u8>> {
    metadata::block(&MetadataFile::open(metadata).ok()?, block).ok()
}

fn message(dm: &DM, name: &str, words: &str) -> Result<(), Errno> {
    let name = DmName::new(name).map_err(|_| Errno::EINVAL)?;
    dm.target_msg(&DevId::Name(name), None, words).map(drop).map_err(|error| match error {
        DmError::Core(errors::Error::Ioctl(_, _, _, errno)) => *errno,
        _ => Errno::EPROTO,
    })
}

/// The block of the metadata snapshot that the pool holds. `DM_NOFLUSH` keeps the status query from committing.
fn held(dm: &DM, name: &str) -> Option<u64> {
    let options = DmOptions::default().set_flags(DmFlags::DM_NOFLUSH);
    let (_, targets) = dm.table_status(&DevId::Name(DmName::new(name).ok()?), options).ok()?;
    match pool_status(&targets.first()?.3).held_root? {
        HeldRoot::Block(block) => Some(block),
        HeldRoot::No => None,
    }
}
