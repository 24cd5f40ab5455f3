//! Rows and columns that the usage table can have.

use clap::ValueEnum;

/// The kind of rows in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum By {
    /// Thin devices.
    #[default]
    Device,
    /// Images.
    Image,
    /// Containers.
    Container,
}

impl By {
    /// The word for `usage --by`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Image => "image",
            Self::Container => "container",
        }
    }

    /// The next kind, cyclically.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Device => Self::Image,
            Self::Image => Self::Container,
            Self::Container => Self::Device,
        }
    }
}

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Column {
    /// Space that no other device maps.
    Exclusive,
    /// Space that other devices map too.
    Shared,
    /// All mapped space.
    Mapped,
    /// Space that removing the image or container returns.
    Frees,
    /// A bar for the amount that the rows are sorted by.
    Bar,
    /// Time since an image was pulled or tagged, or a container was created or ended.
    Age,
    /// State of a container, number of an image's containers, or kind of device.
    State,
    /// The id.
    Id,
    /// The name.
    Name,
}

impl Column {
    pub(super) const fn heading(self, by: By) -> &'static str {
        match self {
            Self::Exclusive => "EXCLUSIVE",
            Self::Shared => "SHARED",
            Self::Mapped => "MAPPED",
            Self::Frees => "FREES",
            Self::Bar => "",
            Self::Age => "AGE",
            Self::State => "STATE",
            Self::Id => "ID",
            Self::Name => match by {
                By::Device => "DEVICE",
                By::Image => "IMAGE",
                By::Container => "CONTAINER",
            },
        }
    }
}
