//! Facts about a pool that plans share: block counts of its data and metadata, and whether its state allows changes.
//!
//! Derives the numbers and records how exact they are; each plan decides what to do with them.

use super::Step;
use crate::advice::{Risk, quote};
use crate::host::dm::status::Mode;
use crate::host::docker::min_free;
use crate::host::model::pool::{Pool, Refusal, StatusAnswer};
use crate::host::model::space::Space;
use crate::host::model::text::{Text, text};
use crate::host::model::units::{Blocks, Bytes, METADATA_BLOCK};

/// Smallest chunk size that LVM allows for a thin pool.
const LEAST_CHUNK: Bytes = Bytes(64 << 10);

/// Space of a pool's data or metadata, in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SpaceFacts {
    /// Bytes in a block.
    pub(super) block: Option<u64>,
    /// The block size is a guess: only sizes in bytes are then meaningful, not block counts.
    pub(super) unit_assumed: bool,
    /// Total blocks.
    pub(super) total: Option<u64>,
    /// Free blocks.
    pub(super) free: Option<u64>,
    /// Percent that Docker requires free; `None` or 0 means no check.
    pub(super) percent: Option<u64>,
    /// Blocks that must be free.
    pub(super) required: Option<u64>,
    /// Source of the total.
    pub(super) origin: Origin,
}

/// Source of the block counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Origin {
    /// Exact counts from the kernel or from a report.
    #[default]
    Said,
    /// The total is derived from Docker's refusal and may be a few blocks too small.
    FromRefusal,
    /// Computed from byte sizes that a report had rounded.
    Rounded,
}

impl SpaceFacts {
    /// Space facts for the pool's data.
    pub(super) fn data(pool: &Pool) -> Self {
        let said = pool.block.or(pool.data.block);
        // LVM's reports omit the chunk size; every chunk size is a multiple of the smallest (lvmthin(7)).
        let unit_assumed = said.is_none() && pool.lv.is_some() && pool.data.total_bytes.is_some();
        let block = said.or(unit_assumed.then_some(LEAST_CHUNK));
        Self { unit_assumed, ..Self::of(&pool.data, block, pool.refused_data, pool) }
    }

    /// Space facts for the pool's metadata.
    pub(super) fn metadata(pool: &Pool) -> Self {
        Self::of(&pool.metadata, Some(METADATA_BLOCK), pool.refused_metadata, pool)
    }

    fn of<B: Blocks>(space: &Space<B>, block: Option<Bytes>, refusal: Option<Refusal>, pool: &Pool) -> Self {
        let block = block.map(|b| b.0).filter(|b| *b > 0);
        let percent = match (pool.min_free.percent, refusal) {
            (None, Some(_)) => Some(min_free::DEFAULT_PERCENT),
            (percent, _) => percent,
        };
        let refused = refusal.and_then(|r| Some((r.free?, r.required?, r.least_total(percent?)?)));
        let pair = space.total.and_then(|total| Some((space.free()?.count(), total.count())));
        let (free, total, required, origin) = match (pair, refused) {
            (Some((free, total)), refused) if space.exact || refused.is_none() => {
                let origin = if space.exact { Origin::Said } else { Origin::Rounded };
                (Some(free), Some(total), None, origin)
            }
            (_, Some((free, required, total))) => {
                (Some(free), Some(total), Some(required), Origin::FromRefusal)
            }
            _ => {
                let (free, total) = rounded(space, block);
                (free, total, None, Origin::Rounded)
            }
        };
        let floor_of = |total| percent.map(|p| min_free::required(total, p));
        let required = required.or_else(|| total.and_then(floor_of));
        Self { block, unit_assumed: false, total, free, percent, required, origin }
    }

    /// Blocks in use.
    pub(super) fn used(&self) -> Option<u64> {
        self.total?.checked_sub(self.free?)
    }

    /// Blocks missing to meet the free-space floor; 0 if it is met.
    pub(super) fn short(&self) -> Option<u64> {
        Some(self.required?.saturating_sub(self.free?))
    }

    /// Converts blocks to bytes; `None` if the block size is unknown or the product overflows.
    pub(super) fn bytes(&self, blocks: u64) -> Option<u64> {
        self.block?.checked_mul(blocks)
    }

    /// Formats a block count, with its size if the block size is known.
    pub(super) fn amount(&self, blocks: u64) -> Text {
        match self.bytes(blocks) {
            Some(bytes) => text!("{} blocks ({})", blocks, Bytes(bytes)),
            None => format!("{blocks} blocks").into(),
        }
    }

    /// Warning about inexact numbers; `what` is `data` or `metadata`.
    pub(super) fn caveat(&self, what: &str) -> Option<Text> {
        let (total, percent) = (self.total?, self.percent.unwrap_or(min_free::DEFAULT_PERCENT).max(1));
        match self.origin {
            Origin::Said => None,
            Origin::FromRefusal => {
                let most = self.required?.checked_add(1)?.checked_mul(100)?.checked_sub(1)? / percent;
                Some(text!(
                    "the total of {} {} blocks is not said: it follows from Docker's floor of {} %, and may be up to {}; the \
                     numbers are then up to one block larger",
                    total,
                    what,
                    percent,
                    most
                ))
            }
            Origin::Rounded if self.unit_assumed => Some(
                "the sizes are those of LVM's report, which rounds them and leaves out the chunk size: `lvs --units b -o \
                 +chunk_size` says both"
                    .into(),
            ),
            Origin::Rounded => Some(text!(
                "the {} blocks are computed from sizes that a report rounded to about four digits; run \
                 `dmsetup status --noflush` for exact ones",
                what
            )),
        }
    }
}

/// Free and total blocks computed from rounded byte sizes; falls back to reported block counts.
fn rounded<B: Blocks>(space: &Space<B>, block: Option<u64>) -> (Option<u64>, Option<u64>) {
    let blocks = |bytes: Option<Bytes>| Some(bytes?.0 / block?);
    let (used, total) = (blocks(space.used_bytes), blocks(space.total_bytes));
    let free = used.zip(total).and_then(|(used, total)| total.checked_sub(used));
    (free.or_else(|| space.reported_free.map(B::count)), total.or_else(|| space.total.map(B::count)))
}

/// What a pool's state allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// No restriction.
    Works,
    /// Out of data blocks: the pool has to grow, or something has to be deleted.
    DataFull,
    /// Read-only because the metadata is full: growing the metadata makes it writable again.
    MetadataFull,
    /// The mode was not recorded.
    Unknown,
    /// Something else has to be fixed first: the reason and the first steps.
    Blocked(String, Vec<Step>),
}

/// Determines a pool's state; conditions that block every plan take precedence.
pub(super) fn state(pool: &Pool) -> State {
    let full = |total: Option<u64>, free: Option<u64>| free == Some(0) && total.is_some_and(|t| t > 0);
    let (data, metadata) = (SpaceFacts::data(pool), SpaceFacts::metadata(pool));
    if let StatusAnswer::Silent(ms) = pool.answer {
        let why = format!(
            "the pool did not answer within {ms} ms: its metadata device is stuck, and a resize would hang \
             as well; find out what is wrong with that device first"
        );
        return State::Blocked(why, vec![look_at_kernel(pool)]);
    }
    if pool.needs_check == Some(true) {
        let why = "the pool's metadata needs an offline check (needs_check): until it is repaired the kernel \
                   neither grows the pool nor makes it writable";
        return State::Blocked(why.into(), repair(pool));
    }
    if pool.suspended == Some(true) {
        let (why, steps) = suspended(pool);
        return State::Blocked(why, steps);
    }
    match &pool.mode {
        Some(Mode::Failed) => {
            State::Blocked("the pool has failed: its metadata must be repaired first".into(), repair(pool))
        }
        Some(Mode::ReadOnly) if full(metadata.total, metadata.free) => State::MetadataFull,
        Some(Mode::ReadOnly) => {
            let why = "the pool is read-only and its metadata is not full: a metadata operation failed, or \
                       it was set up read-only; the kernel's log says which, and repair comes first";
            let mut steps = vec![look_at_kernel(pool)];
            steps.extend(repair(pool));
            State::Blocked(why.into(), steps)
        }
        Some(Mode::Other(word)) => {
            let why = format!("the pool is in a mode that this version does not know: {word:?}");
            State::Blocked(why, vec![look_at_kernel(pool)])
        }
        Some(Mode::OutOfDataSpace) => State::DataFull,
        _ if full(data.total, data.free) => State::DataFull,
        Some(Mode::ReadWrite) => State::Works,
        None => State::Unknown,
    }
}

/// The reason a suspended pool blocks every plan, and the first steps.
pub(super) fn suspended(pool: &Pool) -> (String, Vec<Step>) {
    let why = "the pool is suspended: somebody is changing it, or a resize was refused half-way; it has to \
               be resumed first";
    let mut steps = vec![look_at_kernel(pool)];
    if pool.inactive_table == Some(false)
        && let Some(name) = &pool.name
    {
        let command = format!("dmsetup resume {}", quote(name));
        let mut step = Step::new(
            Risk::Changes,
            "resume the pool",
            "No new table waits, so the present one goes on as it is. Make sure that nobody is at work on \
             it.",
            vec![command],
        );
        step.check = Some(format!("dmsetup info {} | grep -q 'State: *ACTIVE'", quote(name)));
        steps.push(step);
    }
    (why.into(), steps)
}

fn look_at_kernel(pool: &Pool) -> Step {
    let name = pool.name.as_deref().map(|n| format!(" {}", quote(n))).unwrap_or_default();
    let commands = vec![
        format!("dmsetup info{name}"),
        format!("dmsetup table --inactive{name}"),
        "dmesg | grep -E 'device-mapper|loop|I/O error' | tail -50".to_owned(),
    ];
    Step::new(
        Risk::Reads,
        "see what the kernel says of it",
        "The reason stands in the kernel's log.",
        commands,
    )
}

fn repair(pool: &Pool) -> Vec<Step> {
    let name = pool.name.as_deref().map(|n| format!(" --pool {}", quote(n))).unwrap_or_default();
    let commands = vec![format!("thinspect plan repair{name}")];
    vec![Step::new(Risk::Reads, "see how to repair it", "Nothing else helps before.", commands)]
}
