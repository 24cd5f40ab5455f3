//! Parses versions of kernels and programs, as far as they are compared.
//!
//! Returns `None` unless the text starts with `MAJOR.MINOR`.

/// Major and minor version: `4.18.0-553.el8.x86_64` is (4, 18), `17.05.0-ce` is (17, 5).
#[must_use]
pub fn version(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.split_once('.')?;
    Some((major.parse().ok()?, leading_number(rest)?))
}

/// The build number of a RHEL 7 kernel, which is 3.10.0 with many backports: `3.10.0-514.el7.x86_64` is 514.
#[must_use]
pub fn el7_build(release: &str) -> Option<u32> {
    leading_number(release.strip_prefix("3.10.0-").filter(|rest| rest.contains(".el7"))?)
}

fn leading_number(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_as_kernels_and_docker_name_them() {
        for (text, expected) in [
            ("6.1.0-51-amd64", Some((6, 1))),
            ("4.18.0-553.el8.x86_64", Some((4, 18))),
            ("17.05.0-ce", Some((17, 5))),
            ("20.10.24+dfsg1", Some((20, 10))),
            ("1.9-dev", Some((1, 9))),
            ("25", None),
            ("dev", None),
            ("", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
        assert_eq!(el7_build("3.10.0-514.21.1.el7.x86_64"), Some(514));
        assert_eq!(el7_build("3.10.0-514"), None);
        assert_eq!(el7_build("4.18.0-80.el8"), None);
    }
}
