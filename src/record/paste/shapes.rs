//! Words of a line with their positions, and predicates for the forms of words that identify a tool's output.

/// The words of a line with their byte offsets.
pub(super) fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let base = line.as_ptr() as usize;
    line.split_whitespace().map(move |word| (word.as_ptr() as usize - base, word))
}

/// Whether a word has only digits.
pub(super) fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a word is a device number: `253:0`.
pub(super) fn is_device_number(word: &str) -> bool {
    word.split_once(':').is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

/// Whether a word is a number with an optional decimal part (point or comma) and unit: `12G`, `1,6G`, `662M`, `0`.
pub(super) fn is_amount(word: &str) -> bool {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    word.len() - digits.len() <= 3
        && digits.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',')
}

/// Whether a word is a percentage, `98%`, or the `-` that `df` prints instead.
pub(super) fn is_percent(word: &str) -> bool {
    word == "-" || word.strip_suffix('%').is_some_and(is_number)
}

/// Whether a word is a mode of `ls -l`: `-rw-r--r--`, `lrwxrwxrwx`, perhaps with a mark for labels or ACLs.
pub(super) fn is_file_mode(word: &str) -> bool {
    let sets = ["-dlbcps", "-r", "-w", "-xsS", "-r", "-w", "-xsS", "-r", "-w", "-xtT"];
    word.len() >= sets.len()
        && word.chars().zip(sets).all(|(c, set)| set.contains(c))
        && matches!(word.get(sets.len()..), Some("" | "." | "+" | "@"))
}

/// Whether a word has the 8 to 10 attribute letters of `lvs` (man/lvs.8_end).
pub(super) fn is_lv_attr(word: &str) -> bool {
    let sets = [
        "-CmMoOrRsSpviIlcVtTeEdDg",
        "wrR",
        "aAcCiIlLnN",
        "-m",
        "-asSiIdcChHtTX",
        "-oX",
        "-mMrstuvLCPpVX",
        "-z",
        "-pmXrFDMwsSRe",
        "-kp",
    ];
    (8..=sets.len()).contains(&word.len())
        && word.contains('-')
        && word.chars().zip(sets).all(|(c, set)| set.contains(c))
}

/// Whether a word has the attribute letters of `vgs`: `wz--n-`.
pub(super) fn is_vg_attr(word: &str) -> bool {
    let sets = ["wr", "-z", "-x", "-p", "-cnla", "-cs"];
    word.len() == sets.len() && word.chars().zip(sets).all(|(c, set)| set.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_modes_are_distinguished() {
        for attr in
            ["twi-aot---", "twi-aotzD-", "twi---tz--", "-wi-ao----", "Vwi-aotz--", "ewi-aor---", "Twi-ao----"]
        {
            assert!(is_lv_attr(attr) && !is_file_mode(attr), "{attr}");
        }
        for mode in ["-rw-------", "drwxr-xr-x.", "lrwxrwxrwx", "brw-rw----", "----------"] {
            assert!(is_file_mode(mode) && !is_lv_attr(mode), "{mode}");
        }
        assert!(is_vg_attr("wz--n-") && !is_vg_attr("wizard"));
        assert!(is_amount("1,6G") && is_amount("0") && !is_amount("G") && !is_amount("-"));
    }
}
