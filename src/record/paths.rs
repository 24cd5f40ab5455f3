//! Comparing paths by their components.

/// Whether a path is a directory itself or below it: `/var/lib` is below `/var` and `/`, `/variant` is not below
/// `/var`.
#[must_use]
pub fn is_at_or_below(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::is_at_or_below;

    #[test]
    fn components_decide() {
        for (path, directory, expected) in [
            ("/var/lib", "/var", true),
            ("/var", "/var/", true),
            ("/var", "/", true),
            ("/variant", "/var", false),
            ("/", "/var", false),
        ] {
            assert_eq!(is_at_or_below(path, directory), expected, "{path} {directory}");
        }
    }
}
