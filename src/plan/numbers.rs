//! Numbers in plans: their names and meanings, and the ordered map of their values.
//!
//! Names are a stable interface. Unknown numbers are present as `null`.

use super::pool_facts::SpaceFacts;
use crate::host::model::units::{Bytes, DataBlocks, MetadataBlocks};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

macro_rules! numbers {
    ($($variant:ident $name:literal $meaning:literal)+) => {
        /// A number of a plan.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Number {
            $(#[doc = $meaning] $variant),+
        }

        impl Number {
            /// All of them. Those without `metadata_` in their name that count blocks are about the pool's data.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name in JSON, which ends in its unit.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            /// What it means.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning),+
                }
            }
        }
    };
}

numbers! {
    BlockBytes "block_bytes" "Size of a data block."
    TotalBlocks "total_blocks" "Data blocks there are."
    UsedBlocks "used_blocks" "Data blocks in use."
    FreeBlocks "free_blocks" "Data blocks free."
    MetadataBlockBytes "metadata_block_bytes" "Size of a metadata block: always 4096."
    MetadataTotalBlocks "metadata_total_blocks" "Metadata blocks there are."
    MetadataUsedBlocks "metadata_used_blocks" "Metadata blocks in use, with the reserve that newer kernels count as used."
    MetadataFreeBlocks "metadata_free_blocks" "Metadata blocks free."

    CurrentPercent "current_percent" "Percent that Docker demands free now (dm.min_free_space)."
    LargestUnblockingPercent "largest_unblocking_percent" "Largest percent under which neither data nor metadata is refused."
    NewPercent "new_percent" "Percent that the steps set."
    RequiredBlocks "required_blocks" "Data blocks that must be free at the current percent."
    ShortBlocks "short_blocks" "Data blocks missing for that; 0 if none."
    NewRequiredBlocks "new_required_blocks" "Data blocks that must be free at the new percent."
    HeadroomBlocks "headroom_blocks" "Data blocks left above the floor at the new percent."
    HeadroomBytes "headroom_bytes" "The same in bytes."
    EffectiveHeadroomBytes "effective_headroom_bytes" "The same, if the filesystem under the loop file has no more than that free."
    ShortBytes "short_bytes" "The same as short_blocks in bytes."
    Over80PercentBlocks "over_80_percent_blocks" "Data blocks to free so that at most 80 % are in use; 0 if none."
    Over80PercentBytes "over_80_percent_bytes" "The same in bytes."
    WantedBlocks "wanted_blocks" "Data blocks that the steps are to free."
    WantedBytes "wanted_bytes" "The same in bytes."
    GainedBlocks "gained_blocks" "Data blocks that the steps give back."
    GainedBytes "gained_bytes" "The same in bytes."
    ReachableBlocks "reachable_blocks" "Data blocks that removing everything that is not in use gives back."
    ReachableBytes "reachable_bytes" "The same in bytes."
    TrimBytes "trim_bytes" "The most that trimming gives back: what mounted thin devices map, less what their files use."
    FileSurplusBytes "file_surplus_bytes" "What the data's loop file takes beyond what the pool uses."
    MetadataRequiredBlocks "metadata_required_blocks" "Metadata blocks that must be free at the current percent."
    MetadataShortBlocks "metadata_short_blocks" "Metadata blocks missing for that; 0 if none."
    MetadataNewRequiredBlocks "metadata_new_required_blocks" "Metadata blocks that must be free at the new percent."
    MetadataHeadroomBlocks "metadata_headroom_blocks" "Metadata blocks left above the floor at the new percent."
    MetadataHeadroomBytes "metadata_headroom_bytes" "The same in bytes."

    MinimumGrowthBlocks "minimum_growth_blocks" "Fewest data blocks to add so that Docker's floor is met; 0 if it is."
    MinimumGrowthBytes "minimum_growth_bytes" "The same in bytes."
    MinimumTotalBlocks "minimum_total_blocks" "Data blocks there are after that."
    MinimumTotalBytes "minimum_total_bytes" "The same in bytes."
    RecommendedTotalBlocks "recommended_total_blocks" "Data blocks that leave room to work: at most 75 % used, in round units."
    RecommendedTotalBytes "recommended_total_bytes" "The same in bytes."
    NewTotalBlocks "new_total_blocks" "Data blocks there are after the steps."
    NewTotalBytes "new_total_bytes" "The same in bytes."
    GrowthBlocks "growth_blocks" "Data blocks that the steps add."
    GrowthBytes "growth_bytes" "The same in bytes."
    MetadataMinimumGrowthBlocks "metadata_minimum_growth_blocks" "Fewest metadata blocks to add so that Docker's floor is met, in steps of 64."
    MetadataMinimumGrowthBytes "metadata_minimum_growth_bytes" "The same in bytes."
    MetadataMinimumTotalBlocks "metadata_minimum_total_blocks" "Metadata blocks there are after that."
    MetadataMinimumTotalBytes "metadata_minimum_total_bytes" "The same in bytes."
    MetadataRecommendedTotalBlocks "metadata_recommended_total_blocks" "Metadata blocks that leave room, also for the new data size."
    MetadataRecommendedTotalBytes "metadata_recommended_total_bytes" "The same in bytes."
    MetadataNewTotalBlocks "metadata_new_total_blocks" "Metadata blocks there are after the steps."
    MetadataNewTotalBytes "metadata_new_total_bytes" "The same in bytes."
    MetadataGrowthBlocks "metadata_growth_blocks" "Metadata blocks that the steps add."
    MetadataGrowthBytes "metadata_growth_bytes" "The same in bytes."
    MetadataNeededBytes "metadata_needed_bytes" "Metadata for the new data size: 48 bytes a block (the kernel's rule), at least 2 MiB."
    MetadataAdvisedBytes "metadata_advised_bytes" "The same by LVM's rule: 64 bytes a block, at least 2 MiB."
    MetadataLimitBytes "metadata_limit_bytes" "The most metadata the kernel uses: 15.875 GiB."

    ImageCount "image_count" "Images to move, those without a name too."
    LayerCount "layer_count" "Layers they and the containers stand on, each once."
    ContainerCount "container_count" "Containers to move."
    VolumeCount "volume_count" "Volumes, which stay where they are."
    ContentBytes "content_bytes" "The content of the files in those layers."
    ChangesBytes "changes_bytes" "What containers have written at most."
    ArchiveBytes "archive_bytes" "What the archives take, what containers have written included where it was counted."
    UnpackedBytes "unpacked_bytes" "What the new store takes once all is loaded."
    TemporaryBytes "temporary_bytes" "What Docker's own copy takes below its data root while it saves and while it loads."
    ArchiveFreeBytes "archive_free_bytes" "Free where the archives go."

    MetadataCopyBytes "metadata_copy_bytes" "What a copy of the metadata takes, at most."
    RoomNeededBytes "room_needed_bytes" "What has to be free for the copies, with a reserve."
    FilesystemFreeBytes "filesystem_free_bytes" "Free on the filesystem under the loop files, for the kernel's writes."
    FileMayDemandBytes "file_may_demand_bytes" "What the loop files on it can still demand of it after the steps."
    LargestTotalBytes "largest_total_bytes" "Largest data size that the filesystem or the volume group carries."
    VolumeGroupFreeBytes "volume_group_free_bytes" "Free in the volume group."
    VolumeGroupNeededBytes "volume_group_needed_bytes" "What the steps take of it, the spare copy of the metadata included."
    ExtentBytes "extent_bytes" "The unit that volumes of this group grow in."

    UsedBytes "used_bytes" "Data in use, each block counted once however many devices share it."
    DeviceBytes "device_bytes" "Size of the device that the pool moves to, or what the volume group has free."
    DeviceUsableBytes "device_usable_bytes" "What of it is whole extents."
    DeviceNeededBytes "device_needed_bytes" "The least of it that is needed: data, one step of growth, the metadata twice."
    MetadataSpareBytes "metadata_spare_bytes" "What LVM keeps as a spare for the metadata's repair."
    AutoextendThresholdPercent "autoextend_threshold_percent" "Percent of use at which LVM grows the pool."
    AutoextendGrowthPercent "autoextend_growth_percent" "By how much LVM grows it each time, in percent of its size."
    AutoextendRoomBytes "autoextend_room_bytes" "What stays free in the volume group for that."
}

/// An amount that can be set as a number; its unit must match the suffix of the number's name.
pub trait Amount {
    /// The bare number.
    fn amount(self) -> u64;
}

impl Amount for u64 {
    fn amount(self) -> u64 {
        self
    }
}

impl Amount for Bytes {
    fn amount(self) -> u64 {
        self.0
    }
}

impl Amount for DataBlocks {
    fn amount(self) -> u64 {
        self.0
    }
}

impl Amount for MetadataBlocks {
    fn amount(self) -> u64 {
        self.0
    }
}

/// The numbers of a plan, in display order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Numbers(Vec<(Number, Option<u64>)>);

impl Numbers {
    /// Sets a number; a second value replaces the first.
    pub fn set(&mut self, number: Number, value: Option<impl Amount>) {
        let value = value.map(Amount::amount);
        match self.0.iter_mut().find(|(known, _)| *known == number) {
            Some(entry) => entry.1 = value,
            None => self.0.push((number, value)),
        }
    }

    /// Clears counts of data blocks if the block size is a guess; sizes in bytes remain valid.
    pub(super) fn forget_data_blocks(&mut self) {
        for (number, value) in &mut self.0 {
            let name = number.name();
            if *number == Number::BlockBytes || name.ends_with("_blocks") && !name.starts_with("metadata_") {
                *value = None;
            }
        }
    }

    /// Sets the numbers that every space plan starts with: data usage and Docker's free-space floor.
    pub(super) fn set_data(&mut self, data: &SpaceFacts, metadata: &SpaceFacts) {
        self.set(Number::CurrentPercent, data.percent.or(metadata.percent));
        self.set(Number::BlockBytes, data.block);
        self.set(Number::TotalBlocks, data.total);
        self.set(Number::UsedBlocks, data.used());
        self.set(Number::FreeBlocks, data.free);
        self.set(Number::RequiredBlocks, data.required);
        self.set(Number::ShortBlocks, data.short());
    }

    /// The value of a number; `None` where it is unknown.
    #[must_use]
    pub fn get(&self, number: Number) -> Option<u64> {
        self.0.iter().find(|(known, _)| *known == number).and_then(|(_, value)| *value)
    }

    /// [`Self::get`] by name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(number, _)| number.name() == name).and_then(|(_, value)| *value)
    }

    /// All of them in order, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Option<u64>)> {
        self.0.iter().map(|(number, value)| (number.name(), *value))
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl JsonSchema for Numbers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Numbers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = |meaning: &str| {
            serde_json::json!({
                "description": meaning, "type": ["integer", "null"], "minimum": 0, "format": "uint64"
            })
        };
        let properties: serde_json::Map<_, _> =
            Number::ALL.iter().map(|n| (n.name().to_owned(), number(n.meaning()))).collect();
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}
