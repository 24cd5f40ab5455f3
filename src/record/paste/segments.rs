//! Splits a line into device-mapper targets or fields.
//!
//! Splits only at certain matches: a sentence that mentions a field stays whole. Never loses the words around a target
//! or field.

use super::dm;
use super::fields::{self, Class, Field};

/// A piece of a line.
pub(super) enum Piece<'a> {
    /// A device-mapper target.
    Target(dm::Target<'a>),
    /// `Name: value`.
    Field(&'static Field, &'a str),
    /// The whole line, if it has other words than the targets that follow.
    Around(&'a str),
    /// Anything else.
    Rest(&'a str),
}

/// The pieces of a line, in order.
pub(super) fn pieces(line: &str) -> Vec<Piece<'_>> {
    let (targets, sentence) = dm::targets(line);
    if !targets.is_empty() {
        let whole = sentence.then_some(Piece::Around(line));
        return whole.into_iter().chain(targets.into_iter().map(Piece::Target)).collect();
    }
    let found = fields::find(line);
    let starts = found.first().is_some_and(|(at, _)| line.get(..*at).is_some_and(is_blank_or_bullet));
    let certain = found.iter().any(|(_, field)| field.class == Class::Pool);
    if !starts && !certain {
        return vec![Piece::Rest(line)];
    }
    let cuts: Vec<(usize, &'static Field)> = if starts {
        found
    } else {
        found
            .into_iter()
            .filter(|(_, f)| matches!(f.class, Class::Pool | Class::Docker | Class::Common))
            .collect()
    };
    let mut pieces = Vec::with_capacity(cuts.len() + 1);
    if let Some(before) = cuts.first().and_then(|(at, _)| line.get(..*at))
        && !is_blank_or_bullet(before)
    {
        pieces.push(Piece::Rest(before));
    }
    let ends = cuts.iter().skip(1).map(|(at, _)| *at).chain([line.len()]);
    pieces.extend(cuts.iter().zip(ends).filter_map(|((at, field), end)| {
        let text = line.get(*at..end)?.trim_end().trim_end_matches([',', ';']);
        Some(Piece::Field(field, text.trim_end_matches('`')))
    }));
    pieces
}

fn is_blank_or_bullet(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || "-*•+\"'`".contains(c))
}
