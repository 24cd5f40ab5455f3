//! What the table of users can have as rows and as columns.

use clap::ValueEnum;

/// What the rows of the table are.
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
    /// As `usage --by` takes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Image => "image",
            Self::Container => "container",
        }
    }

    /// The next one, in a ring.
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
    /// Space that nothing else maps.
    Exclusive,
    /// Space that others map too.
    Shared,
    /// Space it maps.
    Mapped,
    /// Space that comes back if it is removed: images and containers.
    Frees,
    /// A bar of what the rows are sorted by.
    Bar,
    /// Since it was pulled, tagged or made; of a container that has ended, since then.
    Age,
    /// What a container does, how many containers an image has, what a device is.
    State,
    /// Its id.
    Id,
    /// Its name.
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
